"""Hair: a cap lifted off the scalp, and curtains, buns and tails hung on the skull.

Hair is not part of the body: photographs show it, UV maps show the head under it. It is built
around the canonical head and scaled to a person's head along each axis.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from world import bodies
from world.fabrics import Colour
from world.noise import layered, noise
from world.places import Places, smoothstep
from world.sheet import CHARTS
from world.skin import HEAD_CENTRE

# Degrees: elevation of the hairline above the head's centre, front (0) to nape (180).
AZIMUTHS = np.array([0, 25, 45, 60, 70, 80, 90, 112, 128, 150, 180])
HAIRLINE = np.array([37, 38, 33, 17, 2, -4, 14, 12, -18, -34, -40])


@dataclass(frozen=True)
class Style:
    """Lengths in metres on the canonical head; z of the curtain's end, None without one."""

    colour: Colour
    thickness: float = 0.016
    crown: float = 0.0  # extra height on top
    curl: float = 0.0  # roughness of the outline
    fringe: float = 0.0  # degrees that the hair reaches down the forehead
    end: float | None = None
    open_at: float = 72.0  # azimuth where the curtain starts, degrees from the face
    wave: float = 0.0
    bun: bool = False
    tail: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Mesh:
    """Loose geometry. `canonical` (V, 3) is what is painted; `vertices` (V, 3) where it is."""

    vertices: np.ndarray
    canonical: np.ndarray
    faces: np.ndarray
    # The body's vertices that those of a cap on the scalp, the first of these, stand over.
    scalp: np.ndarray = field(default_factory=lambda: np.zeros(0, int))


def scalp(style: Style, p: Places) -> np.ndarray:
    """(N,) signed distance to the hairline, positive under the hair."""
    d = p.points - HEAD_CENTRE
    azimuth = np.degrees(np.arctan2(np.abs(d[:, 0]), -d[:, 1]))
    elevation = np.degrees(np.arctan2(d[:, 2], np.hypot(d[:, 0], d[:, 1])))
    line = np.interp(azimuth, AZIMUTHS, HAIRLINE)
    line = line - style.fringe * smoothstep(55, 25, azimuth)
    if style.end is not None:
        line = np.minimum(line, np.interp(azimuth, [58, 66, 85, 128], [90, 10, -12, -30]))
    line = line + 3 * (noise(p.points * 130, style.seed) - 0.5)
    return np.where(p.neck > 0.5, np.radians(elevation - line) * 0.105, -0.1)


def build(style: Style, body: bodies.Body) -> Mesh:
    """Hair of a body at rest."""
    points, triangles, over = _cap(style)
    pieces = [(points, triangles)]
    if style.end is not None:
        pieces.append(_curtain(style))
    if style.bun:
        pieces.append(_ball(style, np.array([0.0, 0.035, 0.995]), 0.038))
    if style.tail:
        pieces.append(_tail(style))
    offset = 0
    faces = []
    for points, triangles in pieces:
        faces.append(triangles + offset)
        offset += len(points)
    canonical = np.concatenate([points for points, _ in pieces])
    scale, shift = _head_frame(body)
    return Mesh(
        canonical * scale + shift,
        canonical,
        np.concatenate(faces).astype(np.int32),
        over,
    )


def fitted(mesh: Mesh, style: Style, body: bodies.Body) -> Mesh:
    """The hair with its cap as far over each place of this head as over the canonical one.

    The cap's rim goes under the skin, so that nobody looks between the two.
    """
    t, ids = bodies.template(), mesh.scalp
    scale, shift = _head_frame(body)
    skin = body.vertices[ids]
    cap = mesh.vertices[: len(ids)] + skin - (t.canonical[ids] * scale + shift)
    inwards = -0.002 * bodies.normals(body.vertices, t.sheet.faces)[ids]
    rim = smoothstep(0.0, -0.004, scalp(style, Places.of_vertices().take(ids)))[:, None]
    cap = (1 - rim) * cap + rim * (skin + inwards)
    return replace(mesh, vertices=np.concatenate([cap, mesh.vertices[len(ids) :]]))


def follow(mesh: Mesh, transforms: dict[str, np.ndarray]) -> np.ndarray:
    """Posed vertices: hair turns with the head, and what hangs on the back with the chest."""
    share = smoothstep(0.66, 0.80, mesh.canonical[:, 2])[:, None]
    moved = [
        mesh.vertices @ transforms[bone][:3, :3].T + transforms[bone][:3, 3]
        for bone in ("head", "neck01")
    ]
    return share * moved[0] + (1 - share) * moved[1]


def paint(style: Style, points: np.ndarray) -> np.ndarray:
    """Colours (N, 3) at canonical points: strands that run down from the crown."""
    d = points - HEAD_CENTRE
    azimuth = np.arctan2(d[:, 0], -d[:, 1])
    strands = np.stack([azimuth * 26, d[:, 2] * (14 + 200 * style.curl), 0 * azimuth], axis=1)
    tone = 0.62 * layered(strands, style.seed, 3) + 0.38 * layered(points * 45, style.seed + 9, 2)
    colour = np.array(style.colour) * (0.50 + 1.0 * tone)[:, None]
    return np.clip(colour * (1 + 0.10 * smoothstep(0.95, 0.75, points[:, 2]))[:, None], 0, 1)


def _head_frame(body: bodies.Body) -> tuple[np.ndarray, np.ndarray]:
    """Per axis, the scale and shift that carry the canonical head to this one."""
    t = bodies.template()
    on_head = np.unique(t.sheet.faces[t.sheet.chart == CHARTS["head"]])
    there, here = body.vertices[on_head].astype(np.float64), t.canonical[on_head]
    scale = there.std(0) / here.std(0)
    return scale, there.mean(0) - scale * here.mean(0)


def _cap(style: Style) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, triangles, and the vertex of the body that each point stands over."""
    t = bodies.template()
    places = Places.of_vertices()
    faces = t.sheet.faces[t.sheet.chart == CHARTS["head"]]
    points = places.points.copy()
    if style.end is not None or style.crown > 0.03:  # the ears go under the hair
        smooth = points
        for _ in range(60):
            smooth = t.smoother @ smooth
        side = smoothstep(0.070, 0.078, np.abs(points[:, 0]))[:, None]
        points = points * (1 - side) + smooth * side
    sd = scalp(style, places)
    normal = bodies.normals(points, faces)
    d = points - HEAD_CENTRE
    out = d / np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-9)
    normal = 0.5 * normal + 0.5 * out
    rough = style.curl * 2 * (layered(points * 60, style.seed, 2) - 0.4)
    lift = style.thickness + style.crown * smoothstep(0.0, 0.09, d[:, 2]) + rough
    # Swept up from the forehead, short at the sides and the nape.
    ramp = 0.022 + 0.030 * smoothstep(-0.02, -0.08, d[:, 1]) * (style.fringe == 0)
    sides = 0.45 + 0.55 * smoothstep(-0.04, 0.05, d[:, 2])
    lift = lift * smoothstep(-0.004, ramp, sd) * sides + 0.0015
    points = points + normal * lift[:, None]
    if style.thickness > 0.03:  # a cloud of hair is rounder than the skull's coarse mesh
        for _ in range(6):
            points = points + smoothstep(0.01, 0.03, sd)[:, None] * (t.smoother @ points - points)
    kept = faces[(sd[faces] > -0.006).any(1)]
    ids, renumbered = np.unique(kept, return_inverse=True)
    return points[ids], renumbered.reshape(-1, 3), ids


def grid(rows: int, columns: int) -> np.ndarray:
    """The triangles (F, 3) of a grid of vertices, row by row."""
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a = (i * columns + j).ravel()
    b, c, d = a + 1, a + columns, a + columns + 1
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])


def _curtain(style: Style) -> tuple[np.ndarray, np.ndarray]:
    """A sheet around the back of the head from the crown to the ends."""
    assert style.end is not None
    rows, columns = 40, 72
    start = np.radians(style.open_at)
    azimuth = np.linspace(start, 2 * np.pi - start, columns)[None, :]
    behind = (1 - np.cos(azimuth)) / 2  # 0 at the face, 1 at the back
    ragged = 0.018 * (
        noise(np.stack([azimuth[0] * 9, 0 * azimuth[0], 0 * azimuth[0]], 1), style.seed) - 0.5
    )
    back = smoothstep(0.62, 0.86, behind)
    end = max(style.end, 0.715) * (1 - back) + style.end * back + ragged[None, :]
    from_edge = np.minimum(azimuth - start, 2 * np.pi - start - azimuth)
    end = np.minimum(end + 0.10 * smoothstep(0.5, 0.0, from_edge) ** 2, 0.86)
    t = np.linspace(0, 1, rows)[:, None]
    top = 0.985
    z = top + (end - top) * t
    dome = np.sqrt(np.clip(1 - (np.clip(z - 0.905, 0, None) / 0.118) ** 2, 0.02, 1))
    # The sheet starts inside the cap, so that no edge shows on the crown.
    thick = (style.thickness + 0.004) * smoothstep(0.985, 0.93, z)
    long = smoothstep(0.86, 0.80, z)
    tuck = 1 - 0.16 * long * smoothstep(0.55, 1.0, behind) * smoothstep(0.62, 0.72, z)
    x_radius = (0.085 + thick) * dome * (1 - 0.05 * long)
    y_radius = (0.102 + thick) * dome * tuck
    wave = style.wave * smoothstep(0.92, 0.78, z) * np.sin(z * 95 + 2.5 * np.sin(azimuth * 5))
    lock = 0.006 * smoothstep(0.95, 0.75, z) * np.sin(azimuth * 13 + style.seed % 7)
    # Its front edges lie against the head.
    tucked_in = -0.009 * smoothstep(0.22, 0.0, from_edge)
    r = 1 + (wave + lock + tucked_in) / 0.1
    x = r * x_radius * np.sin(azimuth)
    y = -r * y_radius * np.cos(azimuth) + HEAD_CENTRE[1] + 0.004
    y = y + 0.062 * smoothstep(0.79, 0.64, z) * smoothstep(0.30, 0.75, behind)
    y = y - 0.010 * smoothstep(0.80, 0.70, z) * smoothstep(0.5, 0.2, behind)
    points = np.stack([np.broadcast_to(v, z.shape) for v in (x, y, z)], axis=-1).reshape(-1, 3)
    return points, grid(rows, columns)


def _ball(style: Style, centre: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = 14, 24
    polar = np.linspace(0.02, np.pi - 0.02, rows)[:, None]
    angle = np.linspace(0, 2 * np.pi, columns)[None, :]
    unit = np.stack(
        [np.sin(polar) * np.sin(angle), np.sin(polar) * np.cos(angle), np.cos(polar) + 0 * angle],
        axis=-1,
    ).reshape(-1, 3)
    swirl = 1 + 0.06 * np.sin(7 * np.arctan2(unit[:, 0], unit[:, 1]) + 5 * unit[:, 2])
    return centre + unit * radius * swirl[:, None], grid(rows, columns)


def _tail(style: Style) -> tuple[np.ndarray, np.ndarray]:
    """A ponytail: a tube from the back of the head, out and down."""
    rows, columns = 24, 16
    t = np.linspace(0, 1, rows)[:, None]
    angle = np.linspace(0, 2 * np.pi, columns)[None, :]
    y = 0.045 + 0.075 * np.sin(np.clip(t * 1.9, 0, np.pi / 2 + 0.35)) - 0.02 * t
    z = 0.965 + 0.02 * np.sin(t * 6) * (t < 0.3) - 0.30 * t**1.3
    radius = 0.012 + 0.024 * np.sin(np.pi * np.clip(t + 0.06, 0, 1) ** 0.8) * (1 - 0.3 * t)
    radius = radius * (1 + 0.10 * np.sin(angle * 5 + t * 12))
    points = np.stack(
        [radius * np.sin(angle), y + radius * np.cos(angle), z + 0 * angle], axis=-1
    ).reshape(-1, 3)
    return points, grid(rows, columns)
