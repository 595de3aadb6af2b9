"""Every metric's exact name, and the variants of it that a name can spell."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, NamedTuple, Self

import numpy as np
from PIL import Image

from eval.metrics.weights import (
    ALEXNET,
    INCEPTION,
    SQUEEZENET,
    SQUEEZENET_CAFFE,
    VGG16,
    WeightsFile,
)

Better = Literal["higher", "lower"]
Crop = Literal["full", "176x256", "white", "256"]
WIDTH, CROPPED_WIDTH = 256, 176  # pixels: DeepFashion's square images, and without their borders
SIDE = (WIDTH - CROPPED_WIDTH) // 2

CROPS: dict[Crop, str] = {
    "full": "the image as it is",
    "176x256": "the middle 176 columns of 256x256 (DeepFashion without its side borders)",
    "white": "the same 176 columns, padded with white to 256x256 again",
    "256": "the image scaled to 256x256 (Pillow's bicubic filter, 8 bits): for metrics that need "
    "more pixels than it has",
}


@dataclass(frozen=True)
class Metric:
    """What one name means."""

    name: str
    definition: str
    range: tuple[float, float]
    better: Better
    of: Literal["pair", "set"] = "pair"  # a value a pair of images, or one a set of images
    body: bool = True  # whether it can be taken over the body alone
    weights: WeightsFile | None = None


INFINITY = float("inf")
_HEADS = "LPIPS v0.1 of the lpips package"
_INCEPTION = "TensorFlow's Inception of 2015, by torch-fidelity"
METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "ssim_dsc",
            "SSIM, gaussian window of sigma 1.5, per channel, data range max - min of the "
            "generated image",
            (-1, 1),
            "higher",
        ),
        Metric(
            "ssim_255",
            "SSIM, gaussian window of sigma 1.5, per channel, data range 255",
            (-1, 1),
            "higher",
        ),
        Metric(
            "ssim_win51",
            "SSIM, uniform window of 51 pixels, sample covariance, per channel, images in [0, 1], "
            "data range 1",
            (-1, 1),
            "higher",
        ),
        Metric(
            "ms_ssim",
            "multi-scale SSIM, gaussian window of 11 taps, five scales, per channel, data range "
            "255",
            (0, 1),
            "higher",
            body=False,
        ),
        Metric("psnr", "peak signal-to-noise ratio in dB, peak 255", (0, INFINITY), "higher"),
        Metric("l1", "mean absolute difference / 255", (0, 1), "lower"),
        Metric("lpips_alex", f"{_HEADS} on AlexNet", (0, INFINITY), "lower", weights=ALEXNET),
        Metric("lpips_vgg", f"{_HEADS} on VGG-16", (0, INFINITY), "lower", weights=VGG16),
        Metric(
            "lpips_squeeze",
            f"{_HEADS} on SqueezeNet 1.1",
            (0, INFINITY),
            "lower",
            weights=SQUEEZENET,
        ),
        Metric(
            "lpips_squeeze_caffe",
            f"{_HEADS} (squeeze) on Caffe's SqueezeNet 1.1, not torchvision's: no other paper's "
            "LPIPS",
            (0, INFINITY),
            "lower",
            weights=SQUEEZENET_CAFFE,
        ),
        Metric(
            "is_10",
            f"Inception score over 10 splits in id order, {_INCEPTION}",
            (1, 1008),
            "higher",
            of="set",
            body=False,
            weights=INCEPTION,
        ),
        Metric(
            "fid",
            f"Fréchet distance of generated and reference images' features, {_INCEPTION}",
            (0, INFINITY),
            "lower",
            of="set",
            body=False,
            weights=INCEPTION,
        ),
        Metric(
            "kid",
            "kernel distance (cubic, unbiased) of features, mean over 100 subsets of 1,000 (of "
            f"all where there are fewer), {_INCEPTION}",
            (-INFINITY, INFINITY),
            "lower",
            of="set",
            body=False,
            weights=INCEPTION,
        ),
    )
}


class Variant(NamedTuple):
    """A metric, what of the images it sees, and whether only the body counts.

    Spelled metric[.crop][.body]: `ssim_dsc`, `ssim_dsc.176x256`, `l1.white.body`,
    `ms_ssim.256`. The crop `full` is not spelled.
    """

    metric: str
    crop: Crop = "full"
    body: bool = False

    def __str__(self) -> str:
        crop = "" if self.crop == "full" else f".{self.crop}"
        return self.metric + crop + (".body" if self.body else "")

    @classmethod
    def parse(cls, name: str) -> Self:
        """The variant that `name` spells; ValueError, naming the nearest, if there is none."""
        metric, *options = name.split(".")
        if metric not in METRICS:
            near = get_close_matches(metric, METRICS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f": choose from {', '.join(METRICS)}"
            raise ValueError(f"no metric is called {metric}{hint}")
        body = options[-1:] == ["body"]
        wanted = options[: len(options) - body] or ["full"]
        crop: Crop | None = next((c for c in CROPS if [c] == wanted), None)
        if crop is None:
            raise ValueError(
                f"{name}: after the metric come a crop ({', '.join(CROPS)}) and then, over the "
                "body alone, body: ssim_dsc.176x256.body"
            )
        if body and not METRICS[metric].body:
            raise ValueError(f"{name}: {metric} cannot be taken over the body alone")
        return cls(metric, crop, body)

    @property
    def definition(self) -> str:
        """One line that says it all."""
        parts = [METRICS[self.metric].definition]
        if self.crop != "full":
            parts.append(f"of {CROPS[self.crop]}")
        if self.body:
            parts.append("mean over the pixels of the body")
        return "; ".join(parts)


def cropped(pixels: np.ndarray, crop: Crop, fill: int | bool) -> np.ndarray:
    """What a crop leaves of images or masks (N, H, W, ...), padded with `fill` (crop white).

    Images must be square for crop 256; for the others 256 or, borders already gone, 176 pixels
    wide, and 256 high; else ValueError.
    """
    if crop == "full":
        return pixels
    height, width = pixels.shape[1:3]
    if crop == "256":
        if height != width:
            raise ValueError(f"crop 256 is of square images, not {width}x{height}")
        return np.stack([_scaled(image) for image in pixels])
    if height != WIDTH or width not in (WIDTH, CROPPED_WIDTH):
        raise ValueError(
            f"crop {crop} is of images of 256x256 or 176x256 pixels, not {width}x{height}"
        )
    if width == WIDTH:
        pixels = pixels[:, :, SIDE:-SIDE]
    if crop == "176x256":
        return pixels
    borders = [(0, 0)] * pixels.ndim
    borders[2] = (SIDE, SIDE)
    return np.pad(pixels, borders, constant_values=fill)


def _scaled(pixels: np.ndarray) -> np.ndarray:
    """An image (H, W, 3) uint8 or a mask (H, W) bool at 256x256."""
    mask = pixels.dtype == bool
    kind = Image.Resampling.NEAREST if mask else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(pixels).resize((WIDTH, WIDTH), kind))
