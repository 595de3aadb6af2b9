"""Poses of a catalog: limbs point in directions, which reads better than joint angles.

Directions are those of the left limb, in the torso's frame: x to the person's left, y back, z
up; a right limb mirrors x. Sampled poses stay within a few degrees of their archetype, so that
no arm passes through a body and no joint bends backwards.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.spatial.transform import Rotation

from world import anny_data

Direction = tuple[float, float, float]


@dataclass(frozen=True)
class Arm:
    """Directions of upper arm, forearm and (None: as the forearm goes) hand; curl in radians."""

    upper: Direction = (0.26, 0.04, -1.0)
    fore: Direction = (0.12, -0.22, -1.0)
    hand: Direction | None = None
    twist: float = 0.0  # of the forearm about itself
    curl: float = 0.35


@dataclass(frozen=True)
class Leg:
    """Directions of thigh and shin; the foot's pitch (heel up > 0) and its yaw outwards."""

    thigh: Direction = (0.06, -0.03, -1.0)
    shin: Direction = (0.02, 0.06, -1.0)
    pitch: float = 0.0
    yaw: float = 0.15


@dataclass(frozen=True)
class Pose:
    """Angles in radians: yaw to the person's left, pitch down, roll to the left."""

    left_arm: Arm = Arm()
    right_arm: Arm = Arm()
    left_leg: Leg = Leg()
    right_leg: Leg = Leg()
    spine: Direction = (0.0, 0.0, 0.0)  # yaw, pitch, roll of the chest on the pelvis
    pelvis: Direction = (0.0, 0.0, 0.0)
    head: Direction = (0.0, 0.0, 0.0)


ON_HIP = Arm((0.78, 0.42, -0.78), (-0.62, -0.62, -0.42), (-0.5, -0.62, -0.55), 0.5, 0.55)
AT_POCKET = Arm((0.42, 0.30, -1.0), (-0.10, -0.42, -1.0), (-0.15, -0.2, -1.0), 0.3, 0.5)
BENT = Arm((0.24, 0.10, -1.0), (0.10, -0.9, -0.35), (0.0, -1.0, 0.1), 0.2, 0.5)
RAISED = Arm((0.75, -0.10, 0.62), (-0.22, -0.08, 1.0), (-0.5, 0.1, 0.6), 0.0, 0.4)
WAVING = Arm((0.62, -0.2, -0.45), (0.38, -0.35, 1.0), (0.25, -0.2, 1.0), -0.6, 0.15)
OUT = Arm((0.62, -0.05, -0.9), (0.45, -0.30, -0.95), (0.5, -0.3, -0.8), 0.0, 0.25)
BACKWARD = Arm((0.24, 0.42, -1.0), (0.08, 0.18, -1.0))
FORWARD = Arm((0.32, -0.30, -1.0), (0.14, -0.75, -0.85))
STRAIGHT = Leg((0.03, 0.0, -1.0), (0.01, 0.05, -1.0))
RELAXED = Leg((0.12, -0.22, -1.0), (0.04, 0.20, -1.0), 0.0, 0.35)
WIDE = Leg((0.17, -0.02, -1.0), (0.12, 0.05, -1.0), 0.0, 0.25)
STEP_FORWARD = Leg((0.0, -0.34, -1.0), (0.0, -0.10, -1.0), -0.12, 0.08)
STEP_BACK = Leg((0.0, 0.18, -1.0), (0.0, 0.52, -1.0), 0.55, 0.08)

ARCHETYPES = {
    "standing": Pose(),
    "relaxed": Pose(
        left_leg=RELAXED,
        right_leg=STRAIGHT,
        pelvis=(0.0, 0.0, -0.06),
        spine=(0.05, 0.0, 0.08),
        head=(0.25, 0.0, 0.0),
    ),
    "hands_on_hips": Pose(ON_HIP, ON_HIP, WIDE, WIDE, head=(0.1, -0.02, 0.0)),
    "hand_on_hip": Pose(
        ON_HIP, Arm(), STRAIGHT, RELAXED, (0.0, 0.0, -0.06), (0.0, 0.0, 0.05), (-0.2, 0.0, 0.05)
    ),
    "pockets": Pose(AT_POCKET, AT_POCKET, WIDE, STRAIGHT, head=(-0.15, 0.05, 0.0)),
    "walking": Pose(BACKWARD, FORWARD, STEP_FORWARD, STEP_BACK, (-0.12, 0.03, 0.0)),
    "striding": Pose(
        FORWARD, BACKWARD, STEP_BACK, STEP_FORWARD, (0.12, 0.03, 0.0), head=(0.3, 0.0, 0.0)
    ),
    "arm_raised": Pose(RAISED, Arm(), STRAIGHT, RELAXED, (0.0, 0.0, -0.05)),
    "waving": Pose(WAVING, AT_POCKET, WIDE, STRAIGHT, head=(0.15, 0.0, 0.06)),
    "arms_out": Pose(OUT, OUT, WIDE, WIDE),
    "arm_bent": Pose(BENT, Arm(), RELAXED, STRAIGHT, head=(0.35, 0.08, 0.0)),
    "looking_away": Pose(
        Arm(), AT_POCKET, STRAIGHT, RELAXED, (0.1, 0.0, 0.03), head=(0.65, 0.0, 0.03)
    ),
}


def sample(rng: np.random.Generator, archetype: Pose) -> Pose:
    """A pose near an archetype; half of them mirrored."""

    near = partial(_near, rng)

    def arm(a: Arm) -> Arm:
        curl = a.curl + float(rng.normal(0, 0.08))
        return replace(a, upper=near(a.upper, 0.025), fore=near(a.fore, 0.03), curl=curl)

    pose = replace(
        archetype,
        left_arm=arm(archetype.left_arm),
        right_arm=arm(archetype.right_arm),
        spine=near(archetype.spine, 0.025),
        pelvis=near(archetype.pelvis, 0.015),
        head=near(archetype.head, 0.06),
    )
    return mirrored(pose) if rng.random() < 0.5 else pose


def misread(rng: np.random.Generator, pose: Pose, spread: float) -> Pose:
    """The pose with every limb turned by about `spread` radians, as a fit has it."""

    off = partial(_near, rng, spread=spread)

    def arm(a: Arm) -> Arm:
        return replace(a, upper=off(a.upper), fore=off(a.fore))

    def leg(one: Leg) -> Leg:
        return replace(one, thigh=off(one.thigh), shin=off(one.shin))

    return replace(
        pose,
        left_arm=arm(pose.left_arm),
        right_arm=arm(pose.right_arm),
        left_leg=leg(pose.left_leg),
        right_leg=leg(pose.right_leg),
        spine=off(pose.spine),
        pelvis=off(pose.pelvis),
        head=off(pose.head),
    )


def _near(rng: np.random.Generator, direction: Direction, spread: float) -> Direction:
    x, y, z = np.array(direction) + rng.normal(0, spread, 3)
    return float(x), float(y), float(z)


def mirrored(pose: Pose) -> Pose:
    """The pose seen in a mirror."""

    def turn(angles: Direction) -> Direction:
        return -angles[0], angles[1], -angles[2]

    return replace(
        pose,
        left_arm=pose.right_arm,
        right_arm=pose.left_arm,
        left_leg=pose.right_leg,
        right_leg=pose.left_leg,
        spine=turn(pose.spine),
        pelvis=turn(pose.pelvis),
        head=turn(pose.head),
    )


def rotations(pose: Pose, joints: np.ndarray) -> dict[str, np.ndarray]:
    """Bone rotations (3, 3) of a pose, for rest joints (B, 3), as `bodies.pose` takes them."""
    bones = anny_data.load().bones
    at = {bone: joints[b].astype(np.float64) for b, bone in enumerate(bones)}
    own: dict[str, np.ndarray] = {}
    chest = np.eye(3)
    for bone, angles, share in (
        ("root", pose.pelvis, 1.0),
        *((f"spine0{i}", pose.spine, 0.25) for i in (4, 3, 2, 1)),
    ):
        own[bone] = _turn(angles, share)
        chest = chest @ own[bone]
    for bone, share in (("neck01", 0.2), ("neck02", 0.2), ("neck03", 0.2), ("head", 0.4)):
        own[bone] = _turn(pose.head, share)
    for side, arm, leg in (
        ("L", pose.left_arm, pose.left_leg),
        ("R", pose.right_arm, pose.right_leg),
    ):
        sign = np.array([1.0 if side == "L" else -1.0, 1.0, 1.0])
        _aim_arm(own, at, side, sign, arm, chest)
        _aim_leg(own, at, side, sign, leg, own["root"])
    return own


def _aim_arm(own: dict, at: dict, side: str, sign: np.ndarray, arm: Arm, chest: np.ndarray) -> None:
    shoulder, elbow, wrist = (at[f"{b}.{side}"] for b in ("upperarm01", "lowerarm01", "wrist"))
    # Lifting an arm above the shoulder lifts the collar bone too.
    lift = np.clip(np.array(_unit(arm.upper))[2] + 0.75, 0, 1.5) * 0.22
    collar = Rotation.from_rotvec([0, -lift * sign[0], 0]).as_matrix()
    own[f"clavicle.{side}"] = collar
    upper = _aim(elbow - shoulder, collar.T @ (sign * arm.upper))
    own[f"upperarm01.{side}"] = upper
    world = collar @ upper
    fore = _aim(wrist - elbow, world.T @ (sign * arm.fore))
    own[f"lowerarm01.{side}"] = fore
    axis = np.array(_unit(wrist - elbow)) * sign[0]
    own[f"lowerarm02.{side}"] = Rotation.from_rotvec(axis * arm.twist).as_matrix()
    world = world @ fore @ own[f"lowerarm02.{side}"]
    fingers = at[f"finger3-1.{side}"] - wrist
    if arm.hand is not None:
        own[f"wrist.{side}"] = _aim(fingers, world.T @ (sign * arm.hand))
    else:
        own[f"wrist.{side}"] = _aim(fingers, wrist - elbow)
    across = at[f"finger5-1.{side}"] - at[f"finger2-1.{side}"]
    knuckles = np.array(_unit(across)) * arm.curl
    for finger in (2, 3, 4, 5):
        for joint in (1, 2, 3):
            curl = Rotation.from_rotvec(knuckles * sign[0] * (0.6 + 0.1 * finger))
            own[f"finger{finger}-{joint}.{side}"] = curl.as_matrix()


def _aim_leg(own: dict, at: dict, side: str, sign: np.ndarray, leg: Leg, root: np.ndarray) -> None:
    hip, knee, ankle = (at[f"{b}.{side}"] for b in ("upperleg01", "lowerleg01", "foot"))
    # Legs are aimed in the world, so that a tilted pelvis stays over its feet.
    thigh = _aim(knee - hip, root.T @ (sign * leg.thigh))
    own[f"upperleg01.{side}"] = thigh
    world = root @ thigh
    shin = _aim(ankle - knee, world.T @ (sign * leg.shin))
    own[f"lowerleg01.{side}"] = shin
    foot = Rotation.from_euler("zx", [leg.yaw * sign[0], leg.pitch]).as_matrix()
    own[f"foot.{side}"] = (world @ shin).T @ foot


def _turn(angles: Direction, share: float) -> np.ndarray:
    """Yaw to the left, pitch down, roll to the left, each times `share`."""
    yaw, pitch, roll = np.array(angles) * share
    return Rotation.from_euler("ZXY", [yaw, pitch, roll]).as_matrix()


def _aim(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotation that turns one direction into another."""
    a, b = np.array(_unit(start)), np.array(_unit(end))
    axis = np.cross(a, b)
    sine, cosine = np.linalg.norm(axis), a @ b
    return Rotation.from_rotvec(axis / max(sine, 1e-12) * np.arctan2(sine, cosine)).as_matrix()


def _unit(v: np.ndarray | Direction) -> np.ndarray:
    v = np.asarray(v, np.float64)
    return v / np.linalg.norm(v)
