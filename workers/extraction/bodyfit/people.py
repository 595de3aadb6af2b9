"""Photographs -> the people on them, each with a fitted body."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from configs.people import People
from workers.extraction.bodyfit.detector import SIDE, landmark_region, person_detector
from workers.extraction.bodyfit.fit import Fit, fit
from workers.extraction.bodyfit.keypoints import TIES
from workers.extraction.bodyfit.landmarks import LandmarkNetwork, Landmarks
from workers.extraction.bodyfit.readings import FACINGS, Sighting, look, sighting
from workers.extraction.bodyfit.surface import Surface
from workers.extraction.bodyfit.warp import Marks, Warp, warp
from workers.extraction.people import chosen
from workers.extraction.regions import parts

DEEPEST = 2  # times that a photograph's parts are halved in the search for people
SAME = 0.5  # torsos between two people's landmarks, on the mean, below which they are one person
TIED = 0.6  # visibility from which a landmark leads the warp


@dataclass(frozen=True)
class FittedPerson:
    """A person on a photograph."""

    detection: float  # the detector's score, 0..1
    sighting: Sighting
    fit: Fit

    @property
    def agreement(self) -> float:
        """How far the copies of the photograph agree with the reading that was taken, 0..1.

        The mean cosine between the ways that they face and the way that was taken, 0 if negative.
        """
        return float(np.cos(self.sighting.yaws - self.fit.reading.yaw).mean().clip(0))

    @property
    def facing(self) -> str:
        """Which way the person was taken to face: the nearest of `readings.FACINGS`."""
        return max(FACINGS, key=lambda way: np.cos(self.fit.reading.yaw - FACINGS[way]))

    def warp(self) -> Warp:
        """The fitted body, stretched over the person's mask."""
        reading = self.fit.reading
        which = np.array([i for i in TIES if reading.visible[i] > TIED], int)
        certainty = np.array([TIES[i] for i in which])
        marks = Marks(reading.points[which], self.fit.landmarks[which], certainty)
        return warp(
            Surface(self.fit.screen),
            self.sighting.level,
            marks,
            self.sighting.photograph,
            self.fit.pixels_a_metre,
        )


class BodyFitter:
    """Finds people and fits them, many photographs at once."""

    def __init__(self, settings: People):
        torch.set_num_threads(1)  # tensors are small: threads would wait for each other
        self.settings = settings
        self._detector, self._landmarks = person_detector(), LandmarkNetwork()

    def __call__(
        self, photographs: Sequence[np.ndarray], facings: Sequence[str | None]
    ) -> list[list[FittedPerson]]:
        """Each photograph's people, best first; (H, W, 3) uint8.

        `facings` says which way a photograph's people face (`readings.FACINGS`), where it is
        known.
        """
        seen = [self._sightings(p, f) for p, f in zip(photographs, facings, strict=True)]
        people = [sighting for one in seen for _, sighting in one]
        fits = iter(fit(people) if people else ())
        return [[FittedPerson(score, s, next(fits)) for score, s in one] for one in seen]

    def _sightings(
        self, photograph: np.ndarray, facing: str | None
    ) -> list[tuple[float, Sighting]]:
        height, width = photograph.shape[:2]
        found = self._people(photograph)
        boxes = np.array([_box(person, height, width) for _, person in found]).reshape(-1, 4)
        scores = np.array([score for score, _ in found])
        seen = []
        for i in chosen(boxes, scores, height, width, self.settings):
            score, person = found[i]
            copies = look(photograph, person.region, self._landmarks) or [person]
            seen.append((score, sighting(copies, height, width, facing)))
        return seen

    def _people(self, photograph: np.ndarray) -> list[tuple[float, Landmarks]]:
        """Everybody on a photograph, with the detector's score.

        The detector sees 224 pixels, so small people are looked for in parts: where nobody is
        found on the whole, and once where everybody is asked for.
        """
        people: list[tuple[float, Landmarks]] = []
        for depth in range(DEEPEST + 1):
            for part in parts(photograph, depth, SIDE):
                for detection in self._detector(photograph, part, self.settings.min_score):
                    landmarks = self._landmarks(photograph, landmark_region(detection.points))
                    if landmarks is not None:
                        people.append((detection.score, landmarks))
            if people and (self.settings.person != "all" or depth):
                break
        return _distinct(people)


def _distinct(people: list[tuple[float, Landmarks]]) -> list[tuple[float, Landmarks]]:
    """People without repetition, best first: overlapping parts show one person twice."""
    kept: list[tuple[float, Landmarks]] = []
    for score, person in sorted(people, key=lambda one: -one[0]):
        points = person.points
        torso = np.linalg.norm(points[[11, 12]].mean(0) - points[[23, 24]].mean(0))
        off = [np.linalg.norm(points - other.points, axis=1).mean() for _, other in kept]
        if not off or min(off) > SAME * torso:
            kept.append((score, person))
    return kept


def _box(person: Landmarks, height: int, width: int) -> np.ndarray:
    """The box (4,) round the landmarks, as far as it lies on the photograph."""
    points = person.points.clip(0, [width, height])
    return np.concatenate([points.min(0), points.max(0)])
