"""LPIPS, Inception score, FID and KID against their libraries, on seeded weights in files."""

import hashlib
import os
import warnings
from pathlib import Path

import lpips
import numpy as np
import pytest
import torch
import torch_fidelity
from scipy.linalg import sqrtm
from torch.nn import functional as F

from eval.metrics import inception, microbatch
from eval.metrics.crops import cropped
from eval.metrics.inception import Features, Inception, fid, in_id_order, is_10, kid
from eval.metrics.microbatch import in_microbatches
from eval.metrics.perceptual import Lpips
from eval.metrics.registry import METRICS, OfSets
from eval.metrics.score import CPU, FeatureExtractor, PairScorer, available
from eval.metrics.variants import MetricVariant
from eval.metrics.weights import MissingWeightsError, Weights, WeightsFile, find_weights
from tests.eval.test_metrics import FORMULAS
from tests.helpers.pictures import on_white, pictures

pytestmark = pytest.mark.usefixtures("one_thread")


def seeded(net: str, path: Path) -> tuple[lpips.LPIPS, Path]:
    """The package's model on seeded weights, and these in a file such as torchvision's."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    weights = model.net.state_dict()
    torch.save({f"features.{k.partition('.')[2]}": v for k, v in weights.items()}, path)
    return model, path


@pytest.mark.parametrize("net", ["alex", "squeeze", "vgg"])
@torch.inference_mode()
def test_lpips_is_the_packages(net, tmp_path):
    model, backbone = seeded(net, tmp_path / "backbone.pth")
    x, y = pictures(0, 3, 72, 64), pictures(1, 3, 72, 64)
    masks = np.zeros((3, 72, 64), bool)
    masks[0, 10:60, 20:50] = masks[1] = True
    metric = Lpips("lpips", net, backbone, CPU)
    values = metric(x, y, masks)
    tensors = [torch.from_numpy(side).movedim(-1, 1) / 127.5 - 1 for side in (x, y)]
    expected = model(*tensors).flatten().numpy()
    assert values.whole["lpips"] == pytest.approx(expected, abs=1e-6)
    model.spatial = True
    maps = model(*tensors)[:, 0].numpy()
    for n in (0, 1):
        assert values.body["lpips"][n] == pytest.approx(maps[n][masks[n]].mean(), abs=1e-6)
    assert np.isnan(values.body["lpips"][2])
    assert metric(x, x).whole["lpips"] == pytest.approx(0, abs=1e-9)


@torch.inference_mode()
def test_lpips_of_people_is_the_packages_of_images_on_white(tmp_path):
    model, backbone = seeded("squeeze", tmp_path / "backbone.pth")
    x, y = pictures(0, 2, 72, 64), pictures(1, 2, 72, 64)
    person = np.zeros((2, 72, 64), bool)
    person[0, 10:60, 20:50] = person[1, :, :30] = True
    variant = MetricVariant.parse("lpips_squeeze.person")
    (values,) = PairScorer({variant: Weights(backbone, "")})(x, y, {"person": person}).values()
    white = [
        np.stack([on_white(*pair) for pair in zip(side, person, strict=True)]) for side in (x, y)
    ]
    tensors = [torch.from_numpy(side).movedim(-1, 1) / 127.5 - 1 for side in white]
    assert values == pytest.approx(model(*tensors).flatten().numpy(), abs=1e-6)


def test_lpips_is_the_same_bits_in_every_batch(tmp_path):
    metric = Lpips("l", "squeeze", seeded("squeeze", tmp_path / "b.pth")[1], CPU)
    x, y = pictures(2, 5, 64, 64), pictures(3, 5, 64, 64)
    together = metric(x, y).whole["l"]
    alone = [metric(x[n : n + 1], y[n : n + 1]).whole["l"][0] for n in range(5)]
    assert together.tobytes() == np.array(alone).tobytes()


def test_microbatches_have_one_size_and_give_every_row_once(monkeypatch):
    monkeypatch.setattr(microbatch, "ON_GPU", 4)
    sizes = []

    class Gpu:
        type = "cuda"

    def double(rows):
        sizes.append(len(rows))
        return (rows * 2,)

    monkeypatch.setattr(torch.Tensor, "to", lambda self, device: self)
    (doubled,) = in_microbatches(double, Gpu(), np.arange(10))  # type: ignore[arg-type]
    assert sizes == [4, 4, 4]
    assert (doubled == np.arange(10) * 2).all()


def test_a_backbone_of_another_network_is_refused(tmp_path):
    _, backbone = seeded("squeeze", tmp_path / "b.pth")
    with pytest.raises(ValueError, match="holds no weights of alex"):
        Lpips("lpips_alex", "alex", backbone, CPU)


def test_missing_and_mistaken_weights_say_what_to_do(tmp_path, monkeypatch):
    file = METRICS["lpips_alex"].weights
    assert file is not None
    with pytest.raises(MissingWeightsError) as caught:
        find_weights(file, tmp_path)
    for part in ("alexnet-owt-7be5be79.pth", str(tmp_path), "$TORCH_HOME", file.source):
        assert part in str(caught.value)
    (tmp_path / file.name).write_bytes(b"something else")
    with pytest.raises(MissingWeightsError, match=r"begins with [0-9a-f]{8}, not 7be5be79"):
        find_weights(file, tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    digest = hashlib.sha256(b"right").hexdigest()
    (folder / "right.pth").write_bytes(b"right")
    found = find_weights(WeightsFile("right.pth", digest[:8], "nowhere"))
    assert (found.path, found.sha256) == (folder / "right.pth", digest)


def test_metrics_without_weights_are_absent_with_the_reason(tmp_path):
    variants = [MetricVariant(name) for name in METRICS]
    found, missing = available(variants, tmp_path)
    assert set(found) == {MetricVariant(name) for name in FORMULAS}
    assert set(missing) == set(variants) - set(found)
    assert "6726825d" in missing[MetricVariant("fid")]
    with pytest.raises(ValueError, match="lpips_vgg needs weights"):
        PairScorer({MetricVariant("lpips_vgg"): None})


def test_every_metric_names_what_computes_it():
    for metric in METRICS.values():
        if isinstance(metric.compute, OfSets):
            assert callable(metric.compute.load())
            assert metric.weights is not None
        elif metric.weights is None:
            assert callable(metric.compute.load(None, CPU))


def test_features_are_extracted_where_a_metric_needs_them(inception_file):
    names = ["kid", "is_10.white", "l1"]
    weights = Weights(inception_file, "0" * 64)
    variants = dict.fromkeys(map(MetricVariant.parse, names), weights)
    x, y = pictures(4, 2, 256, 256), pictures(5, 2, 256, 256)
    features = FeatureExtractor(variants)(x, y)
    assert list(features) == [("generated", "full"), ("reference", "full"), ("generated", "white")]
    expected = Inception(inception_file, CPU)(cropped(x, "white"))
    assert (features["generated", "white"].pool == expected.pool).all()
    assert FeatureExtractor({MetricVariant("l1"): None})(x, y) == {}


class Listed(torch.utils.data.Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return torch.from_numpy(self.images[index]).movedim(-1, 0)


def test_features_and_scores_are_torch_fidelitys(inception_file):
    x, y = pictures(4, 10, 48, 40), pictures(5, 3, 48, 40)
    extract = Inception(inception_file, CPU)
    features = extract(x), extract(y)
    assert features[0].pool.shape == (10, 2048)
    assert features[0].logits.shape == (10, 1008)
    expected = torch_fidelity.calculate_metrics(
        input1=Listed(x),
        input2=Listed(y),
        isc=True,
        kid=True,
        kid_subset_size=3,
        samples_shuffle=False,
        batch_size=4,
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(inception_file),
    )
    score, distance = is_10(features[0].logits), kid(features[0].pool, features[1].pool)
    assert score == pytest.approx(expected["inception_score_mean"], abs=1e-5)
    assert distance == pytest.approx(expected["kernel_inception_distance_mean"], abs=1e-5)


def features_of(seed: int, count: int, width: int = 16) -> Features:
    rng = np.random.default_rng(seed)
    pool = (rng.normal(0.1 * seed, 1, (count, width)) @ rng.normal(0, 1, (width, width))).astype(
        np.float32
    )
    return Features(pool, rng.normal(0, 3, (count, 20)).astype(np.float32))


def test_is_10_by_its_formula():
    """exp(mean KL(p(y|x) || p(y))) by split; 23 images in 10 splits, none dropped."""
    logits = features_of(1, 23).logits
    p = F.softmax(torch.from_numpy(logits).double(), dim=1).numpy()
    scores = []
    for part in (p[i * 23 // 10 : (i + 1) * 23 // 10] for i in range(10)):
        scores.append(np.exp((part * np.log(part / part.mean(axis=0))).sum(axis=1).mean()))
    assert is_10(logits) == pytest.approx(np.mean(scores), abs=1e-9)


def test_fid_and_kid_by_their_formulas():
    a, b = features_of(1, 200).pool, features_of(2, 150).pool
    A, B = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    gap = a.mean(axis=0, dtype=np.float64) - b.mean(axis=0, dtype=np.float64)
    expected = gap @ gap + np.trace(A + B - 2 * np.real(sqrtm(A @ B)))
    assert fid(a, b) == pytest.approx(expected, rel=1e-5)
    assert fid(a, a) == pytest.approx(0, abs=1e-6 * np.trace(A))

    def kernel(x, y):
        return (x.astype(np.float64) @ y.T / 16 + 1) ** 3

    both = features_of(1, 150).pool, b  # subsets of all: no draw matters
    xx, yy = (kernel(pool, pool) for pool in both)
    expected = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (150 * 149)
    expected -= 2 * kernel(*both).mean()
    assert kid(*both) == pytest.approx(expected, rel=1e-4)


def test_sets_do_not_depend_on_the_order_of_arrival():
    ids = [f"pair{i:03}" for i in range(60)]
    pool, logits = features_of(1, 60)
    reference = features_of(2, 60).pool
    shuffled = np.random.default_rng(0).permutation(60)
    arrived = [ids[i] for i in shuffled]
    assert is_10(in_id_order(arrived, logits[shuffled])) == is_10(logits)
    ordered = in_id_order(arrived, pool[shuffled])
    assert kid(ordered, reference) == kid(pool, reference)
    assert fid(ordered, reference) == fid(pool, reference)
    with pytest.raises(ValueError, match="an image id comes twice"):
        in_id_order(["a", "a"], pool[:2])


def test_sets_too_small_are_refused():
    with pytest.raises(ValueError, match="is_10 needs at least 10 images; there are 9"):
        is_10(features_of(0, 9).logits)
    for metric in (fid, kid):
        with pytest.raises(ValueError, match="needs at least 2 images"):
            metric(features_of(0, 1).pool, features_of(1, 5).pool)


def test_a_weights_file_with_code_is_not_loaded(tmp_path):
    class Code:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save({"x": Code()}, tmp_path / "bad.pth")
    with pytest.raises(Exception, match=r"[Ww]eights"):
        inception.Inception(tmp_path / "bad.pth", CPU)
    assert not (tmp_path / "made").exists()
