"""Photographs in place of renders: what no render of their size can beat."""

from collections.abc import Iterator, Sequence

from configs.render import RenderConfig
from workers.data.catalog import MAX_PIXELS, Catalog
from workers.data.images import decode
from workers.shards.keys import Key
from workers.shards.rows import Picture, renders
from workers.shards.shard import Rows

NAME = "photographs"


class CeilingWorker:
    """Keys (source_id, pose_id) -> rows of `renders`, which hold the photographs of the poses."""

    def __init__(self, config: RenderConfig):
        self.catalog = Catalog(config.catalog)

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Take the photographs as they are stored."""
        for key in keys:
            data = self.catalog.photograph_file(str(key[1]))
            height, width = decode(data, MAX_PIXELS).shape[:2]
            yield {"renders": renders([key], [Picture(data, width, height, NAME)])}
