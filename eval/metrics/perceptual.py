"""LPIPS (Zhang et al. 2018) by the lpips package: its heads on backbones given as files."""

import importlib.resources
import warnings
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eval.metrics.images import Values, checked
from eval.metrics.microbatch import in_microbatches

# BGR means that Caffe's networks expect to be subtracted.
CAFFE_MEAN = (103.939, 116.779, 123.68)


class CaffeScaling(nn.Module):
    """RGB in [-1, 1] to what Caffe's networks take: BGR in 0-255 less the mean."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Buffer(torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) to the same shape."""
        return (images.flip(1) + 1) * 127.5 - self.mean


class Lpips:
    """A pair metric: LPIPS v0.1 with the backbone `net` (alex, vgg or squeeze).

    `backbone` is torchvision's weights file (.pth), or an .npz of such features trained in
    Caffe. ValueError if it does not fit the backbone.
    """

    def __init__(self, name: str, net: str, backbone: Path, device: torch.device):
        self.name, self.device = name, device
        self.model: Any = (
            _model(net, backbone).to(device=device).to(memory_format=torch.channels_last)
        )

    def __call__(
        self, generated: np.ndarray, reference: np.ndarray, masks: np.ndarray | None = None
    ) -> Values:
        """LPIPS of each pair, 0 or more; see `Values`.

        Over the body it is the mean of LPIPS's spatial map, layers scaled up bilinearly.
        Images are (N, H, W, 3) uint8 of at least 64 pixels a side, else ValueError.
        """
        generated, reference, counted = checked(generated, reference, masks, 64)
        images = (generated, reference) if masks is None else (generated, reference, counted)
        means = in_microbatches(self._distances, self.device, *images)
        values = {self.name: means[0].astype(np.float64)}
        return Values(values, {} if masks is None else {self.name: means[1].astype(np.float64)})

    def _distances(
        self, generated: Tensor, reference: Tensor, masks: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """(n, H, W, 3) uint8 -> means (n,), and over masks (n, H, W) if given."""
        layers = self._layers(generated, reference)
        whole = torch.stack([layer.mean(dim=(1, 2, 3)) for layer in layers]).sum(dim=0)
        if masks is None:
            return (whole,)
        size = list(masks.shape[1:])
        maps = [F.interpolate(m, size, mode="bilinear", align_corners=False) for m in layers]
        spatial = torch.stack(maps).sum(dim=0)[:, 0]
        return whole, (spatial * masks).sum(dim=(1, 2)) / masks.sum(dim=(1, 2))

    def _layers(self, generated: Tensor, reference: Tensor) -> list[Tensor]:
        """Each layer's distances, (n, 1, h, w)."""
        features = [
            self.model.net(self.model.scaling_layer(images.movedim(-1, 1) / 127.5 - 1))
            for images in (generated, reference)
        ]
        return [
            head((lpips.normalize_tensor(a) - lpips.normalize_tensor(b)) ** 2)
            for head, a, b in zip(self.model.lins, *features, strict=True)
        ]


def _model(net: str, backbone: Path) -> Any:
    """The package's model, built without weights and filled from the files."""
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # the package passes torchvision deprecated arguments
        model: Any = lpips.LPIPS(net=net, pretrained=False, pnet_rand=True, verbose=False)
    if backbone.suffix == ".npz":
        with np.load(backbone) as arrays:
            features = {f"features.{name}": torch.from_numpy(arrays[name]) for name in arrays}
        model.scaling_layer = CaffeScaling()
    else:
        features = torch.load(backbone, map_location="cpu", weights_only=True)
    heads = importlib.resources.files("lpips") / "weights" / "v0.1" / f"{net}.pth"
    with heads.open("rb") as file:
        weights = torch.load(file, map_location="cpu", weights_only=True)
    try:
        for name, _ in model.net.named_parameters():  # slice2.3.weight is features.3.weight
            weights[f"net.{name}"] = features[f"features.{name.partition('.')[2]}"]
        model.load_state_dict(weights, strict=False, assign=True)
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{backbone} holds no weights of {net}: {error}") from error
    return model.eval()
