"""Metrics of published pictures, which are for research only and not in this repository."""

import json

import numpy as np
import pytest
from PIL import Image

from eval.metrics.score import PairScorer, available
from eval.metrics.variants import MetricVariant
from eval.naming import pair_folders, side_by_side, split_strip, strips
from workers.data.names import canonical_key, item_id

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("one_thread")]
RANKED = ["OURS_DP", "OURS_STICKMAN", "DPT", "DSC", "VUNET"]  # by ssim_dsc


def read(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def batch(folder, names):
    return np.stack([read(folder / name) for name in names])


@pytest.fixture(scope="module")
def methods(real):
    """By method: the pictures' numbers, generated and reference images."""
    folder = real / "sidebyside"
    return {
        method: (
            [pair.pair_id for pair in pairs],
            batch(folder, [pair.generated for pair in pairs]),
            batch(folder, [pair.reference for pair in pairs]),
        )
        for method, pairs in side_by_side(names_in(folder)).items()
    }


def test_values_are_the_goldens(methods, golden):
    goldens = json.loads((golden / "goldens.json").read_text())
    scorer = PairScorer({MetricVariant(name): None for name in goldens["order"]})
    assert set(methods) == set(RANKED)
    means = {}
    for method, (numbers, generated, reference) in methods.items():
        values = np.stack(list(scorer(generated, reference).values()), axis=1)
        expected = [goldens["sidebyside"][method][number] for number in numbers]
        assert values == pytest.approx(np.array(expected), abs=1e-4)
        means[method] = values[:, 0].mean()
    assert sorted(means, key=lambda method: -means[method]) == RANKED


def test_lpips_squeeze_caffe_is_the_goldens(real, methods, golden):
    goldens = json.loads((golden / "goldens.json").read_text())["lpips_squeeze_caffe"]
    variant = MetricVariant("lpips_squeeze_caffe")
    scorer = PairScorer(available([variant], real / "weights")[0])
    reference = read(real / "lpips" / "ex_ref.png")[None]
    for name in ("p0", "p1"):
        generated = read(real / "lpips" / f"ex_{name}.png")[None]
        (value,) = scorer(generated, reference)[variant]
        assert value == pytest.approx(goldens[f"ex_ref_{name}"], abs=1e-5)
    # The goldens' means of `sidebyside` do not come out of these 16 pictures; their order does.
    means = {m: scorer(x, y)[variant].mean() for m, (_, x, y) in methods.items()}
    expected = goldens["sidebyside_mean"]
    assert sorted(means, key=means.__getitem__) == sorted(expected, key=expected.__getitem__)
    for method, mean in means.items():
        assert mean == pytest.approx(expected[method], abs=0.005)


def test_white_borders_flatter(methods):
    """The same pictures score higher once white is padded around them."""
    names = ["ssim_dsc.176x256", "ssim_dsc.white"]
    scorer = PairScorer({MetricVariant.parse(name): None for name in names})
    for _, generated, reference in methods.values():
        narrow, white = scorer(generated, reference).values()
        assert 0.05 < (white - narrow).mean() < 0.12


@pytest.mark.parametrize(("method", "count"), [("Deform", 15), ("PG2", 10), ("VUNet", 15)])
def test_strips_are_read_as_they_are(real, method, count):
    folder = real / "baseline_strips" / method
    pairs = strips(names_in(folder), canonical_key)
    assert len(pairs) == count
    scorer = PairScorer({MetricVariant("ssim_dsc"): None})
    panels = [split_strip(read(folder / pair.generated)) for pair in pairs]
    generated, target, condition = (
        np.stack([p[name] for p in panels]) for name in ("generated", "target", "condition")
    )
    assert generated.shape == (count, 256, 256, 3)
    (scores,) = scorer(generated, target).values()
    assert 0.6 < scores.mean() < 0.9
    assert scores.mean() > next(iter(scorer(condition, target).values())).mean()


def test_strip_names_pair_with_photographs(real):
    """Names of two methods' strips, read as names of generated images."""
    lists = (real / "splits" / "patn_8570" / "test.lst").read_text().split()
    lists += (real / "splits" / "patn_8570" / "train.lst").read_text().split()
    for method in ("Deform", "VUNet"):
        names = names_in(real / "baseline_strips" / method)
        pairs = pair_folders(names, lists, canonical_key)
        assert [p.pair_id for p in pairs] == [p.pair_id for p in strips(names, canonical_key)]
        assert all(item_id(p.reference) is not None for p in pairs)
