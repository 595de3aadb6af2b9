"""Skeletons in every format in which they are kept, and a poser of seeded weights."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from models.poser import Parts, Poser, PoserConfig, save_poser

# Of somebody who stands, on a picture of 256x256; whole numbers, for DeepFashion's files.
STANDING = np.array(
    [(128, 30), (128, 62), (104, 62), (92, 104), (84, 140), (152, 62), (164, 104), (172, 140),
     (114, 136), (112, 186), (110, 234), (142, 136), (144, 186), (146, 234),
     (122, 24), (134, 24), (114, 28), (142, 28)], float,
)  # fmt: skip
BACKGROUND = 0.5  # the share of a seeded poser's map of it that is off the body
BODY_25 = [0, 1, 2, 3, 4, 5, 6, 7, None, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, *[None] * 6]
COCO_17 = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]


def seeded_poser(folder: Path, layout: str = "anny") -> str:
    """The URL of a checkpoint of a small poser of seeded weights."""
    torch.manual_seed(0)
    config = PoserConfig(width=4, parts=6, grid=32, layout=layout)
    centres = torch.rand(config.parts, 2) * 1.6 - 0.8
    poser = Poser(config, Parts(centres, torch.stack([centres - 0.2, centres + 0.2])))
    for layer in poser.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    torch.nn.init.normal_(poser.out.weight, std=2)
    assert poser.out.bias is not None
    torch.nn.init.zeros_(poser.out.bias)
    with torch.inference_mode():
        fields = poser.eval()(torch.from_numpy(STANDING / 8).float()[None], (32, 32))
    body = fields.parts[:, 1:].logsumexp(1) - fields.parts[:, 0]
    poser.out.bias.data[0] = body.quantile(BACKGROUND)
    folder.mkdir(parents=True)
    for name, data in save_poser(config, {"poser": poser}, "Seeded weights.").items():
        (folder / name).write_bytes(data)
    return str(folder)


def missing(points: np.ndarray, *which: int) -> np.ndarray:
    """Points (18, 2) without some."""
    points = points.copy()
    points[list(which)] = np.nan
    return points


def triples(points: np.ndarray, order: Sequence[int | None] | None = None) -> list[float]:
    """Points (18, 2) as flat x, y, confidence; 0, 0, 0 where missing."""
    return [n for point in _rows(points, order) for n in point]


def _rows(points: np.ndarray, order: Sequence[int | None] | None = None) -> list[list[float]]:
    rows = [[*map(float, p), 1.0] if np.isfinite(p).all() else [0.0] * 3 for p in points]
    return [[0.0] * 3 if at is None else rows[at] for at in order or range(18)]


def openpose(points: np.ndarray, key: str = "pose_keypoints_2d") -> str:
    return json.dumps({"version": 1.3, "people": [{key: triples(points)}]})


def openpose_25(points: np.ndarray) -> str:
    return json.dumps({"people": [{"pose_keypoints_2d": triples(points, BODY_25)}]})


def controlnet(points: np.ndarray) -> str:
    people = [{"pose_keypoints_2d": triples(points), "face_keypoints_2d": None}]
    return json.dumps([{"people": people, "canvas_width": 256, "canvas_height": 256}])


def dwpose(points: np.ndarray) -> str:
    """Shares of the canvas, and null where a point is missing."""
    numbers = [n / 256 if at % 3 < 2 else n for at, n in enumerate(triples(points))]
    numbers = [n if numbers[at // 3 * 3 + 2] else None for at, n in enumerate(numbers)]
    people = [{"pose_keypoints_2d": numbers}]
    return json.dumps({"people": people, "canvas_width": 256, "canvas_height": 256})


def coco(points: np.ndarray) -> str:
    person = {"id": 9, "image_id": 7, "keypoints": triples(points, COCO_17), "bbox": [0, 0, 9, 9]}
    image = {"id": 7, "file_name": "NAME.jpg", "width": 256, "height": 256}
    return json.dumps({"images": [image], "annotations": [person], "categories": []})


def coco_flat(points: np.ndarray) -> str:
    person = {"image_id": "NAME.jpg", "keypoints": triples(points, COCO_17), "score": 2.9}
    return json.dumps([person])


def deepfashion(points: np.ndarray) -> str:
    x, y = ([-1 if np.isnan(n) else int(n) for n in side] for side in points.T)
    return f"name:keypoints_y:keypoints_x\nNAME.jpg: {y}: {x}\n"


def dresscode(points: np.ndarray) -> str:
    numbers = [n if n < 8 else n + 1 for n in range(18)]
    rows = [[*row, n] for row, n in zip(_rows(points), numbers, strict=True)]
    return json.dumps({"keypoints": rows})


def table(points: np.ndarray) -> str:
    return f'image_id;keypoints;width;height\nNAME;"{triples(points)}";256;256\n'


def parquet(points: np.ndarray) -> bytes:
    columns = {"image_id": ["NAME"], "keypoints": [triples(points)]}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


# File name: what writes it.
FORMATS: Mapping[str, Callable[[np.ndarray], str | bytes]] = {
    "NAME_keypoints.json": openpose,
    "old/NAME_keypoints.json": lambda points: openpose(points, "pose_keypoints"),
    "body25/NAME_keypoints.json": openpose_25,
    "controlnet/NAME.json": controlnet,
    "dwpose/NAME.json": dwpose,
    "coco.json": coco,
    "results.json": coco_flat,
    "deepfashion.csv": deepfashion,
    "dresscode/NAME.json": dresscode,
    "table.csv": table,
    "table.parquet": parquet,
}
WITHOUT_NECK = ("coco.json", "results.json")


def write(folder: Path, name: str, points: np.ndarray) -> str:
    """Write a skeleton as the file of a format; returns its URL."""
    content = FORMATS[name](points)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)
