"""Extract, then render, on real photographs and DensePose maps."""

import io
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.cli import main
from tests.helpers.catalogs import rows_of
from tests.helpers.seeded import write_authors_files

pytestmark = pytest.mark.real


def extract(real: Path, out: str, *arguments: str) -> list[dict]:
    """Extract with the local engine; returns the UV maps' rows."""
    assert main(["extract", *arguments, f"out={out}", "execution.engine=local"]) == 0
    return rows_of(out, "uv_maps")


@pytest.fixture(scope="module")
def official(real: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Catalogs of the five official photographs and of their five target poses."""
    folder, samples = tmp_path_factory.mktemp("official"), real / "official_samples"
    catalog, poses = f"{folder}/catalog", f"{folder}/poses"
    source = [f"input={samples}/source_img", f"uv={samples}/source_uv"]
    assert len(extract(real, catalog, *source)) == 5
    assert len(extract(real, poses, f"input={samples}/target_uv")) == 5
    return catalog, poses


def render_everywhere(
    official: tuple[str, str], model: str, folder: Path, s3: str, *more: str
) -> list[list[dict]]:
    """The renders of both engines on both stores."""
    catalog, poses = official
    tables = []
    for engine, store in product(("local", "ray"), (str(folder), s3)):
        out = f"{store}/{engine}-{folder.name}"
        call = ["render", f"catalog={catalog}", f"poses={poses}", f"model={model}", f"out={out}"]
        assert main([*call, f"execution.engine={engine}", "execution.workers=2", *more]) == 0
        tables.append(rows_of(out))
    return tables


def assert_25_equal(tables: list[list[dict]]) -> None:
    for table in tables:
        assert [row["status"] for row in table] == ["ok"] * 25
        assert table == tables[0]
    pixels = [np.asarray(Image.open(io.BytesIO(r["image"]["bytes"]))) for r in tables[0]]
    assert all(image.shape == (256, 256, 3) and image.std() > 5 for image in pixels)


@pytest.mark.ray
@pytest.mark.s3
def test_symmetry_renders_25_of_25_alike_everywhere(
    lookup: np.ndarray, official: tuple[str, str], ray_session: None, s3_url: str, tmp_path: Path
) -> None:
    assert_25_equal(render_everywhere(official, "symmetry", tmp_path, s3_url))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.ray
@pytest.mark.s3
def test_full_networks_render_25_of_25_alike_everywhere(
    official: tuple[str, str], ray_session: None, s3_url: str, tmp_path: Path
) -> None:
    inpainter, refiner = write_authors_files(tmp_path)
    checkpoint = f"{tmp_path}/checkpoint"
    call = [f"inpainter={inpainter}", f"refiner={refiner}", f"out={checkpoint}"]
    assert main(["checkpoint", "import", *call]) == 0
    assert_25_equal(render_everywhere(official, checkpoint, tmp_path, s3_url, "shard_rows=9"))


def test_both_iuv_layouts_make_catalogs(lookup: np.ndarray, real: Path, tmp_path: Path) -> None:
    """The official samples are (V, U, I) on disk, pose-with-style (I, U, V)."""
    samples = real / "official_samples"
    ours = extract(real, f"{tmp_path}/a", f"input={samples}/source_img", f"uv={samples}/source_iuv")
    assert [row["status"] for row in ours] == ["ok"] * 5
    style = extract(real, f"{tmp_path}/b", f"input={real}/pose_with_style", "size=native")
    assert [row["status"] for row in style] == ["ok"] * 4
    assert {(row["width"], row["height"]) for row in style} == {(348, 512)}
    call = ["render", f"catalog={tmp_path}/b", f"poses={tmp_path}/b", f"out={tmp_path}/r"]
    assert main([*call, "execution.engine=local"]) == 0
    assert {(row["width"], row["height"]) for row in rows_of(f"{tmp_path}/r")} == {(348, 512)}


def test_of_several_people_one_is_rendered(lookup: np.ndarray, real: Path, tmp_path: Path) -> None:
    rows = extract(real, f"{tmp_path}/c", f"input={real}/densepose_demo/demo_im*", "crop=person")
    assert [row["status"] for row in rows] == ["ok"]
    call = ["render", f"catalog={tmp_path}/c", f"poses={tmp_path}/c", f"out={tmp_path}/r"]
    assert main([*call, "execution.engine=local"]) == 0
    assert [row["status"] for row in rows_of(f"{tmp_path}/r")] == ["ok"]
