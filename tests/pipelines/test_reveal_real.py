"""Garment transfer on real photographs: four outfits on four people, the authors' own examples."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.cli import main
from tests.helpers.catalogs import rows_of
from workers.data.catalog import Catalog

GARMENTS, PEOPLE = ("11", "16", "17", "29"), ("100", "103", "104", "106")
FIT = ["extractor=bodyfit", "execution.engine=local"]

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def catalogs(real: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("tryon")
    for name, ids in (("garments", GARMENTS), ("people", PEOPLE)):
        (folder / f"{name}-photographs").mkdir()
        for n in ids:
            shutil.copy(real / f"tryon/{n}.png", folder / f"{name}-photographs")
        words = [f"input={folder}/{name}-photographs", f"out={folder}/{name}"]
        assert main(["extract", *words, *FIT]) == 0
    return f"{folder}/garments", f"{folder}/people"


@pytest.mark.parametrize("size", ["", "size=native"])
def test_sixteen_people_keep_their_heads(
    catalogs: tuple[str, str], size: str, tmp_path: Path
) -> None:
    garments, people = catalogs
    words = [f"catalog={garments}", f"poses={people}", "reveal=head_and_hands", "image.format=png"]
    words += [size] if size else []
    out = f"{tmp_path}/renders"
    assert main(["render", *words, f"out={out}", "execution.engine=local"]) == 0
    rows = rows_of(out)
    assert len(rows) == 16
    photographs = Catalog(people)
    clothes: dict[str, list[np.ndarray]] = {}
    for row in rows:
        image = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"]))).astype(float)
        revealed = photographs.revealed(row["pose_id"])
        stays, body = revealed[..., 3] > 0, photographs.body(row["pose_id"])
        assert 0.01 < stays.mean() < 0.15
        np.testing.assert_array_equal(image[stays], revealed[stays, :3])
        clothes.setdefault(row["pose_id"], []).append(image[body & ~stays])
    for shown in clothes.values():  # four outfits
        for number, one in enumerate(shown):
            assert all(np.abs(one - other).mean() > 20 for other in shown[:number])
