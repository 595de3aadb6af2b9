"""The bundled networks, shown N' by weights that nobody has trained yet."""

from dataclasses import replace
from functools import cache

from assets import NETWORKS
from models.checkpoint import load_networks, save
from models.generator import begin_with, build_generator
from workers.data.storage import Store


@cache
def files() -> dict[str, bytes]:
    """The files of their checkpoint."""
    config, networks, _ = load_networks(Store(str(NETWORKS)).read)
    config = replace(config, reveal="head_and_hands")
    g = build_generator(config)
    begin_with(g, networks["generator"])
    return save(config, networks | {"generator": g}, "Bundled, and untrained where it reveals.")


def write(url: str) -> str:
    """Put it at a URL, which is returned."""
    store = Store(url)
    for name, data in files().items():
        store.put(name, data)
    return url
