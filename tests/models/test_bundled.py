"""The networks and the sample that come with the project."""

import json

import torch

from assets import NETWORKS, SAMPLE
from models.checkpoint import load, training_images
from models.maps import Source, Target
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.tensors import stacked


def test_the_bundled_networks_paint_whom_they_are_shown() -> None:
    model = load(Store(str(NETWORKS)).read, torch.device("cpu"))
    catalog = Catalog(str(SAMPLE))
    ids = catalog.images.ids.to_pylist()
    sources, targets = ids[4:32:8], ids[5:32:8]  # two views each of four items

    def people(names: list[str]) -> Source:
        return stacked(Source, [catalog.view(n, Source._fields, model.layout) for n in names])

    state = model.encode(people(sources))
    expected, poses = people(targets)
    everyone = range(len(sources))
    renders = [model.render(state, len(targets) * [n], Target(poses)) for n in everyone]
    off = torch.stack([(images - expected).abs().mean((1, 2, 3)) for images in renders])
    assert off.diagonal().max() < 0.1
    assert off.argmin(dim=0).tolist() == list(everyone)


def test_the_bundled_networks_have_not_seen_the_sample() -> None:
    read = Store(str(NETWORKS)).read
    known = json.loads(read("config.json"))["trained_on"]
    seen = training_images(read, known)
    assert len(seen) == 3200
    assert not seen & set(Catalog(str(SAMPLE)).images.ids.to_pylist())
