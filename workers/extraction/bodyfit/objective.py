"""What a body leaves unexplained of a reading: distances in metres at the person's depth."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from skimage.measure import find_contours
from torch import Tensor
from torch.nn import functional as F

from workers.extraction.bodyfit import SIDE
from workers.extraction.bodyfit.body import FitBody, shape_weights
from workers.extraction.bodyfit.readings import Reading, Sighting
from world.camera import DISTANCE, NEAR

LANDMARK_WEIGHT = 60.0
# How much a landmark counts: hips lie deep in the body, fingers and ears are read badly.
WEIGHTS = np.array(
    [0.6, 0.15, 0.6, 0.15, 0.15, 0.6, 0.15, 0.3, 0.3, 0.4, 0.4]  # face
    + [1.0] * 6  # shoulders, elbows, wrists
    + [0.25] * 4 + [0.15] * 2  # little fingers, index fingers, thumbs
    + [0.3] * 2 + [1.0] * 4  # hips, knees, ankles
    + [0.4] * 2 + [0.5] * 2  # heels, toes
)  # fmt: skip
OUT_OF_SIGHT = 0.15  # of a landmark outside the photograph, which is a guess
CERTAIN = 0.08  # metres of spread between copies at which a landmark counts half
SEGMENTS = (  # from, to, weight: whose directions in space count
    (11, 13, 1.0), (13, 15, 1.0), (12, 14, 1.0), (14, 16, 1.0), (23, 25, 1.0), (25, 27, 1.0),
    (24, 26, 1.0), (26, 28, 1.0), (12, 11, 3.0), (24, 23, 0.7), (23, 11, 1.0), (24, 12, 1.0),
    (29, 31, 0.5), (30, 32, 0.5), (15, 19, 0.3), (16, 20, 0.3), (8, 7, 1.0), (7, 0, 0.5),
    (8, 0, 0.5), (15, 17, 0.2), (16, 18, 0.2),
)  # fmt: skip
PRIOR_WEIGHT = 0.15
OUTSIDE_TOLERANCE = 0.15  # metres off the mask at which a vertex begins to be given up
OUTLINE_TOLERANCE = 0.05  # metres off the body at which a point of the outline is
TOUCHING = 0.008  # metres: nearer vertices touch the outline
OUTLINE = 160  # points
HAIR = 0.15  # weight of the outline's points that are nearer to the face than to the body
TORSO = 0.5  # metres from shoulders to hips, about
LEAST_TORSO = 40.0  # pixels, of who is seen from above or below


class Stage(NamedTuple):
    """A part of the fit, with its own weights."""

    steps: int
    rate: float  # the largest, of Adam
    tolerance: float  # metres off at which a landmark begins to be given up
    directions: float  # weight of the landmarks' directions in space
    inside: float  # weight of vertices outside the mask
    outline: float  # weight of the mask's outline off the body
    kept: int  # readings of each person that go on afterwards


class Targets(NamedTuple):
    """What B readings say."""

    points: Tensor  # (B, 33, 2)
    directions: Tensor  # (B, segments, 3)
    weights: Tensor  # (B, 33)
    segment_weights: Tensor  # (B, segments)
    visible: Tensor  # (B, 33)
    distance: Tensor  # (B, 1, SIDE, SIDE) pixels to the mask
    photograph: Tensor  # (B, 4)
    outline: Tensor  # (B, OUTLINE, 2)
    outline_weights: Tensor  # (B, OUTLINE)


class State(Protocol):
    """What the body is like: angles (B, P), yaw (B,), trait logits (B, 5), focal (B,), centre."""

    @property
    def angles(self) -> Tensor: ...  # noqa: D102
    @property
    def traits(self) -> Tensor: ...  # noqa: D102
    @property
    def focal(self) -> Tensor: ...  # noqa: D102
    @property
    def centre(self) -> Tensor: ...  # noqa: D102

    yaw: Tensor


class Objective:
    """Costs of states of the body."""

    def __init__(self, body: FitBody, targets: Targets):
        self.body, self.targets = body, targets
        self.pixels_a_metre = torch.ones(len(targets.points))
        start, end, _ = zip(*SEGMENTS, strict=True)
        self._start, self._end = torch.tensor(start), torch.tensor(end)

    def rows(self, index: Tensor) -> "Objective":
        """The objective of some rows of the batch."""
        rows = Objective(self.body, Targets(*(values[index] for values in self.targets)))
        rows.pixels_a_metre = self.pixels_a_metre[index]
        return rows

    def landmarks(self, state: State) -> Tensor:
        """(B, 33, 3) metres from the root."""
        rotations = self.body.rotations(state.angles, state.yaw)
        return self.body.landmarks(*self.body.skin(shape_weights(state.traits), rotations))

    def __call__(self, state: State, stage: Stage) -> Tensor:
        """(B,)."""
        rotations = self.body.rotations(state.angles, state.yaw)
        shape = shape_weights(state.traits)
        points = self.body.landmarks(*self.body.skin(shape, rotations))
        scale = self.pixels_a_metre[:, None]
        t = self.targets
        shown = project(points, state.focal, state.centre)[..., :2]
        off = (shown - t.points).norm(dim=-1) / scale
        cost = LANDMARK_WEIGHT * (t.weights * tolerant(off, stage.tolerance)).sum(1)
        cosine = (self._directions(points) * t.directions).sum(-1)
        cost = cost + stage.directions * (t.segment_weights * (1 - cosine)).sum(1)
        cost = cost + PRIOR_WEIGHT * self.body.prior.cost(state.angles)
        cost = cost + self.body.unlikely(state.traits)
        if not stage.inside:
            return cost
        vertices, _ = self.body.surface(shape, rotations)
        shown = project(vertices, state.focal, state.centre)[..., :2]
        return (
            cost
            + stage.inside * self._outside(shown, scale)
            + stage.outline * self._off_outline(shown, scale)
        )

    def _directions(self, points: Tensor) -> Tensor:
        return F.normalize(points[:, self._end] - points[:, self._start], dim=-1)

    def _outside(self, shown: Tensor, scale: Tensor) -> Tensor:
        """How far the body's vertices lie off the mask, of those on the photograph."""
        low, high = self.targets.photograph[:, None, :2], self.targets.photograph[:, None, 2:]
        on = ((shown > low) & (shown < high)).all(-1)
        grid = shown[:, :, None] / (SIDE - 1) * 2 - 1
        distance = F.grid_sample(
            self.targets.distance, grid, align_corners=True, padding_mode="border"
        )[:, 0, :, 0]
        off = tolerant(distance / scale, OUTSIDE_TOLERANCE)
        return (off * on).sum(1) / on.sum(1).clamp_min(50)

    def _off_outline(self, shown: Tensor, scale: Tensor) -> Tensor:
        """How far the mask's outline lies off the body's nearest vertices."""
        outline = self.targets.outline
        with torch.no_grad():  # which vertex is nearest; only its own distance has a slope
            order = shown.square().sum(-1)[:, None]  # less that of the outline's point
            index = torch.baddbmm(order, outline, shown.mT, alpha=-2).argmin(-1, keepdim=True)
        nearest = (outline - shown.gather(1, index.expand(-1, -1, 2))).norm(dim=-1) / scale
        off = tolerant((nearest - TOUCHING).clamp_min(0), OUTLINE_TOLERANCE)
        weights = self.targets.outline_weights
        return (weights * off).sum(1) / weights.sum(1).clamp_min(1)


def tolerant(distance: Tensor, scale: float) -> Tensor:
    """Geman and McClure's: the square near zero, and never more than the scale's own."""
    square = distance.square()
    return square / (square + scale**2) * scale**2


def project(points: Tensor, focal: Tensor, centre: Tensor) -> Tensor:
    """(B, N, 3) metres from the root -> (B, N, 3): pixels x, y and depth, as world.camera does."""
    depth = (DISTANCE + points[..., 1]).clamp_min(NEAR)
    across = focal[:, None] * points[..., 0] / depth
    up = focal[:, None] * points[..., 2] / depth
    return torch.stack([centre[:, :1] + across, centre[:, 1:] - up, depth], dim=-1)


def targets(rows: Sequence[tuple[Sighting, Reading]]) -> Targets:
    """The tensors of readings and of the photographs that they are of."""
    start, end, weight = (np.array(column) for column in zip(*SEGMENTS, strict=True))
    masks = {id(s): _mask(s) for s, _ in rows}
    columns = []
    for sighting, reading in rows:
        distance, outline, shown = masks[id(sighting)]
        left, top, right, bottom = sighting.photograph
        x, y = reading.points.T
        inside = (x > left - 1) & (x < right + 1) & (y > top - 1) & (y < bottom + 1)
        shoulders, hips = reading.points[[11, 12]].mean(0), reading.points[[23, 24]].mean(0)
        metre = max(LEAST_TORSO, float(np.linalg.norm(shoulders - hips))) / TORSO
        certain = 1 / (1 + (reading.spread / (CERTAIN * metre)) ** 2)
        weights = WEIGHTS * certain * reading.visible**2 * np.where(inside, 1, OUT_OF_SIGHT)
        seen = weight * np.minimum(reading.visible[start], reading.visible[end])
        ways = reading.space[end] - reading.space[start]
        ways = ways / np.linalg.norm(ways, axis=1, keepdims=True).clip(1e-6)
        columns.append((
            reading.points, ways, weights, seen, reading.visible, distance[None],
            sighting.photograph, outline, shown * _outline_weights(outline, reading.points),
        ))  # fmt: skip
    return Targets(
        *(torch.from_numpy(np.stack(c).astype(np.float32)) for c in zip(*columns, strict=True))
    )


def _mask(sighting: Sighting) -> tuple[np.ndarray, np.ndarray, bool]:
    """Distances to the mask, in pixels, and points along its outline within the photograph.

    At last, whether there are such points: of who fills the photograph there are none.
    """
    distance = distance_transform_edt(~sighting.mask)
    left, top, right, bottom = sighting.photograph
    low = np.maximum([left, top], 0) + 2
    high = np.minimum([right, bottom], SIDE - 1) - 2
    lines = [line[:, ::-1] for line in find_contours(sighting.mask.astype(float), 0.5)]
    points = np.concatenate([np.zeros((0, 2)), *(line for line in lines if len(line) >= 20)])
    points = points[((points > low) & (points < high)).all(1)]
    if not len(points):
        return np.asarray(distance), np.zeros((OUTLINE, 2)), False
    return np.asarray(distance), points[np.linspace(0, len(points) - 1, OUTLINE).astype(int)], True


def _outline_weights(outline: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Hair and hats are not the body's: what is nearest to the face counts little."""
    middles = (points[[11, 12, 23, 24, 11, 12]] + points[[13, 14, 25, 26, 23, 24]]) / 2
    to_face = np.linalg.norm(outline[:, None] - points[:11], axis=-1).min(1)
    body = np.concatenate([points[11:], middles])
    to_body = np.linalg.norm(outline[:, None] - body, axis=-1).min(1)
    return np.where(to_face < to_body, HAIR, 1.0)
