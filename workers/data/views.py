"""The maps of one image, by name, and their sizes."""

import math
from typing import Any

import numpy as np

from workers.data.errors import BadUvMap, SizeMismatch
from workers.data.names import short

# In messages.
CALLED = {
    "photograph": "photograph",
    "revealed": "photograph",
    "uv": "UV map",
    "stored_uv": "UV map",
    "clothes_uv": "UV map",
    "body": "UV map",
    "segmentation": "segmentation",
    "person": "segmentation",
    "garment": "segmentation",
    "head": "segmentation",
    "torso": "row",
}


View = dict[str, np.ndarray]
"""Maps of one image, by name:

- `photograph`: uint8 (H, W, 3) RGB,
- `uv`: float32 (2, H, W) in [-1, 1], NaN off the body,
- `stored_uv`: the same as uint16 (2, H, W), as `models.uv_maps.quantise` makes it, 0 off the body,
- `clothes_uv`: `stored_uv`, undefined where the segmentation knows hair or hands before clothes,
- `body`: bool (H, W), where `uv` is defined,
- `revealed`: uint8 (H, W, 4), N' (`models.maps.Target`): RGB where head and hands are, 0 elsewhere;
  and 255 where they are,
- `segmentation`: uint8 (H, W), label codes of `world.labels`,
- `person`: bool (H, W), where `segmentation` is not background,
- `garment`, `head`: bool (H, W), where it is clothes or shoes; where face, hair, hat or glasses,
- `torso`: bool (H, W), a square of at most 256 pixels about the middle of shoulders and hips,
- `keypoints`: float32 (18, 3), OpenPose's points (x, y, visible) in pixels.
"""


def refuse_mismatch(image_id: str, view: View) -> None:
    """SizeMismatch where the maps of an image differ in size."""
    shapes = {name: map_.shape for name, map_ in view.items() if name != "keypoints"}
    sizes = {
        CALLED[name]: f"{w}x{h}"
        for name, shape in shapes.items()
        for h, w in [shape[1:] if name.endswith("uv") else shape[:2]]
    }
    if len(set(sizes.values())) > 1:
        (first, size), *others = sizes.items()
        said = ", ".join(f"its {name} {other}" for name, other in others)
        raise SizeMismatch(f"{short(image_id)}: the {first} has {size} pixels, {said}")


def square_about(
    points: np.ndarray, shape: tuple[int, ...], side: int = 256
) -> tuple[slice, slice]:
    """Rows and columns of a square about the middle of points (N, 2), x and y.

    It lies in the picture of this shape (H, W, ...) whole, so it may be smaller, or off the middle.
    """
    side = min(side, *shape[:2])
    left, top = points.mean(axis=0) - side / 2
    x, y = (round(min(max(at, 0), n - side)) for at, n in ((left, shape[1]), (top, shape[0])))
    return slice(y, y + side), slice(x, x + side)


def whole(side: float | None) -> int:
    """A width or height as the number that it is; 0 for none, NaN, fractions and less than 0."""
    return int(side) if side is not None and side > 0 and side % 1 == 0 else 0


def stored_map(row: dict[str, Any], name: str) -> np.ndarray:
    """(2, H, W) uint16; BadUvMap where the bytes do not suit the size."""
    width, height, data = row["width"], row["height"], row["uv"] or b""
    shape = (2, whole(height), whole(width))
    if not 0 < 2 * math.prod(shape) == len(data):
        raise BadUvMap(
            f"{name}: a UV map of {width}x{height} pixels has {width}x{height}x4 bytes, "
            f"this one {len(data)}"
        )
    return np.frombuffer(data, "<u2").reshape(shape)
