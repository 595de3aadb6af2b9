"""What detectron2's DensePose found on two photographs with seeded weights: the golden file.

`python -m tests.helpers.densepose_golden` writes it anew, where detectron2 is installed.
"""

# pyright: reportMissingImports=false
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from configs.densepose import MODELS, DensePose
from tests.helpers.densepose_seeded import seeded_file
from workers.data.images import decode
from workers.extraction.densepose.detection import Person

SAMPLE = Path(__file__).parent.parent.parent / "assets" / "sample" / "images"
FILE = Path(__file__).parent / "densepose_golden.npz"
WEIGHTS = "model_final.pkl"
PHOTOGRAPHS = ("item-000000_view-00", "item-000001_view-01")
# Above it, each network finds a few people.
MIN_SCORE: dict[str, float] = dict(zip(MODELS, (0.7, 0.05), strict=True))


def photographs() -> list[np.ndarray]:
    """Two photographs of the sample world, one of them cut to an upright 256x177."""
    table = pq.read_table(SAMPLE, filters=[("image_id", "in", PHOTOGRAPHS)])
    first, second = (decode(row["bytes"], 2**20) for row in table["image"].to_pylist())
    return [first[:, 40:217], second]


def settings(model: str, **values: object) -> DensePose:
    """Everybody whom the network finds, seen at a fraction of the usual size."""
    everybody = {"person": "all", "min_side": 0, "min_score": MIN_SCORE[model], "short_side": 224}
    named = {"weights": f"/{WEIGHTS}", "config": model}
    return DensePose.model_validate(named | everybody | values)


def write(model: str, found: list[list[Person]], arrays: dict[str, np.ndarray]) -> None:
    """Add the people found on each photograph to the golden file's arrays."""
    for i, people in enumerate(found):
        for j, person in enumerate(people):
            key = f"{model}/{i}/{j}"
            arrays[f"{key}/box"], arrays[f"{key}/labels"] = person.box, person.labels
            arrays[f"{key}/score"] = np.array(person.score, np.float32)
            arrays[f"{key}/uv"] = (person.uv * 65535).round().astype(np.uint16)


def read(model: str) -> list[list[Person]]:
    """The people that detectron2 found on each of `photographs()`."""
    with np.load(FILE) as file:
        return [
            [_person(file, f"{model}/{i}/{j}") for j in range(_count(file, f"{model}/{i}/"))]
            for i in range(len(PHOTOGRAPHS))
        ]


def _count(file: np.lib.npyio.NpzFile, prefix: str) -> int:
    return sum(key.startswith(prefix) and key.endswith("/box") for key in file.files)


def _person(file: np.lib.npyio.NpzFile, key: str) -> Person:
    uv = file[f"{key}/uv"].astype(np.float32) / 65535
    return Person(file[f"{key}/box"], float(file[f"{key}/score"]), file[f"{key}/labels"], uv)


def found_by_detectron2(config: DensePose, seen: Sequence[np.ndarray]) -> list[list[Person]]:
    """The people that the real project's network and its own code find on photographs.

    U and V are cut to 0..1, as the project does when it quantises them.
    """
    from densepose.vis.extractor import DensePoseResultExtractor

    from workers.extraction.densepose.detectron2_backend import Detectron2

    weights = seeded_file(f"densepose_rcnn_{config.config}")
    detectron2, people = Detectron2(config, weights, batch=1), []
    for photograph in seen:
        with torch.inference_mode():
            (result,) = detectron2.model([detectron2._input(photograph)])
        instances = result["instances"]
        surfaces = DensePoseResultExtractor()(instances)[0] or []
        found = zip(instances.pred_boxes.tensor.numpy(), instances.scores, surfaces, strict=True)
        people.append(
            [
                Person(
                    box, float(score), r.labels.numpy().astype(np.uint8), r.uv.clamp(0, 1).numpy()
                )
                for box, score, r in found
            ]
        )
    return people


def main() -> None:
    """Write the golden file."""
    arrays: dict[str, np.ndarray] = {}
    for model in MODELS:
        found = found_by_detectron2(settings(model), photographs())
        print(model, [[(p.score, p.labels.shape) for p in people] for people in found])
        write(model, found, arrays)
    np.savez_compressed(FILE, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
