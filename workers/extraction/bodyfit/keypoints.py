"""The 18 OpenPose (COCO-18) keypoints, as in the sample world, of the networks' 33 landmarks."""

import numpy as np

# In the order of `world.keypoints.NAMES`; the neck is the middle of the shoulders.
LANDMARKS = ((0,), (11, 12), (12,), (14,), (16,), (11,), (13,), (15,), (24,), (26,), (28,), (23,),
             (25,), (27,), (5,), (2,), (8,), (7,))  # fmt: skip
TIES = {
    0: 1.0, 2: 1.0, 5: 1.0, 9: 0.6, 10: 0.6, 1: 0.4, 3: 0.4, 4: 0.4, 6: 0.4,  # face
    13: 0.3, 14: 0.3, 15: 0.6, 16: 0.6, 19: 0.3, 20: 0.3,  # elbows, wrists, index fingers
    25: 0.3, 26: 0.3, 27: 0.5, 28: 0.5, 31: 0.4, 32: 0.4,  # knees, ankles, toes
}  # landmark: how well its place on the skin is known; shoulders and hips lie too deep  # fmt: skip
SEEN = 0.5  # visibility from which a keypoint is not hidden


def keypoints(points: np.ndarray, visible: np.ndarray, height: int, width: int) -> np.ndarray:
    """(18, 3) float32: x, y in pixels and 1 where in the picture and not hidden, else 0.

    `points` (33, 2) in pixels of a picture of `height` x `width`, integers at centres; `visible`
    (33,), 0..1.
    """
    place = np.array([points[list(which)].mean(0) for which in LANDMARKS])
    shown = np.array([visible[list(which)].min() for which in LANDMARKS]) > SEEN
    inside = ((place > -0.5) & (place < [width - 0.5, height - 0.5])).all(1)
    return np.column_stack([place, shown & inside]).astype(np.float32)
