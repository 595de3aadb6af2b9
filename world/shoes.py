"""Shoes: a last around each foot, hull by hull from heel to toe, on a flat sole.

Like hair and skirts they are not part of the body: the UV map shows the foot inside.
"""

from dataclasses import dataclass

import numpy as np

from world import bodies
from world.fabrics import Colour, Fabric
from world.hair import Mesh, grid
from world.places import smoothstep

SECTIONS, AROUND = 30, 25
STANDARD_LENGTH = 0.25


@dataclass(frozen=True)
class Shoe:
    """`collar` is the height of the upper above the sole in metres."""

    style: str  # sneaker | loafer | ballerina | boot
    fabric: Fabric
    sole: Colour = (0.93, 0.92, 0.9)
    collar: float = 0.085
    thickness: float = 0.022  # of the sole


def build(shoe: Shoe, body: bodies.Body) -> dict[str, Mesh]:
    """Both shoes around a body at rest, by the bone that carries them."""
    return {f"foot.{side}": _last(shoe, body, sign) for side, sign in (("L", 1), ("R", -1))}


def follow(meshes: dict[str, Mesh], transforms: dict[str, np.ndarray]) -> np.ndarray:
    """Posed vertices of both shoes."""
    return np.concatenate(
        [
            mesh.vertices @ transforms[bone][:3, :3].T + transforms[bone][:3, 3]
            for bone, mesh in meshes.items()
        ]
    )


def joined(meshes: dict[str, Mesh]) -> tuple[np.ndarray, np.ndarray]:
    """Both shoes' coordinates for `paint` (V, 3), and their faces, in the order of `follow`."""
    canonical = np.concatenate([mesh.canonical for mesh in meshes.values()])
    offset, faces = 0, []
    for mesh in meshes.values():
        faces.append(mesh.faces + offset)
        offset += len(mesh.vertices)
    return canonical, np.concatenate(faces)


def paint(shoe: Shoe, at: np.ndarray) -> np.ndarray:
    """Colours (N, 3) at a last's coordinates: across, along from heel (0) to toe, height."""
    across, along, height = at.T
    cloth = np.stack([across, along], axis=1)
    colour = shoe.fabric.paint(cloth, at)
    dark = colour * 0.72
    if shoe.style == "sneaker":
        cap = smoothstep(0.212, 0.214, along)
        colour = colour * (1 - 0.85 * cap[:, None]) + np.array(shoe.sole) * 0.85 * cap[:, None]
        laced = (np.abs(across) < 0.020) & (along > 0.115) & (along < 0.195) & (height > 0.04)
        bars = smoothstep(0.45, 0.52, np.abs((along / 0.016) % 1.0 - 0.5) * 2)
        share = np.where(laced, 1 - bars, 0)[:, None]
        colour = colour * (1 - share) + np.array([0.96, 0.96, 0.95]) * share
        quarter = np.exp(-(((along - 0.105 + 0.25 * height) / 0.0015) ** 2))[:, None]
        colour = colour * (1 - quarter) + dark * quarter
    else:
        seam = np.exp(-(((along - 0.20) / 0.0015) ** 2))[:, None]
        colour = colour * (1 - seam) + dark * seam
    sole = smoothstep(shoe.thickness + 0.001, shoe.thickness - 0.001, height)[:, None]
    return colour * (1 - sole) + np.array(shoe.sole) * sole


def _last(shoe: Shoe, body: bodies.Body, sign: int) -> Mesh:
    t = bodies.template()
    ids = t.kept[(t.foot[t.kept] > 0.5) & (sign * t.canonical[t.kept, 0] > 0)]
    foot = body.vertices[ids].astype(np.float64)
    floor, heel, toe = foot[:, 2].min(), foot[:, 1].max(), foot[:, 1].min()
    length = heel - toe
    foot = foot[foot[:, 2] < floor + shoe.collar + 0.02]
    # Cosine spacing: more sections where heel and toe close.
    y = heel + 0.010 - (1 - np.cos(np.linspace(0, np.pi, SECTIONS))) / 2 * (length + 0.032)
    left, right, top = (np.empty(SECTIONS) for _ in range(3))
    for i, at in enumerate(np.clip(y, toe + 0.012, heel - 0.012)):
        near = foot[np.abs(foot[:, 1] - at) < 0.016]
        left[i], right[i] = near[:, 0].min() - 0.006, near[:, 0].max() + 0.006
        top[i] = min(near[:, 2].max() - floor + 0.012, shoe.collar)
    left, right, top = (_even(line) for line in (left, right, top))
    # Both ends close like half an ellipse.
    ahead = np.clip((y - y[-1]) / 0.05, 0, 1)
    behind = np.clip((y[0] - y) / 0.045, 0, 1)
    close = np.sqrt(1 - (1 - np.minimum(ahead, 1)) ** 2) * np.sqrt(1 - (1 - behind) ** 2)
    middle, half = (left + right) / 2, (right - left) / 2 * close
    rise = 0.55 + 0.45 * np.sqrt(1 - (1 - ahead) ** 2)
    top = np.maximum(top * rise, shoe.thickness + 0.004)
    angle = np.linspace(0, 2 * np.pi, AROUND)[None, :]
    c, s = np.cos(angle), np.sin(angle)
    x = middle[:, None] + half[:, None] * np.sign(c) * np.abs(c) ** 0.75
    height = np.where(s > 0, np.abs(s) ** 0.7 * (top + shoe.thickness)[:, None], 0.0)
    z = floor - shoe.thickness + height
    points = np.stack(np.broadcast_arrays(x, y[:, None], z), axis=-1)
    unit = STANDARD_LENGTH / (length + 0.032)
    canonical = np.stack(
        np.broadcast_arrays((x - middle[:, None]), (y[0] - y)[:, None] * unit, height), axis=-1
    )
    faces = grid(SECTIONS, AROUND)
    if shoe.style == "ballerina":  # open over the instep
        at = canonical.reshape(-1, 3)[faces].mean(1)
        oval = np.hypot(at[:, 0] / 0.030, (at[:, 1] - 0.105) / 0.085) < 1
        faces = faces[~(oval & (at[:, 2] > shoe.thickness + 0.02))]
    return Mesh(points.reshape(-1, 3), canonical.reshape(-1, 3), faces.astype(np.int32))


def _even(line: np.ndarray) -> np.ndarray:
    for _ in range(3):
        line = np.convolve(np.pad(line, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    return line
