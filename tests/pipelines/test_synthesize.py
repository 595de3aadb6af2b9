"""`reposer synthesize` as a run: the same bytes whoever makes them."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.benchmark.textures import made_by
from pipelines.cli import main
from tests.helpers.catalogs import rows_of
from workers.data.catalog import Catalog
from workers.data.storage import Store

TABLES = ("images", "uv_maps", "annotations", "pairs")


def files(url: str) -> dict[str, bytes]:
    """The tables' files."""
    store = Store(url)
    return {f.name: store.read(f.name) for t in TABLES for f in store.list(t)}


@pytest.mark.ray
def test_worlds_do_not_depend_on_workers_and_resume(ray_session: None, tmp_path: Path) -> None:
    call = ["synthesize", "items=3", "views=2", "size=64", "seed=5", "shard_rows=2"]
    assert main([*call, f"out={tmp_path}/a", "execution.engine=local"]) == 0
    assert main([*call, f"out={tmp_path}/b", "execution.workers=2"]) == 0
    made = files(f"{tmp_path}/a")
    assert len(made) == 12
    assert files(f"{tmp_path}/b") == made
    for name in ("images/00001-of-00003.parquet", "uv_maps/00002-of-00003.parquet"):
        Path(tmp_path, "b", name).unlink()
    assert main([*call, f"out={tmp_path}/b", "execution.engine=local"]) == 0
    assert files(f"{tmp_path}/b") == made
    pairs = {(r["from"], r["to"]) for r in rows_of(f"{tmp_path}/a", "pairs")}
    assert ("item-000001_view-00", "item-000001_view-01") in pairs
    assert len(pairs) == 6
    assert main([*call[:-2], "seed=6", f"out={tmp_path}/c", "execution.engine=local"]) == 0
    assert not set(files(f"{tmp_path}/c").values()) & {
        data for name, data in made.items() if not name.startswith("pairs")
    }


def test_poses_beyond_those_of_catalogs_are_part_of_what_a_world_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["synthesize", "items=1", "views=1", "size=64", "execution.engine=local"]
    for name, noise in (("plain", []), ("varied", ["pose_noise=0.2"])):
        assert main([*call, *noise, f"out={tmp_path}/{name}"]) == 0
    plain, varied = (Catalog(f"{tmp_path}/{name}") for name in ("plain", "varied"))
    (image_id,) = plain.images.ids.to_pylist()
    assert np.abs(plain.keypoints(image_id) - varied.keypoints(image_id)).max() > 1
    assert made_by(f"{tmp_path}/varied").pose_noise == 0.2
    assert made_by(f"{tmp_path}/plain").pose_noise == 0
    capsys.readouterr()
    assert main([*call, f"out={tmp_path}/varied"]) == 2  # another world
