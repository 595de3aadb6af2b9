"""Our extraction against the DensePose project itself: detectron2, on seeded weights.

Skips where detectron2 is absent. The comparison with the project's own command needs its source,
too: REPOSER_DETECTRON2 names the checkout (see docs/design.md, "Development").
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from configs.densepose import MODELS, DensePose
from pipelines.cli import main
from tests.helpers.catalogs import rows_of
from tests.helpers.densepose_seeded import seeded_file
from workers.extraction.densepose.detection import Person
from workers.extraction.densepose.dump import Dump

pytestmark = [
    pytest.mark.skipif(not importlib.util.find_spec("detectron2"), reason="detectron2 is absent"),
    pytest.mark.filterwarnings("ignore"),  # detectron2's
    pytest.mark.real,
    pytest.mark.slow,
]

SHORT, LONG = 320, 533  # sides that the network sees: a fraction of the usual time
MIN_SCORE = 0.05


@pytest.fixture(scope="module")
def checkout() -> Path:
    """The DensePose project's folder in a checkout of detectron2."""
    root = os.environ.get("REPOSER_DETECTRON2")
    if root is None:
        pytest.skip("set REPOSER_DETECTRON2 to a checkout of detectron2")
    return Path(root) / "projects" / "DensePose"


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, model: str) -> Path:
    """A file such as the model zoo's."""
    path = tmp_path_factory.mktemp("weights") / "model_final.pkl"
    path.write_bytes(seeded_file(f"densepose_rcnn_{model}"))
    return path


@pytest.fixture(scope="module")
def photos(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photographs of three sizes."""
    folder = tmp_path_factory.mktemp("photos")
    found = [real / "densepose_demo/demo_im.jpg"]
    found += sorted((real / "official_samples").glob("*img/*.jpg"))[:2]
    found += sorted((real / "pose_with_style").glob("*_1front.png"))
    for path in found:
        with Image.open(path) as image:
            image.convert("RGB").save(folder / f"{path.stem}.png")
    return folder


def detector(weights: Path, model: str, batch: int, **settings: Any) -> Any:
    from workers.extraction.densepose.detectron2_backend import Detectron2

    sides = {"short_side": SHORT, "long_side": LONG, "min_score": MIN_SCORE, "min_side": 0}
    values = {"weights": str(weights), "config": model, "person": "all", **sides, **settings}
    return Detectron2(DensePose.model_validate(values), weights.read_bytes(), batch)


def read(photos: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.asarray(Image.open(path)) for path in sorted(photos.iterdir())}


def assert_equal(ours: list[Person], theirs: list[Person], tolerance: float) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.box, b.box, atol=tolerance)
        assert abs(a.score - b.score) <= tolerance
        np.testing.assert_array_equal(a.labels, b.labels)
        np.testing.assert_allclose(a.uv, b.uv, atol=tolerance)


@pytest.mark.timeout(900)
def test_batches_of_one_equal_the_project_s_own_command(
    photos: Path, weights: Path, model: str, checkout: Path, tmp_path: Path
) -> None:
    file = tmp_path / "results.pkl"
    options = {"MODEL.DEVICE": "cpu", "INPUT.MIN_SIZE_TEST": SHORT, "INPUT.MAX_SIZE_TEST": LONG}
    yaml = checkout / f"configs/densepose_rcnn_{model}.yaml"
    command = [sys.executable, "-W", "ignore", str(checkout / "apply_net.py"), "dump", str(yaml)]
    command += [str(weights), str(photos), "--output", str(file), "--opts"]
    command += [str(word) for pair in options.items() for word in pair]
    subprocess.run(command, check=True, cwd=tmp_path)
    dump, ours = Dump(str(file)), detector(weights, model, batch=1)
    settings = ours.settings
    people = 0
    for name, pixels in read(photos).items():
        (found,) = ours([pixels])
        height, width = pixels.shape[:2]
        place = [Path(named).stem for named in dump.names].index(name)
        assert_equal(found, dump.people(place, height, width, settings), 1e-5)
        people += len(found)
    assert people >= 5


@pytest.mark.timeout(900)
def test_what_a_photograph_gives_does_not_depend_on_its_batch(
    photos: Path, weights: Path, model: str
) -> None:
    ours, pixels = detector(weights, model, batch=1), list(read(photos).values())
    alone = [people for photograph in pixels for people in ours([photograph])]
    ours.batch = 4
    for one, together in zip(alone, ours(pixels), strict=True):
        assert_equal(one, together, 1e-3)
    assert sum(map(len, alone)) >= 5


def inferring(node: dict) -> dict:
    """A node of a config without what training alone reads."""
    return {
        key: inferring(value) if isinstance(value, dict) else value
        for key, value in node.items()
        if key != "WEIGHTS" and not key.endswith("_TRAIN")
    }


def test_our_facts_are_the_project_s_config(weights: Path, model: str, checkout: Path) -> None:
    from workers.extraction.densepose.detectron2_backend import network_config

    yaml = str(checkout / f"configs/densepose_rcnn_{model}.yaml")
    ours, theirs = (network_config(DensePose(config=c, weights="x")) for c in (model, yaml))
    assert inferring(ours.MODEL) == inferring(theirs.MODEL)
    assert ours.INPUT.FORMAT == theirs.INPUT.FORMAT


@pytest.mark.ray
@pytest.mark.timeout(900)
def test_engines_make_the_same_rows(
    ray_session: None, photos: Path, weights: Path, model: str, tmp_path: Path
) -> None:
    tables = []
    for engine in ("local", "ray"):
        out = f"{tmp_path}/{engine}"
        call = ["extract", f"input={photos}", "extractor=densepose", f"out={out}", "shard_rows=4"]
        call += ["densepose.backend=detectron2", f"densepose.config={model}"]
        call += [f"densepose.weights={weights}", f"densepose.min_score={MIN_SCORE}"]
        call += [f"densepose.short_side={SHORT}", f"densepose.long_side={LONG}"]
        call += [f"execution.engine={engine}", "execution.workers=2", "max_failed_fraction=1"]
        assert main(call) == 0
        tables.append([rows_of(out, table) for table in ("images", "uv_maps")])
    ours, theirs = tables
    assert [row["status"] for row in ours[1]] == [row["status"] for row in theirs[1]]
    assert ours[0] == theirs[0]
    assert "ok" in [row["status"] for row in ours[1]]
    for a, b in zip(ours[1], theirs[1], strict=True):
        assert (a["image_id"], a["extractor"]) == (b["image_id"], b["extractor"])
        if a["status"] == "ok":
            assert a["score"] == pytest.approx(b["score"], abs=1e-3)
            differing = np.frombuffer(a["uv"], "<u2") != np.frombuffer(b["uv"], "<u2")
            assert differing.mean() < 1e-3  # threads sum in another order
