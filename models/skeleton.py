"""Skeletons: OpenPose's 18 points of a body, and its bones drawn as maps, one bone a map.

A skeleton is (18, 2) float32: x and y in pixels of the map (integers are centres, as everywhere),
NaN where a point is missing. Left and right are the person's.
"""

import torch
from torch import Tensor

POINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder",
    "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip",
    "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
# The points of each bone: the 17 that OpenPose draws, then its two from shoulder to ear.
BONES = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12),
    (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17),
)  # fmt: skip
# The point on the person's other side.
MIRROR = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)


def bone_maps(skeletons: Tensor, size: tuple[int, int], bones: int = 17) -> Tensor:
    """Draw skeletons (B, 18, 2) as anti-aliased lines a pixel wide: (B, bones, h, w) in [0, 1].

    A pixel has 1 less its distance from the bone, in pixels. A bone that lacks an end is not drawn.
    """
    ends = skeletons[:, torch.tensor(BONES[:bones], device=skeletons.device)]  # (B, bones, 2, 2)
    start, along = ends[:, :, 0], ends[:, :, 1] - ends[:, :, 0]
    length = along.square().sum(-1)[..., None, None].clamp(min=1e-6)
    x, y = _from(start, size)  # (B, bones, 1, w) and (B, bones, h, 1)
    dx, dy = along[..., 0, None, None], along[..., 1, None, None]
    share = ((x * dx + y * dy) / length).clamp(0, 1)
    distance = torch.hypot(x - share * dx, y - share * dy)
    return (1 - distance).clamp(min=0).nan_to_num(0)


def heat_maps(skeletons: Tensor, size: tuple[int, int], spread: float = 1.5) -> Tensor:
    """A bell of a standard deviation of `spread` pixels about each point: (B, 18, h, w).

    0 where a point is missing. The paper has bones alone, which do not show a point without a
    neighbour.
    """
    x, y = (torch.exp(-(d.square()) / (2 * spread**2)) for d in _from(skeletons, size))
    return (x * y).nan_to_num(0)


def mirrored(skeletons: Tensor, width: int | Tensor) -> Tensor:
    """Skeletons (B, 18, 2) as a mirror shows them in maps of a width: left and right change."""
    other = skeletons[:, torch.tensor(MIRROR, device=skeletons.device)]
    return torch.stack([width - 1 - other[..., 0], other[..., 1]], dim=-1)


def _from(points: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """How far columns and rows lie from points (..., 2): (..., 1, w) and (..., h, 1)."""
    rows, columns = (torch.arange(n, device=points.device, dtype=torch.float32) for n in size)
    return columns - points[..., 0, None, None], rows[:, None] - points[..., 1, None, None]
