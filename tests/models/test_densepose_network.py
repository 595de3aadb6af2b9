"""DensePose R-CNN on torchvision against the real project's output on seeded weights."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from torchvision.ops import roi_align

from configs.densepose import MODELS
from models.densepose.charts import BAND, body_surface
from models.densepose.heads import Charts
from models.densepose.pooling import align_on_cpu
from models.winograd import transformed_weights, winograd_conv
from tests.helpers import densepose_golden as golden
from tests.helpers.densepose_seeded import seeded_file
from workers.extraction.densepose.detection import Person
from workers.extraction.densepose.torchvision_backend import Torchvision


@pytest.fixture(scope="module", params=MODELS)
def detector(request: pytest.FixtureRequest) -> Torchvision:
    weights = seeded_file(f"densepose_rcnn_{request.param}")
    return Torchvision(golden.settings(request.param), weights, batch=1)


def assert_equal(ours: list[list[Person]], theirs: list[list[Person]]) -> None:
    """Boxes within 0.01 pixel, labels on 99.9 % of body pixels, U and V within 1e-3."""
    assert [len(people) for people in ours] == [len(people) for people in theirs]
    pairs = [pair for both in zip(ours, theirs, strict=True) for pair in zip(*both, strict=True)]
    assert pairs
    body = agreed = 0  # pixels
    for a, b in pairs:
        np.testing.assert_allclose(a.box, b.box, atol=0.01)
        assert a.score == pytest.approx(b.score, abs=1e-3)
        assert a.labels.shape == b.labels.shape
        same = (a.labels == b.labels) & (b.labels > 0)
        np.testing.assert_allclose(a.uv[:, same], b.uv[:, same], atol=1e-3)
        body, agreed = body + (b.labels > 0).sum(), agreed + same.sum()
    assert agreed >= 0.999 * body


def test_equal_to_detectron2_on_golden_photographs(detector: Torchvision) -> None:
    found = detector(golden.photographs())
    assert_equal(found, golden.read(detector.settings.config))
    parts = np.unique(np.concatenate([p.labels.ravel() for people in found for p in people]))
    assert len(parts) > 10


def test_a_photograph_gives_in_a_batch_what_it_gives_alone(detector: Torchvision) -> None:
    upright, square = golden.photographs()
    seen = [upright, square, upright[:254], square[::-1].copy()]
    settings = detector.settings
    detector.settings = golden.settings(settings.config, person="score")
    alone = [detector([photograph])[0] for photograph in seen]
    detector.batch = 4
    together = detector(seen)
    detector.batch, detector.settings = 1, settings
    assert_equal(together, alone)


def test_only_those_chosen_are_found_of_several_people(detector: Torchvision) -> None:
    everybody = detector(golden.photographs())
    settings = detector.settings
    detector.settings = golden.settings(settings.config, person="largest")
    largest = detector(golden.photographs())
    detector.settings = settings
    for one, people in zip(largest, everybody, strict=True):
        sides = [person.box[2:] - person.box[:2] for person in people]
        expected = people[int(np.argmax([width * height for width, height in sides]))]
        assert_equal([one], [[expected]])


def test_photographs_without_people_and_of_odd_sizes(detector: Torchvision) -> None:
    settings = detector.settings
    values = {"short_side": 64, "long_side": 256, "min_score": 0, "person": "score"}
    detector.settings = golden.settings(settings.config, **values)
    sizes = [(40, 40), (30, 8000), (1, 1), (300, 200)]
    noise = np.random.default_rng(0)
    found = detector([noise.integers(0, 256, (*size, 3), np.uint8) for size in sizes])
    for (height, width), people in zip(sizes, found, strict=True):
        for person in people:
            h, w = person.labels.shape
            x, y = person.box[:2].astype(int)
            assert 0 <= x <= x + w <= width
            assert 0 <= y <= y + h <= height
            assert np.isfinite(person.uv).all()
    detector.settings = golden.settings(settings.config, short_side=64, min_score=1)
    assert detector([golden.photographs()[0]]) == [[]]
    detector.settings = settings


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")  # detectron2's
@pytest.mark.skipif(not importlib.util.find_spec("densepose"), reason="detectron2 is absent")
@pytest.mark.parametrize("model", MODELS)
def test_equal_to_detectron2_on_real_photographs(model: str, real: Path) -> None:
    files = [
        real / "densepose_demo/demo_im.jpg",
        *(real / "pose_with_style").glob("*[0-9]front.png"),
    ]
    files += sorted((real / "official_samples/source_img").glob("*.jpg"))[:2]
    seen = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    config = golden.settings(model, short_side=320, long_side=533)
    ours = Torchvision(config, seeded_file(f"densepose_rcnn_{model}"), batch=2)
    assert_equal(ours(seen), golden.found_by_detectron2(config, seen))


def test_body_surface_is_the_project_s_bilinear_reading() -> None:
    torch.manual_seed(0)
    charts = Charts(*(torch.randn(c, 112, 112) for c in (2, 25, 25, 25)))
    height, width = 900, 611
    assert height * width > BAND  # more than one band
    labels, uv = body_surface(charts, torch.tensor([10.3, 7.9, 622.2, 908.4]))
    coarse, fine, u, v = (
        F.interpolate(chart[None], (height, width), mode="bilinear")[0] for chart in charts
    )
    expected = fine.argmax(0) * (coarse.argmax(0) > 0)
    assert (labels == expected).float().mean() > 0.9999
    for ours, chart in zip(uv, (u, v), strict=True):
        theirs = chart.gather(0, expected[None])[0].clamp(0, 1) * (expected > 0)
        same = labels == expected
        torch.testing.assert_close(ours[same], theirs[same], atol=1e-4, rtol=0)
    assert (uv[:, labels == 0] == 0).all()


def test_pooling_on_cpu_is_torchvision_s_roi_align() -> None:
    torch.manual_seed(0)
    feature = torch.randn(2, 8, 30, 20)
    corner = torch.rand(50, 2) * torch.tensor([70.0, 100.0])
    boxes = torch.cat((corner, corner + torch.rand(50, 2) * 40), dim=1)
    edges = [[79.9, 119.9, 80, 120], [80, 120, 80, 120], [0, 0, 80, 120], [-9, -9, 1, 1]]
    boxes = torch.cat((boxes, torch.tensor(edges)))
    regions = torch.cat((torch.arange(len(boxes))[:, None] % 2, boxes), dim=1)
    for size in (7, 28):
        expected = roi_align(feature, regions, size, 0.25, 2, aligned=False)
        torch.testing.assert_close(align_on_cpu(feature, regions, size, 0.25), expected)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 4), (5, 7), (28, 28), (130, 131)])
def test_winograd_with_zeros_around_is_a_convolution(height: int, width: int) -> None:
    torch.manual_seed(0)
    x, weights, bias = torch.randn(2, 64, height, width), torch.randn(96, 64, 3, 3), torch.randn(96)
    expected = F.conv2d(x.double(), weights.double(), bias.double(), padding=1)
    ours = winograd_conv(x, transformed_weights(weights), bias, "zeros")
    assert (ours - expected).abs().max() < 2e-5 * expected.std()
