"""Finds faces on a photograph: MediaPipe's face detector and its landmark network.

The detector sees 128 pixels, so small faces are looked for in parts of the photograph. The landmark
network wants the face upright, so it sees a square that is turned by the eyes.
"""

from typing import NamedTuple

import numpy as np

from configs.facemesh import FaceMesh
from models.face468 import POINTS, member
from workers.extraction.detector import Detector, overlap
from workers.extraction.networks import Network, sigmoid
from workers.extraction.people import chosen
from workers.extraction.regions import Region, cut, parts

DETECTOR, LANDMARKS = "face_detector.tflite", "face_landmarks_detector.tflite"
SEEN, SIDE = 128, 256  # pixels that the detector and the landmark network see
GRIDS = ((16, 2), (8, 6))  # of the detector: cells a side, and anchors a cell
LEAST = 0.5  # the detector's score from which the landmark network looks
REACH = 1.5  # the landmark network's region by the box round the face
DEEPEST = 2  # times that a photograph's parts are halved in the search for faces
SAME = 0.3  # intersection over union from which boxes show one face
RIGHT_EYE, LEFT_EYE = 33, 263  # their outer corners


class Face(NamedTuple):
    """A face on a photograph."""

    # (468, 3): x, y in pixels, whole numbers are centres; z as large, towards the viewer.
    points: np.ndarray
    score: float  # how sure the landmark network is that it sees a face, 0..1

    @property
    def box(self) -> np.ndarray:
        """(4,): x0, y0, x1, y1."""
        return np.concatenate([self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)])


class FaceFinder:
    """Photographs (H, W, 3) uint8 -> the faces on them that the settings ask for, best first.

    `task` is the bytes of `models.face468.NAME`.
    """

    def __init__(self, task: bytes, settings: FaceMesh):
        self.settings = settings
        self._detector = Detector(member(task, DETECTOR), SEEN, GRIDS, points=6)
        self._landmarks = Network(member(task, LANDMARKS))

    def __call__(self, photograph: np.ndarray) -> list[Face]:
        """The faces that are taken."""
        faces = self._faces(photograph)
        boxes = np.array([face.box for face in faces]).reshape(-1, 4)
        scores = np.array([face.score for face in faces])
        height, width = photograph.shape[:2]
        return [faces[i] for i in chosen(boxes, scores, height, width, self.settings)]

    def _faces(self, photograph: np.ndarray) -> list[Face]:
        """Every face; parts are looked at where the whole shows none, or where all are wanted."""
        faces: list[Face] = []
        for depth in range(DEEPEST + 1):
            for part in parts(photograph, depth, SEEN):
                for detection in self._detector(photograph, part, LEAST):
                    right, left = detection.points[:2]
                    face = self._looked_at(photograph, _region(detection.box, right, left))
                    if face.score >= self.settings.min_score:
                        faces.append(face)
            if faces and (self.settings.person != "all" or depth):
                break
        return _distinct(faces)

    def _looked_at(self, photograph: np.ndarray, region: Region) -> Face:
        """A face, from a second look: the square round the points of the first fits better."""
        points = self._seen(photograph, region).points[:, :2] + 0.5
        return self._seen(photograph, _region(points, points[RIGHT_EYE], points[LEFT_EYE]))

    def _seen(self, photograph: np.ndarray, region: Region) -> Face:
        out = self._landmarks(cut(photograph, region, SIDE, repeat_border=True) / 255)
        points = out[1, 1, 1, 3 * (POINTS + 10)].reshape(-1, 3)[:POINTS]  # the others: irises
        x_y = region.on_photograph(points[:, :2] / SIDE) - 0.5
        z = -points[:, 2:] * (region.side / SIDE)
        return Face(np.hstack([x_y, z]), float(sigmoid(out[1, 1, 1, 1].item())))


def _region(points: np.ndarray, right: np.ndarray, left: np.ndarray) -> Region:
    """The square round points (N, 2) of a face, upright by its eyes."""
    x, y = left - right
    upright = Region((0.0, 0.0), 1.0, float(np.arctan2(y, x)))
    own = upright.within(points)
    low, high = own.min(axis=0), own.max(axis=0)
    centre = upright.on_photograph((low + high) / 2)
    return Region(
        (float(centre[0]), float(centre[1])), REACH * float((high - low).max()), upright.angle
    )


def _distinct(faces: list[Face]) -> list[Face]:
    """Faces without repetition, best first: overlapping parts show one face twice."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda one: -one.score):
        if not kept or overlap(face.box, np.array([one.box for one in kept])).max() <= SAME:
            kept.append(face)
    return kept
