"""UV maps of the sample world's people as `extractor=bodyfit` would write them.

The exact map ends where the body does, and is of the dressed body. A fitted map is of the naked
body, a little off, and stretched over the person's mask, hair and skirt included.
"""

from dataclasses import replace

import numpy as np

from workers.extraction.bodyfit import SIDE
from workers.extraction.bodyfit.keypoints import LANDMARKS, TIES
from workers.extraction.bodyfit.surface import Surface
from workers.extraction.bodyfit.warp import Marks, warp
from world import bodies, labels, poses
from world.camera import DISTANCE
from world.figures import Look
from world.keypoints import positions
from world.scene import Photograph, View, bare

EDGES = np.array([-0.5, -0.5, SIDE - 0.5, SIDE - 0.5])  # the photograph fills the person's square


def person_map(
    look: Look, view: View, photograph: Photograph, spread: float, rng: np.random.Generator
) -> np.ndarray:
    """The UV map (H, W, 2) float32 of a photograph's person, NaN off it.

    The body that is stretched has its limbs, and itself, turned by about `spread` radians.
    """
    root = photograph.joints[0]
    misread = replace(
        view,
        pose=poses.misread(rng, view.pose, spread),
        yaw=view.yaw + float(rng.normal(0, spread)),
    )
    size = photograph.camera.size
    camera = photograph.camera.scaled(SIDE / size)
    vertices, joints = bare(look, view, root)
    true = positions(joints, vertices)
    vertices, joints = bare(look, misread, root)
    read = positions(joints, vertices)
    shift = (true - read).mean(0)  # a fit is not off as a whole
    tied = np.array([len(which) == 1 and which[0] in TIES for which in LANDMARKS])
    tied &= photograph.keypoints[:, 2] > 0
    certainty = np.array([TIES[LANDMARKS[i][0]] for i in np.flatnonzero(tied)])
    nearest = ((np.arange(SIDE) + 0.5) * size / SIDE).astype(int)
    on_person, on_body = (camera.project(p[tied])[:, :2] for p in (true, read + shift))
    warped = warp(
        Surface(camera.project(vertices + shift)[bodies.template().kept]),
        (photograph.labels != labels.BACKGROUND)[np.ix_(nearest, nearest)].astype(np.float32),
        Marks(on_person, on_body, certainty),
        EDGES,
        camera.focal / DISTANCE,
    )
    centres = (np.arange(size) + 0.5) * SIDE / size - 0.5
    return warped.uv(np.stack(np.meshgrid(centres, centres), axis=-1))
