"""The networks and the sample that come with the project."""

import json

import numpy as np
import torch

from models.checkpoint import load, training_images
from pipelines.demo import MODEL, SAMPLE
from workers.data.catalog import Catalog
from workers.data.storage import Store


def test_the_bundled_networks_paint_whom_they_are_shown() -> None:
    model = load(Store(str(MODEL)).read, torch.device("cpu"))
    catalog = Catalog(str(SAMPLE))
    ids = catalog.images.ids.to_pylist()
    sources, targets = ids[4:32:8], ids[5:32:8]  # two views each of four items

    def photographs(names: list[str]) -> torch.Tensor:
        pixels = np.stack([catalog.photograph(name) for name in names])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255

    def uv_maps(names: list[str]) -> torch.Tensor:
        return torch.from_numpy(np.stack([catalog.uv_map(n, model.layout) for n in names]))

    state = model.encode(photographs(sources), uv_maps(sources))
    poses, expected = uv_maps(targets), photographs(targets)
    everyone = range(len(sources))
    off = torch.stack([
        (model.render(state, len(targets) * [source], poses) - expected).abs().mean((1, 2, 3))
        for source in everyone
    ])  # fmt: skip
    assert off.diagonal().max() < 0.1
    assert off.argmin(dim=0).tolist() == list(everyone)


def test_the_bundled_networks_have_not_seen_the_sample() -> None:
    read = Store(str(MODEL)).read
    known = json.loads(read("config.json"))["trained_on"]
    seen = training_images(read, known)
    assert len(seen) == 3200
    assert not seen & set(Catalog(str(SAMPLE)).images.ids.to_pylist())
