"""The installed command, where packages of other people's have the names of ours."""

from pathlib import Path

import numpy as np
import pytest
import ray

from configs.fields import ImageFormat
from tests.conftest import ROOT
from tests.helpers.catalogs import body_uv, write_catalog
from tests.helpers.commands import RENDER, reposer
from tests.helpers.trainings import inpainter, world
from workers.data.images import encode
from workers.shards.rows import failed_render, render_id
from workers.shards.shard import Job, Worker
from workers.shards.supervise import Limits, Supervisor

OURS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
LOCAL = "execution.engine=local"
# A folder of research code often holds copies of these, too, and they are not meant.
VENDORED = ["PIL", "lpips", "utils", "statistics"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose packages raise on import; `path/` in it is for PYTHONPATH."""
    for name in [*OURS, *VENDORED, *(f"path/{name}" for name in OURS)]:
        decoy = tmp_path / "research" / name / "__init__.py"
        decoy.parent.mkdir(parents=True)
        decoy.write_text("raise RuntimeError(f'the wrong {__name__} was imported')")
    return tmp_path / "research"


def inputs(folder: Path) -> None:
    """`photos/` and `catalog/` of two people, to be named as a person in the folder would."""
    for n in range(2):
        photo = folder / "photos" / f"{n}.png"
        photo.parent.mkdir(exist_ok=True)
        photo.write_bytes(encode(np.full((32, 32, 3), 99, np.uint8), ImageFormat(format="png")))
        np.save(photo.with_suffix(".npy"), body_uv(n))
    write_catalog(f"{folder}/catalog", 2)


@pytest.mark.ray
def test_a_cluster_renders_for_a_driver_in_such_a_folder(ray_session: None, folder: Path) -> None:
    inputs(folder)
    there = ray.get_runtime_context().gcs_address
    reposer(folder, *RENDER, RAY_ADDRESS=there)


def test_one_process_extracts_and_evaluates_in_such_a_folder(folder: Path) -> None:
    inputs(folder)
    reposer(folder, "extract", "input=photos", "out=extracted", LOCAL)
    reposer(
        folder,
        "evaluate",
        "generated=photos",
        "reference=photos",
        "metrics=[l1]",
        "out=metrics",
        LOCAL,
    )


class Named:
    """Makes a worker whose rows hold their id alone."""

    def __call__(self) -> Worker:
        return lambda keys: ({"renders": [{"render_id": key[0]}]} for key in keys)


def test_the_process_of_a_worker_starts_where_its_node_was_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    job = Job(("renders",), Named(), render_id, failed_render)
    worker = Supervisor(job, Limits(600, 8e9, 1), print)
    try:
        assert list(worker([("a", "b")])) == [{"renders": [{"render_id": "a"}]}]
    finally:
        worker.stop()


@pytest.mark.slow
@pytest.mark.ray
def test_ray_trains_and_synthesizes_in_such_a_folder(ray_session: None, folder: Path) -> None:
    there = ray.get_runtime_context().gcs_address
    reposer(folder, *inpainter(world(folder), "f", engine="ray"), RAY_ADDRESS=there)
    reposer(
        folder,
        "synthesize",
        "items=1",
        "views=1",
        "size=64",
        "out=world",
        "execution.workers=1",
        RAY_ADDRESS=there,
    )
