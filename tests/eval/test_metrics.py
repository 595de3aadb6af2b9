"""Pair metrics against the libraries that define them, over random images."""

import numpy as np
import pytest
import pytorch_msssim
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import laplace, uniform_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from eval.metrics.crops import cropped
from eval.metrics.detail import detail
from eval.metrics.differences import differences
from eval.metrics.registry import METRICS, OfPairs
from eval.metrics.score import PairScorer
from eval.metrics.ssim import GAUSSIAN, _box_means, _gaussian_means, ms_ssim, ssim, ssim_win51
from eval.metrics.variants import MASKS, MetricVariant
from tests.helpers.pictures import on_white, pictures

FORMULAS = [name for name, metric in METRICS.items() if metric.weights is None]
OVER_BODY = [
    name
    for name, metric in METRICS.items()
    if isinstance(metric.compute, OfPairs) and metric.compute.over_body
]


def a_pair(seed, height, width, contrast=1.0):
    return pictures(seed, 1, height, width, contrast), pictures(seed + 1, 1, height, width)


def dsc_map(x, y, data_range):
    return structural_similarity(
        y,
        x,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
        data_range=data_range,
        full=True,
    )


SIZES = st.integers(11, 80)
SEEDS = st.integers(0, 2**16)


@settings(max_examples=60)
@given(seed=SEEDS, height=SIZES, width=SIZES, contrast=st.sampled_from([0.02, 0.3, 1.0]))
@example(seed=0, height=11, width=11, contrast=1.0)
def test_ssim_dsc_and_ssim_255_are_scikit_images(seed, height, width, contrast):
    x, y = a_pair(seed, height, width, contrast)
    values = ssim(x, y).whole
    assert values["ssim_255"][0] == pytest.approx(dsc_map(x[0], y[0], 255)[0], abs=1e-9)
    if np.ptp(x):
        expected = dsc_map(x[0], y[0], np.ptp(x))[0]
        assert values["ssim_dsc"][0] == pytest.approx(expected, abs=1e-7)


@settings(max_examples=25)
@given(seed=SEEDS, height=st.integers(51, 120), width=st.integers(51, 120))
@example(seed=0, height=51, width=51)
def test_ssim_win51_is_scikit_images(seed, height, width):
    x, y = a_pair(seed, height, width)
    expected = structural_similarity(
        y[0] / 255, x[0] / 255, win_size=51, channel_axis=-1, data_range=1
    )
    assert ssim_win51(x, y).whole["ssim_win51"][0] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=6)
@given(seed=SEEDS, height=st.integers(161, 200), width=st.integers(161, 200))
@example(seed=0, height=161, width=176)
@example(seed=0, height=256, width=256)
def test_ms_ssim_is_pytorch_msssims(seed, height, width):
    x, y = a_pair(seed, height, width)
    tensors = [torch.from_numpy(side).movedim(-1, 1).double() for side in (x, y)]
    window = torch.tensor(GAUSSIAN, dtype=torch.float64).expand(3, 1, 1, -1)
    ours = ms_ssim(x, y).whole["ms_ssim"][0]
    exact = pytorch_msssim.ms_ssim(*tensors, data_range=255, win=window)
    assert ours == pytest.approx(exact.item(), abs=1e-6)  # its exponents are float32
    as_called = pytorch_msssim.ms_ssim(*(t.float() for t in tensors), data_range=255)
    assert ours == pytest.approx(as_called.item(), abs=1e-3)


@settings(max_examples=25)
@given(seed=SEEDS, height=st.integers(1, 40), width=st.integers(1, 40))
def test_l1_and_psnr(seed, height, width):
    x, y = a_pair(seed, height, width)
    values = differences(x, y).whole
    assert values["l1"][0] == pytest.approx(np.abs(x / 255 - y / 255).mean(), abs=1e-12)
    with np.errstate(divide="ignore"):
        assert values["psnr"][0] == pytest.approx(peak_signal_noise_ratio(y, x), abs=1e-9)


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_equal_images_are_as_alike_as_can_be(level):
    flat = np.full((1, 170, 170, 3), level, np.uint8)
    scores = PairScorer(dict.fromkeys(map(MetricVariant, FORMULAS)))(flat, flat)
    best = {"psnr": np.inf, "l1": 0.0}
    for variant, values in scores.items():
        assert values == pytest.approx(best.get(variant.metric, 1.0), abs=1e-12)


def test_values_lie_in_the_metrics_ranges():
    ranges = {"psnr": (0, np.inf), "detail": (0, np.inf), "l1": (0, 1), "ms_ssim": (0, 1)}
    x, y = pictures(13, 4, 170, 170), pictures(14, 4, 170, 170)
    for variant, values in PairScorer(dict.fromkeys(map(MetricVariant, FORMULAS)))(x, y).items():
        low, high = ranges.get(variant.metric, (-1, 1))  # of SSIM
        assert ((low <= values) & (values <= high)).all(), str(variant)


def test_constant_images_are_scikit_images_where_it_has_a_value():
    flat, other = np.full((1, 30, 30, 3), 200, np.uint8), np.full((1, 30, 30, 3), 90, np.uint8)
    assert ssim(flat, other).whole["ssim_255"][0] == pytest.approx(
        dsc_map(flat[0], other[0], 255)[0], abs=1e-9
    )


def test_a_generated_image_of_one_grey_has_ssim_dsc_zero():
    """Its data range is 0 and SSIM 0/0."""
    grey, picture = np.full((1, 30, 30, 3), 128, np.uint8), pictures(3, 1, 30, 30)
    assert ssim(grey, picture).whole["ssim_dsc"] == 0
    assert ssim(grey, grey).whole["ssim_dsc"] == 1
    mask = np.zeros((1, 30, 30), bool)
    assert np.isnan(ssim(grey, picture, mask).body["ssim_dsc"])


def test_body_variants_are_means_of_the_map_over_the_body():
    x, y = pictures(1, 3, 90, 70), pictures(2, 3, 90, 70)
    masks = np.random.default_rng(0).random((3, 90, 70)) < [[[0.1]], [[0.5]], [[0.0]]]
    dsc, win51, l1 = ssim(x, y, masks), ssim_win51(x, y, masks), differences(x, y, masks)
    assert dsc.whole["ssim_dsc"] == pytest.approx(ssim(x, y).whole["ssim_dsc"])
    for n in (0, 1):
        inner = masks[n, 5:-5, 5:-5]
        for name, data_range in (("ssim_dsc", np.ptp(x[n])), ("ssim_255", 255)):
            full = dsc_map(x[n], y[n], data_range)[1]
            expected = full[5:-5, 5:-5][inner].mean()
            assert dsc.body[name][n] == pytest.approx(expected, abs=1e-9)
        full = structural_similarity(
            y[n] / 255, x[n] / 255, win_size=51, channel_axis=-1, data_range=1, full=True
        )[1][25:-25, 25:-25]
        expected = full[masks[n, 25:-25, 25:-25]].mean()
        assert win51.body["ssim_win51"][n] == pytest.approx(expected, abs=1e-9)
        a, b = x[n][masks[n]] / 255, y[n][masks[n]] / 255
        assert l1.body["l1"][n] == pytest.approx(np.abs(a - b).mean())
        assert l1.body["psnr"][n] == pytest.approx(-10 * np.log10(((a - b) ** 2).mean()))
    for values in (dsc, win51, l1):
        assert all(np.isnan(v[2]) for v in values.body.values())
        assert not any(np.isnan(v).any() for v in values.whole.values())


def test_a_pairs_values_are_the_same_bits_in_every_batch():
    x, y = pictures(5, 7, 176, 165), pictures(6, 7, 176, 165)
    masks = pictures(7, 7, 176, 165)[..., 0] > 100
    names = [MetricVariant(m) for m in FORMULAS]
    names += [MetricVariant(m, mask="body") for m in FORMULAS if m in OVER_BODY]
    scorer = PairScorer(dict.fromkeys(names))
    together = scorer(x, y, {"body": masks})
    for size in (1, 3):
        parts = [
            scorer(x[i : i + size], y[i : i + size], {"body": masks[i : i + size]})
            for i in range(0, 7, size)
        ]
        for variant, values in together.items():
            joined = np.concatenate([part[variant] for part in parts])
            assert values.tobytes() == joined.tobytes(), str(variant)


def test_read_only_and_strided_arrays_compile_nothing_anew():
    x, y = pictures(5, 2, 70, 80), pictures(6, 2, 70, 80)
    masks = x[..., 0] > 100
    expected = ssim(x, y, masks).body["ssim_255"], ssim_win51(x, y, masks).body["ssim_win51"]
    kernels = _gaussian_means, _box_means
    compiled = [len(kernel.signatures) for kernel in kernels]
    wide = np.zeros((2, 70, 100, 3), np.uint8)
    wide[:, :, :80] = x
    y.flags.writeable = False
    again = wide[:, :, :80], y, np.asfortranarray(masks)
    assert (ssim(*again).body["ssim_255"] == expected[0]).all()
    assert (ssim_win51(*again).body["ssim_win51"] == expected[1]).all()
    assert [len(kernel.signatures) for kernel in kernels] == compiled


def test_crops():
    images = pictures(8, 2, 256, 256)
    narrow = cropped(images, "176x256", 255)
    assert (narrow == images[:, :, 40:216]).all()
    white = cropped(images, "white", 255)
    assert white.shape == images.shape
    assert (white[:, :, 40:216] == narrow).all()
    assert (white[:, :, :40] == 255).all()
    assert (white[:, :, 216:] == 255).all()
    assert (cropped(narrow, "white", 255) == white).all()  # DeepFashion's 176x256 files
    assert cropped(images, "full", 255) is images
    with pytest.raises(ValueError, match="256x256 or 176x256 pixels, not 128x256"):
        cropped(images[:, :, :128], "white", 255)


def test_variants_score_what_their_name_says():
    x, y = pictures(9, 2, 256, 256), pictures(10, 2, 256, 256)
    masks = pictures(11, 2, 256, 256)[..., 1] > 120
    names = ["l1.176x256", "ssim_255.white", "ssim_255.176x256.body", "ssim_255", "ms_ssim.white"]
    by_variant = PairScorer(dict.fromkeys(map(MetricVariant.parse, names)))(x, y, {"body": masks})
    scores = {str(variant): values for variant, values in by_variant.items()}
    assert list(scores) == names
    narrow = x[:, :, 40:216], y[:, :, 40:216]
    white = cropped(x, "white", 255), cropped(y, "white", 255)
    assert (scores["l1.176x256"] == differences(*narrow).whole["l1"]).all()
    assert (scores["ssim_255.white"] == ssim(*white).whole["ssim_255"]).all()
    body = ssim(*narrow, masks[:, :, 40:216]).body["ssim_255"]
    assert (scores["ssim_255.176x256.body"] == body).all()
    assert (scores["ssim_255"] == ssim(x, y).whole["ssim_255"]).all()
    assert (scores["ms_ssim.white"] == ms_ssim(*white).whole["ms_ssim"]).all()


def test_person_variants_are_metrics_of_images_on_white():
    x, y = pictures(9, 3, 256, 256), pictures(10, 3, 256, 256)
    person = np.zeros((3, 256, 256), bool)  # of the third, nobody
    person[0, 20:200, 70:150] = person[1, 90:, :120] = True
    names = [
        "ssim_dsc.person",
        "l1.person",
        "l1",
        "psnr.person",
        "ms_ssim.person",
        "l1.176x256.person",
        "ssim_255.white.person",
        "l1.body",
    ]
    masks = {"person": person, "body": ~person}
    by_variant = PairScorer(dict.fromkeys(map(MetricVariant.parse, names)))(x, y, masks)
    scores = {str(variant): values for variant, values in by_variant.items()}
    assert list(scores) == names
    for n in (0, 1):
        a, b = (on_white(side[n], person[n]) for side in (x, y))
        difference = np.abs(a.astype(float) - b)
        assert scores["l1.person"][n] == pytest.approx(difference.mean() / 255)
        narrow = difference[:, 40:216].mean() / 255
        assert scores["l1.176x256.person"][n] == pytest.approx(narrow)
        assert scores["psnr.person"][n] == pytest.approx(
            peak_signal_noise_ratio(b, a, data_range=255)
        )
        expected = dsc_map(a, b, np.ptp(a))[0]
        assert scores["ssim_dsc.person"][n] == pytest.approx(expected, abs=1e-9)
        a[:, :40] = a[:, 216:] = b[:, :40] = b[:, 216:] = 255
        assert scores["ssim_255.white.person"][n] == pytest.approx(dsc_map(a, b, 255)[0], abs=1e-9)
    assert all(np.isnan(values[2]) for name, values in scores.items() if ".person" in name)
    assert (scores["l1"] == differences(x, y).whole["l1"]).all()
    assert (scores["l1.body"] == differences(x, y, ~person).body["l1"]).all()


def test_variants_of_regions_are_means_over_their_pixels():
    x, y = pictures(9, 2, 90, 70), pictures(10, 2, 90, 70)
    masks = {"head": pictures(11, 2, 90, 70)[..., 1] > 120, "body": np.ones((2, 90, 70), bool)}
    masks["garment"] = ~masks["head"] & [[[True]], [[False]]]  # of the second, no clothes
    names = ["psnr.head", "l1", "l1.garment", "ssim_255.head", "l1.head", "ssim_255.garment"]
    by_variant = PairScorer(dict.fromkeys(map(MetricVariant.parse, names)))(x, y, masks)
    scores = {str(variant): values for variant, values in by_variant.items()}
    assert list(scores) == names
    for n, head in enumerate(masks["head"]):
        expected = peak_signal_noise_ratio(y[n][head], x[n][head], data_range=255)
        assert scores["psnr.head"][n] == pytest.approx(expected)
    assert (scores["ssim_255.head"] == ssim(x, y, masks["head"]).body["ssim_255"]).all()
    garment = differences(x, y, masks["garment"]).body["l1"]
    np.testing.assert_array_equal(scores["l1.garment"], garment)
    assert np.isnan(scores["ssim_255.garment"][1])
    assert (scores["l1"] == differences(x, y).whole["l1"]).all()
    with pytest.raises(ValueError, match="ms_ssim cannot be taken over the head alone"):
        MetricVariant.parse("ms_ssim.head")


def test_torso_variants_are_metrics_of_a_square():
    x, y = pictures(9, 2, 300, 320), pictures(10, 2, 300, 320)
    torso = np.zeros((2, 300, 320), bool)
    torso[0, 44:, :256] = torso[1, 10:266, 50:306] = True
    names = ["ssim_255.torso", "detail.torso", "l1.torso", "l1"]
    by_variant = PairScorer(dict.fromkeys(map(MetricVariant.parse, names)))(x, y, {"torso": torso})
    scores = {str(variant): values for variant, values in by_variant.items()}
    a, b = (np.stack([side[0, 44:, :256], side[1, 10:266, 50:306]]) for side in (x, y))
    assert (scores["ssim_255.torso"] == ssim(a, b).whole["ssim_255"]).all()
    assert (scores["detail.torso"] == detail(a, b).whole["detail"]).all()
    assert (scores["l1.torso"] == differences(a, b).whole["l1"]).all()
    assert (scores["l1"] == differences(x, y).whole["l1"]).all()


def test_detail_is_the_energy_of_the_laplacian():
    x, y = pictures(11, 2, 40, 50), pictures(12, 2, 40, 50)
    mask = np.zeros((2, 40, 50), bool)
    mask[0, 3:20, :30] = True  # of the second, no pixel
    found = detail(x, y, mask)
    for n in (0, 1):
        ours, theirs = (
            laplace(side[n].astype(float), axes=(0, 1))[1:-1, 1:-1] ** 2 for side in (x, y)
        )
        assert found.whole["detail"][n] == pytest.approx(ours.sum() / theirs.sum())
        on = mask[n, 1:-1, 1:-1]
        expected = ours[on].sum() / theirs[on].sum() if n == 0 else np.nan
        assert found.body["detail"][n] == pytest.approx(expected, nan_ok=True)
    assert (detail(x, x).whole["detail"] == 1).all()
    assert (detail(x // 2 * 0, x).whole["detail"] == 0).all()
    soft = uniform_filter(y.astype(float), 3, axes=(1, 2)).astype(np.uint8)
    assert (detail(soft, y).whole["detail"] < 0.2).all()


def test_small_images_are_scaled_for_ms_ssim():
    x = pictures(12, 2, 128, 128)
    y = np.clip(x + np.random.default_rng(0).normal(0, 9, x.shape), 0, 255).astype(np.uint8)
    (values,) = PairScorer({MetricVariant.parse("ms_ssim.256"): None})(x, y).values()
    bicubic = Image.Resampling.BICUBIC
    scaled = [
        np.stack([np.array(Image.fromarray(image).resize((256, 256), bicubic)) for image in side])
        for side in (x, y)
    ]
    sides = [torch.from_numpy(side).movedim(-1, 1).float() for side in scaled]
    expected = pytorch_msssim.ms_ssim(*sides, data_range=255, size_average=False)
    assert values == pytest.approx(expected.numpy(), abs=1e-3)
    masks = x[..., 0] > 120
    assert (cropped(masks, "256", False)[:, ::2, ::2] == masks).all()
    with pytest.raises(ValueError, match="square images, not 100x128"):
        cropped(x[:, :, :100], "256", 0)


def test_what_does_not_fit_is_refused():
    x = pictures(0, 2, 60, 60)
    with pytest.raises(ValueError, match="differ"):
        ssim(x, x[:1])
    with pytest.raises(ValueError, match="uint8"):
        ssim(x / 255, x)
    with pytest.raises(ValueError, match="40x60 pixels; this metric needs 51"):
        ssim_win51(x[:, :, :40], x[:, :, :40])
    with pytest.raises(ValueError, match="needs 161"):
        ms_ssim(x, x)
    with pytest.raises(ValueError, match="masks must be"):
        ssim(x, x, np.ones((2, 60, 60), np.uint8))
    for mask in MASKS:
        with pytest.raises(ValueError, match=rf"l1\.{mask} needs masks of the {mask}"):
            PairScorer({MetricVariant("l1", mask=mask): None})(x, x)


@given(
    st.sampled_from(OVER_BODY),
    st.sampled_from(["full", "176x256", "white", "256"]),
    st.sampled_from([None, *MASKS]),
)
def test_names_round_trip(metric, crop, mask):
    assume(mask != "torso" or crop == "full")
    variant = MetricVariant(metric, crop, mask)
    assert MetricVariant.parse(str(variant)) == variant


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ssim", "no metric is called ssim"),
        ("lpips_alx", "did you mean lpips_alex"),
        ("ssim_dsc.crop", "after the metric come a crop"),
        ("ssim_dsc.body.white", "after the metric come a crop"),
        ("ms_ssim.body", "ms_ssim cannot be taken over the body"),
        ("fid.176x256.body", "fid cannot be taken over the body"),
        ("kid.person", "kid cannot be taken over the person"),
        ("l1.person.body", r"then a mask \(body, person, torso, garment, head\)"),
        ("l1.white.torso", "the torso is cut from the whole image: l1.torso"),
    ],
)
def test_names_that_mean_nothing_are_refused(name, message):
    with pytest.raises(ValueError, match=message):
        MetricVariant.parse(name)


def test_definitions_say_crop_and_body():
    assert MetricVariant.parse("l1.full") == MetricVariant("l1")
    definition = MetricVariant.parse("l1.white.body").definition
    assert "mean absolute difference" in definition
    assert "white" in definition
    assert "body" in definition
