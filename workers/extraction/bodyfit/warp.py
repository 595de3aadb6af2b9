"""Stretches the surface of a fitted body over the person's mask.

Clothes and hair stand off the body, and a fit is a few pixels off. So each pixel of the mask is
told which point of the body's picture it shows: along the outline the body's own outline nearby,
at landmarks the fitted landmark, and in between a membrane spans (a sparse linear system).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.ndimage import binary_dilation, gaussian_filter, map_coordinates
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree
from skimage.measure import find_contours

from workers.extraction.bodyfit import SIDE
from workers.extraction.bodyfit.surface import Surface, nearest

REACH = 0.09  # metres that clothes may stand off the body
BEYOND = 0.035  # metres beyond what the membrane reaches in which the nearest surface is taken
LEAST_REACH = 3.0  # pixels
CANDIDATES = 12  # of the body's outline for each point of the mask's
ALIKE = 0.3  # least cosine between the normals of outlines that belong together
INSET = 0.8  # pixels: the mask's outline shows the body just inside its own
TIED = 3.0  # weight of a landmark of certainty 1; an outline's point has 1
LOOSE = 2e-4  # weight of no displacement, so that parts without ties stay where they are
FAR = 0.10  # metres off at which a landmark is not believed
SMOOTH = 0.7  # pixels by which masks are blurred where their outline is asked for
NORMAL_SMOOTH = 1.5  # and where its normal is
SHORTEST = 12  # points of an outline that counts


class Marks(NamedTuple):
    """Landmarks of a person that the body's picture shows, too; pixels of the square."""

    points: np.ndarray  # (N, 2) on the person
    on_body: np.ndarray  # (N, 2) on the body's picture
    certainty: np.ndarray  # (N,) 0..1


@dataclass(frozen=True)
class Warp:
    """What each pixel of a person's square shows."""

    level: np.ndarray  # (SIDE, SIDE): above 0.5 on the person, where a point of the body is known
    displacement: np.ndarray  # (SIDE, SIDE, 2) pixels to that point; beyond, the nearest's
    surface: Surface

    @property
    def shown(self) -> np.ndarray:
        """(SIDE, SIDE) bool: the person, where a point of the body is known."""
        return self.level > 0.5

    def uv(self, points: np.ndarray) -> np.ndarray:
        """UV coordinates (..., 2) float32 of points (..., 2) of the square, NaN off the person.

        Points may lie as densely as one likes: outlines are interpolated.
        """
        uv = np.full(points.shape, np.nan, np.float32)
        on = smooth(self.level, points)
        here = points[on]
        shifts = [
            map_coordinates(self.displacement[..., k], here[:, ::-1].T, order=1, mode="nearest")
            for k in (0, 1)
        ]
        uv[on] = self.surface.uv(here + np.stack(shifts, axis=1))
        return uv


def smooth(level: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether points (..., 2) of the square lie where a level (SIDE, SIDE) is above 0.5.

    The outline is smoothed, and runs between the pixels.
    """
    near = np.all(np.abs(points - (SIDE - 1) / 2) <= SIDE / 2, axis=-1)
    soft = gaussian_filter(level, SMOOTH)
    on = np.zeros(near.shape, bool)
    on[near] = map_coordinates(soft, points[near][:, ::-1].T, order=1, mode="nearest") > 0.5
    return on


def warp(
    surface: Surface,
    level: np.ndarray,
    marks: Marks,
    photograph: np.ndarray,
    pixels_a_metre: float,
) -> Warp:
    """Stretch a body over its person's mask: where `level` (SIDE, SIDE) is above 0.5.

    `photograph` (4,) holds its edges in the square: left, top, right, bottom. Where it ends, the
    person goes on, so nothing is tied there. `pixels_a_metre` is the scale at the person.
    """
    mask = level > 0.5
    points, shifts, weights = _along_outline(mask, surface.mask, photograph, REACH * pixels_a_metre)
    more = _at_landmarks(marks, photograph, FAR * pixels_a_metre)
    ties = [np.concatenate(pair) for pair in zip((points, shifts, weights), more, strict=True)]
    domain = binary_dilation(mask | surface.mask, iterations=2)
    displacement = membrane(domain, *ties)
    return _completed(level, surface, displacement, BEYOND * pixels_a_metre)


def membrane(
    domain: np.ndarray, points: np.ndarray, shifts: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """The smoothest displacement (H, W, 2) of the domain that meets its ties; 0 elsewhere.

    `points` (N, 2) x, y in pixels want to move by `shifts` (N, 2), with `weights` (N,). Minimises
    the sum of squared differences between neighbours, of LOOSE |d|^2, and of the ties' misses.
    """
    number = np.full(domain.shape, -1)
    count = int(domain.sum())
    number[domain] = np.arange(count)
    links = []
    for a, b in ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:])):
        both = (a >= 0) & (b >= 0)
        links.append(np.stack([a[both], b[both]]))
    a, b = np.concatenate(links, axis=1)
    column, row = np.rint(points).astype(int).clip(0, np.array(domain.shape)[::-1] - 1).T
    tied = number[row, column]
    inside = tied >= 0
    tied, shifts, weights = tied[inside], shifts[inside], weights[inside]
    diagonal = np.bincount(np.concatenate([a, b]), minlength=count) + LOOSE
    diagonal += np.bincount(tied, weights, minlength=count)
    off = sparse.coo_array((-np.ones(len(a)), (a, b)), shape=(count, count))
    system = sparse.csc_array(off + off.T + sparse.diags_array(diagonal))
    wanted = [np.bincount(tied, weights * shifts[:, k], minlength=count) for k in (0, 1)]
    displacement = np.zeros((*domain.shape, 2))
    displacement[domain] = splu(system, permc_spec="MMD_AT_PLUS_A").solve(np.stack(wanted, axis=1))
    return displacement


def _along_outline(
    mask: np.ndarray, body: np.ndarray, photograph: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of the mask's outline, the way to the body's that belongs to each, and weights."""
    (here, normals), (there, their_normals) = (_outline(m, photograph) for m in (mask, body))
    if not len(here) or not len(there):
        return np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)
    distance, index = KDTree(there).query(
        here, k=CANDIDATES, distance_upper_bound=max(LEAST_REACH, reach)
    )
    index = np.where(np.isfinite(distance), index, 0)
    alike = (normals[:, None] * their_normals[index]).sum(-1)
    # Of places equally far the one that faces the same way.
    cost = np.where(np.isfinite(distance) & (alike > ALIKE), distance * (2 - alike), np.inf)
    best = cost.argmin(1)
    each = np.arange(len(here))
    found = np.isfinite(cost[each, best])
    chosen = index[each, best][found]
    goal = there[chosen] - INSET * their_normals[chosen]
    return here[found], goal - here[found], np.ones(int(found.sum()))


def _outline(mask: np.ndarray, photograph: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of a mask's outline and its outward normals, without the photograph's edge."""
    left, top, right, bottom = photograph
    low = np.maximum([left, top], 0) + 1.5
    high = np.minimum([right, bottom], SIDE - 1) - 1.5
    soft = gaussian_filter(mask.astype(float), NORMAL_SMOOTH)
    slopes = np.gradient(soft)[::-1]  # along x, along y
    lines = find_contours(gaussian_filter(mask.astype(float), SMOOTH), 0.5)
    points = np.concatenate([np.zeros((0, 2)), *(n[:, ::-1] for n in lines if len(n) >= SHORTEST)])
    points = points[((points > low) & (points < high)).all(1)]
    normals = -np.stack([map_coordinates(s, points[:, ::-1].T, order=1) for s in slopes], axis=1)
    return points, normals / np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-9)


def _at_landmarks(
    marks: Marks, photograph: np.ndarray, far: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The marks that are believed, the way to the body's, and weights."""
    shifts = marks.on_body - marks.points
    inside = ((marks.points > photograph[:2]) & (marks.points < photograph[2:])).all(1)
    good = inside & (np.linalg.norm(shifts, axis=1) < far)
    return marks.points[good], shifts[good], TIED * marks.certainty[good]


def _completed(
    level: np.ndarray, surface: Surface, displacement: np.ndarray, beyond: float
) -> Warp:
    """Where the membrane misses the body nearby, what the nearest pixel shows."""
    mask = level > 0.5
    centres = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).astype(float)
    goal = centres + displacement
    hit = np.zeros_like(mask)
    hit[mask] = surface.hit(goal[mask])
    if not hit.any():
        return Warp(np.zeros_like(level), displacement, surface)
    row, column, distance = nearest(hit)
    goal = goal[row, column]
    return Warp(np.where(distance <= beyond, level, 0), goal - centres, surface)
