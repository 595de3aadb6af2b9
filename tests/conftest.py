"""Fixtures shared by the suite."""

import logging
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray
import torch
from hypothesis import settings
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from models.lookup import rebuild_lookup
from tests.helpers.environment import environment
from tests.helpers.s3_server import seaweedfs
from workers.data.retrying import retry_policy

ROOT = Path(__file__).parent.parent

settings.register_profile("untimed", deadline=None)  # a busy machine is not at fault
settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What pytest-xdist keeps in one process: a file's tests, and all that share a Ray session."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        shares = "ray_session" in fixtures or item.get_closest_marker("ray") is not None
        item.add_marker(pytest.mark.xdist_group("ray" if shares else item.path.name))


def _research_folder(variable: str, default: str) -> Path:
    folder = Path(os.environ.get(variable, ROOT.parent / "shared" / default))
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent (research-only files; set {variable} to their folder)")
    return folder


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for a storage because a run before it in this process did."""
    monkeypatch.setattr(retry_policy, "wait_seconds", 0.0)
    monkeypatch.setattr(retry_policy, "on_wait", lambda message: None)


@pytest.fixture(scope="session")
def real() -> Path:
    """Real photographs and DensePose maps, for research only."""
    return _research_folder("REPOSER_REAL", "real")


@pytest.fixture(scope="session")
def golden() -> Path:
    """Outputs of the authors' released code."""
    return _research_folder("REPOSER_GOLDEN", "golden")


@pytest.fixture(scope="session")
def ray_session(s3_url: str) -> Iterator[None]:
    """One Ray session for the suite; its GPUs are pretended, so actors are pinned as on GPUs.

    Started after the S3 server, whose address and credentials its workers inherit.
    """
    with environment(RAY_AUTH_MODE="disabled", RAY_metrics_report_interval_ms="1000"):
        ray.init(
            "local",
            num_cpus=6,
            num_gpus=2,
            include_dashboard=False,
            object_store_memory=200 * 2**20,
            logging_level=logging.ERROR,
        )
        yield
        ray.shutdown()


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bucket on a real S3 server (SeaweedFS) on loopback."""
    with seaweedfs(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty URL, once on local disk and once on S3."""
    if request.param == "local":
        return str(tmp_path / "store")
    return f"{request.getfixturevalue('s3_url')}/{uuid.uuid4().hex}"


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.ray)])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    if request.param == "ray":
        request.getfixturevalue("ray_session")
    return request.param


@pytest.fixture(scope="session")
def lookup() -> np.ndarray:
    """The DensePose lookup, rebuilt from the optional data package."""
    try:
        return rebuild_lookup()
    except ValueError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seeded weights in torch-fidelity's file format."""
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url",
            lambda *_, **__: {},
        )
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = FeatureExtractorInceptionV3("seeded", ["2048"])
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads of small networks wait for each other for seconds on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
