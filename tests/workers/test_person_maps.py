"""Maps of the sample world's people as a fit would write them, beside the exact ones."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from configs.synthesize import SynthesizeConfig
from models.uv_maps import dequantise
from workers.map_errors import errors
from workers.synthesis import SynthesizeWorker, image_ids
from world import labels

ITEMS, VIEWS, SIZE = 2, 4, 128


def world(**keys: Any) -> dict[str, dict[str, dict]]:
    """The rows of a small world by table and image id."""
    config = SynthesizeConfig(out="unused", items=ITEMS, views=VIEWS, size=SIZE, seed=3, **keys)
    made = SynthesizeWorker(config)([(key,) for key in image_ids(config)])
    tables: dict[str, dict[str, dict]] = {"images": {}, "uv_maps": {}, "annotations": {}}
    for rows in made:
        for name, by_id in tables.items():
            by_id[rows[name][0]["image_id"]] = rows[name][0]
    return tables


def uv_maps(tables: dict[str, dict[str, dict]]) -> dict[str, np.ndarray]:
    """(H, W, 2) by image id."""
    return {
        image_id: np.moveaxis(
            dequantise(np.frombuffer(row["uv"], np.uint16).reshape(2, SIZE, SIZE)), 0, -1
        )
        for image_id, row in tables["uv_maps"].items()
    }


@pytest.fixture(scope="module")
def exact() -> dict[str, dict[str, dict]]:
    return world()


@pytest.fixture(scope="module")
def stretched() -> dict[str, dict[str, dict]]:
    return world(uv="person")


def test_the_photographs_are_the_same(exact, stretched) -> None:
    for name in ("images", "annotations"):
        assert exact[name] == stretched[name]


def test_a_persons_map_covers_hair_and_clothes_and_nothing_else(exact, stretched) -> None:
    for image_id, uv in uv_maps(stretched).items():
        data = exact["annotations"][image_id]["segmentation"]["bytes"]
        person = np.asarray(Image.open(io.BytesIO(data))) != labels.BACKGROUND
        covered = ~np.isnan(uv[..., 0])
        assert (covered & person).sum() / (covered | person).sum() > 0.95, image_id


def test_it_names_the_places_of_the_exact_map(exact, stretched) -> None:
    true = uv_maps(exact)
    off = [errors(uv, true[image_id]) for image_id, uv in uv_maps(stretched).items()]
    assert np.mean([e.median for e in off]) < 1.2
    assert np.mean([e.within_10cm for e in off]) > 0.97
    assert all(e.right_side for e in off)


def test_its_noise_is_that_of_a_fit(exact) -> None:
    """`python -m bench.bodyfit`: median 2.7 cm, 94.6 % within 10 cm."""
    true = uv_maps(exact)
    off = [
        errors(uv, true[image_id])
        for image_id, uv in uv_maps(world(uv="person", uv_noise=0.08)).items()
    ]
    assert 1.8 < np.mean([e.median for e in off]) < 3.8
    assert 0.88 < np.mean([e.within_10cm for e in off]) < 0.97


def test_a_mixed_world_has_both(exact, stretched) -> None:
    rows = world(uv="mixed")["uv_maps"]
    kinds = {row["extractor"] for row in rows.values()}
    assert kinds == {"synthesize", "synthesize uv=person"}
    for image_id, row in rows.items():
        source = exact if row["extractor"] == "synthesize" else stretched
        assert row == source["uv_maps"][image_id]
