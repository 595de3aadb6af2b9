"""Stances of catalogs as poses: the worker of `reposer poses`."""

from collections.abc import Iterator, Sequence

from configs.poses import PosesConfig
from models.uv_maps import quantise
from workers.shards.keys import Key
from workers.shards.rows import Origin, photo_id, uv_map_row
from workers.shards.shard import Rows
from world import stances

ORIGIN = Origin("poses", "anny")


class PoseWorker:
    """Keys (image id, no item) -> a pose each: rows of `images`, without one, and of `uv_maps`."""

    def __init__(self, config: PosesConfig):
        self.size = config.size

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Draw the UV maps."""
        for name in map(photo_id, keys):
            uv = quantise(stances.uv_map(name, self.size)).tobytes()
            size = {"width": self.size, "height": self.size}
            row = uv_map_row(ORIGIN, name, uv=uv, **size, score=1.0, status="ok")
            yield {"images": [{"image_id": name}], "uv_maps": [row]}
