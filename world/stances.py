"""Stances of catalogs, each as the UV map of one average body: target poses for anybody."""

import functools

import numpy as np

from world import bodies, figures, hair, labels, scene, shoes, skin, studio
from world.fabrics import Fabric
from world.garments import Garment
from world.poses import ARCHETYPES

# A world's pose, and how far the person turns, in degrees: to the picture's right where positive.
STANCES = {
    "standing": ("standing", 0),
    "contrapposto": ("relaxed", 0),
    "walking": ("walking", 30),
    "hand-on-hip": ("hand_on_hip", 0),
    "hands-on-hips": ("hands_on_hips", 0),
    "hands-in-pockets": ("pockets", 0),
    "arm-raised": ("arm_raised", 0),
    "three-quarter-left": ("relaxed", -40),
    "three-quarter-right": ("looking_away", 40),
    "side": ("standing", -90),
    "back": ("standing", 180),
    "back-three-quarter": ("relaxed", 145),
}
FILL = 0.93  # of the picture's side, from the soles to the top of the head
TRAITS = bodies.Traits(gender=0.8, age=0.05, muscle=0.45, weight=0.42, proportions=0.25)
GREY = (0.8, 0.8, 0.8)
CLOTH = Fabric("plain", (GREY, GREY, GREY))


def uv_map(name: str, size: int) -> np.ndarray:
    """The UV map (size, size, 2) float32 of a stance, in [-1, 1], NaN off the body."""
    pose, degrees = STANCES[name]
    light = studio.view(0, 0, 0).studio  # of the picture, which is not kept
    view = scene.View(ARCHETYPES[pose], float(np.radians(degrees)), "full", FILL, light)
    return scene.render(_figure(), view, size).uv


@functools.cache
def _figure() -> figures.Figure:
    """Somebody in a T-shirt and trousers: a map is that of the clothes' surface."""
    clothes = (
        Garment("trousers", labels.TROUSERS, CLOTH, hem=-0.72, loose=0.014, smooth=24),
        Garment("top", labels.TOP, CLOTH, hem=0.16, loose=0.014, smooth=16),
    )
    complexion = skin.Complexion(skin.SKIN_TONES[0], skin.IRISES[0], (0, 0, 0), 0, 0.003, 0, 0)
    style = hair.Style((0, 0, 0), thickness=0.004)
    look = figures.Look(TRAITS, complexion, style, clothes, shoes.Shoe("sneaker", CLOTH))
    return figures.dress(look)
