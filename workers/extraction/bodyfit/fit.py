"""Fits the body to readings: many photographs and readings at once, by gradient descent.

A reading is explained by angles of joints, traits of the body and a camera; of a photograph's
readings the one that is explained best is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.extraction.bodyfit.body import TRAIT_LOGITS, TRAITS, FitBody, fit_body, shape_weights
from workers.extraction.bodyfit.objective import Objective, Stage, project, targets
from workers.extraction.bodyfit.readings import Reading, Sighting
from world.camera import DISTANCE

# First the landmarks alone, with wide tolerance; then the mask, too, and the traits. The mask is
# of clothes, and the body under them: it leads little, but it decides between readings.
STAGES = (
    Stage(steps=45, rate=0.06, tolerance=0.25, directions=0.25, inside=0, outline=0, kept=3),
    Stage(steps=45, rate=0.03, tolerance=0.12, directions=0.10, inside=400, outline=120, kept=1),
)
VERDICT = Stage(steps=0, rate=0, tolerance=0.12, directions=0.10, inside=500, outline=300, kept=0)
# How far parameters move while an angle moves by a radian.
FOCAL_SCALE, CENTRE_SCALE, TRAIT_SCALE = 0.4, 40.0, 2.0  # of the logarithm; pixels; logits
LEAST_FOCAL = 50.0  # pixels


@dataclass(frozen=True)
class Fit:
    """A body in front of a camera; pixels are those of the person's square."""

    angles: np.ndarray  # (47,) radians, of `body.FitBody.freedoms`
    yaw: float  # radians, of the root before its angles
    traits: dict[str, float]  # 0..1, of world.bodies.Traits
    focal: float  # pixels
    centre: tuple[float, float]  # pixel of the root's joint, DISTANCE metres away
    landmarks: np.ndarray  # (33, 2) pixels: where the fitted body has them
    screen: np.ndarray  # (V, 3) float64: pixels and depth of `world.bodies.template().kept`
    reading: Reading  # that was taken
    cost: float  # of what is left unexplained

    @property
    def pixels_a_metre(self) -> float:
        """At the person's distance."""
        return self.focal / DISTANCE


@dataclass
class _State:
    """The parameters of a batch: one tensor (B, P + 3 + 5), so that one optimiser moves all."""

    body: FitBody
    yaw: Tensor  # (B,)
    values: Tensor
    start: Tensor  # (B, 3): log focal length and centre before the fit

    def rows(self, index: Tensor) -> "_State":
        """Some rows of the batch."""
        return _State(self.body, self.yaw[index], self.values[index], self.start[index])

    @property
    def angles(self) -> Tensor:
        return self.values[:, : self.body.count]

    @property
    def focal(self) -> Tensor:
        return (self.start[:, 0] + FOCAL_SCALE * self.values[:, self.body.count]).exp()

    @property
    def centre(self) -> Tensor:
        return self.start[:, 1:] + CENTRE_SCALE * self.values[:, self.body.count + 1 :][:, :2]

    @property
    def traits(self) -> Tensor:
        """Logits (B, 5)."""
        return self.start.new_tensor(TRAIT_LOGITS) + TRAIT_SCALE * self.values[:, -len(TRAITS) :]


def fit(sightings: Sequence[Sighting]) -> list[Fit]:
    """The best fit of each person's readings."""
    body = fit_body()
    rows = [(s, reading) for s in sightings for reading in s.readings]
    objective = Objective(body, targets(rows))
    state = _start(body, objective, rows)
    people = torch.tensor([n for n, s in enumerate(sightings) for _ in s.readings])
    for stage in STAGES:
        _descend(state, objective, stage)
        with torch.no_grad():
            cost = objective(state, VERDICT)
        best = _best(people, cost, stage.kept)
        people, rows = people[best], [rows[i] for i in best.tolist()]
        state, objective = state.rows(best), objective.rows(best)
    return _fits(state, objective, [reading for _, reading in rows])


def _best(people: Tensor, cost: Tensor, kept: int) -> Tensor:
    """The rows of each person (B,) that cost (B,) least, `kept` of them, person by person."""
    by_cost = cost.argsort(stable=True)
    order = by_cost[people[by_cost].argsort(stable=True)]
    mine = people[order]
    rank = torch.arange(len(order)) - torch.searchsorted(mine, mine)
    return order[rank < kept]


def _start(body: FitBody, objective: Objective, rows: Sequence[tuple[Sighting, Reading]]) -> _State:
    """Standing, turned as the reading says; the camera by least squares over head and torso."""
    yaw = torch.tensor([reading.yaw for _, reading in rows], dtype=torch.float32)
    angles = body.prior.mean.expand(len(rows), -1)
    values = torch.cat([angles, torch.zeros(len(rows), 3 + len(TRAITS))], dim=1)
    state = _State(body, yaw, values, torch.zeros(len(rows), 3))
    points = objective.landmarks(state)
    flat = torch.stack([points[..., 0], -points[..., 2]], -1) / (DISTANCE + points[..., 1:2])
    weight = torch.zeros(33)
    weight[[0, 2, 5, 11, 12, 23, 24]], weight[[7, 8]] = 1, 0.5
    weight = (objective.targets.visible * weight)[..., None]
    total = weight.sum(1)
    here, there = (weight * flat).sum(1) / total, (weight * objective.targets.points).sum(1) / total
    off = flat - here[:, None]
    pull = (weight * off * (objective.targets.points - there[:, None])).sum((1, 2))
    focal = (pull / (weight * off.square()).sum((1, 2))).clamp_min(LEAST_FOCAL)
    state.start = torch.cat([focal.log()[:, None], there - here * focal[:, None]], dim=1)
    return state


def _descend(state: _State, objective: Objective, stage: Stage) -> None:
    """Adam, with a rate that rises and falls. Without the mask traits keep their values."""
    objective.pixels_a_metre = (state.focal / DISTANCE).detach()
    values = state.values.detach().requires_grad_()
    state.values = values
    optimiser = torch.optim.Adam([values], stage.rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, stage.rate, total_steps=stage.steps, pct_start=0.2
    )
    for _ in range(stage.steps):
        optimiser.zero_grad()
        objective(state, stage).sum().backward()
        if not stage.inside and values.grad is not None:
            values.grad[:, -len(TRAITS) :] = 0
        optimiser.step()
        schedule.step()
    state.values = values.detach()
    objective.pixels_a_metre = (state.focal / DISTANCE).detach()


@torch.no_grad()
def _fits(state: _State, objective: Objective, readings: Sequence[Reading]) -> list[Fit]:
    cost = objective(state, VERDICT)
    rotations = state.body.rotations(state.angles, state.yaw)
    vertices, _ = state.body.whole(shape_weights(state.traits), rotations)
    screen = project(vertices, state.focal, state.centre).double().numpy()
    shown = project(objective.landmarks(state), state.focal, state.centre)[..., :2].numpy()
    traits = torch.sigmoid(state.traits)
    return [
        Fit(
            angles=state.angles[i].numpy(),
            yaw=float(state.yaw[i]),
            traits=dict(zip(TRAITS, traits[i].tolist(), strict=True)),
            focal=float(state.focal[i]),
            centre=(float(state.centre[i, 0]), float(state.centre[i, 1])),
            landmarks=shown[i],
            screen=screen[i],
            reading=reading,
            cost=float(cost[i]),
        )
        for i, reading in enumerate(readings)
    ]
