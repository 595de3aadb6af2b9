"""Renders pairs of a source photograph and a target pose: the worker of `reposer render`."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch

from assets import POSES
from configs.fields import Extent
from configs.render import RenderConfig
from models.maps import Source, Target
from models.reposer import Reposer
from models.sizes import of_longer_side, resized_uv, size_of
from workers.data.catalog import Catalog, View
from workers.data.errors import SizeMismatch
from workers.data.images import encode
from workers.data.retrying import UNREACHABLE_OR_REFUSED
from workers.shards.ahead import ahead
from workers.shards.attempt import attempt, told
from workers.shards.keys import Key, part_lengths
from workers.shards.microbatch import in_halves
from workers.shards.rows import failed_render, render_row
from workers.shards.shard import Rows
from workers.tensors import stacked

ENCODERS = 2  # threads that encode beside the model call
TARGETS_KEPT = 1024  # decoded targets, UV maps of 0.5 MB each at 256x256


class Pair(NamedTuple):
    """What the model needs to render one row."""

    key: Key
    source: View
    target: View


def pose_catalog(config: RenderConfig, photographs: Catalog) -> Catalog:
    """The catalog of the target poses: the photographs' own, unless the config names another."""
    if config.poses is None:
        return photographs
    return Catalog(str(POSES) if config.poses == "bundled" else config.poses)


class RenderWorker:
    """Keys (source_id, pose_id) -> rows of `renders`, one a key; bad pairs are failed rows."""

    def __init__(self, config: RenderConfig, load_model: Callable[[], Reposer]):
        self.config, self.model = config, load_model()
        self.microbatch = config.execution.microbatch or (
            16 if self.model.device.type != "cpu" else 1
        )
        self._sources = Catalog(config.catalog)
        self._targets: OrderedDict[str, View] = OrderedDict()
        self._source: tuple[str | None, View] = (None, {})
        self._encoded: tuple[tuple[str, ...], Any] = ((), None)

    @cached_property
    def _pose_catalog(self) -> Catalog:
        return pose_catalog(self.config, self._sources)

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Render pairs; pairs of one source should follow each other."""
        parts = _parts(keys, self.microbatch)
        with ThreadPoolExecutor(1) as loader, ThreadPoolExecutor(ENCODERS) as encoders:
            before: list[Future[dict]] = []
            for loaded in ahead(loader, self._load, parts, 1):
                pairs = [pair for pair in loaded if isinstance(pair, Pair)]
                rendered = dict(zip((p.key for p in pairs), self._render_all(pairs), strict=True))
                rows = []
                for pair in loaded:
                    key, result = (pair.key, rendered[pair.key]) if isinstance(pair, Pair) else pair
                    rows.append(encoders.submit(self._row, key, result))
                if before:  # one part behind: the model does not wait for its encoders
                    yield {"renders": [row.result() for row in before]}
                before = rows
            yield {"renders": [row.result() for row in before]}

    def _load(self, keys: Sequence[Key]) -> list[Pair | tuple[Key, Exception]]:
        loaded = [(key, attempt(UNREACHABLE_OR_REFUSED, self._load_pair, key)) for key in keys]
        return [pair if isinstance(pair, Pair) else (key, pair) for key, pair in loaded]

    def _load_pair(self, key: Key) -> Pair:
        pair = Pair(key, self._load_source(str(key[0])), self._load_target(str(key[1])))
        (h, w), (h2, w2) = (view["uv"].shape[1:] for view in (pair.source, pair.target))
        if self.model.same_size and (h, w) != (h2, w2):
            raise SizeMismatch(
                f"the photograph has {w}x{h} pixels, the target {w2}x{h2}: without deformable "
                "skips they must be equal"
            )
        return pair

    def _load_source(self, image_id: str) -> View:
        if self._source[0] != image_id:
            view = self._sources.view(image_id, Source._fields, self.model.layout)
            self._source = (image_id, view)
        return self._source[1]

    def _load_target(self, image_id: str) -> View:
        if image_id not in self._targets:
            view = self._pose_catalog.view(image_id, Target._fields, self.model.layout)
            self._targets[image_id] = _scaled(view, self.config.size)
            while len(self._targets) > TARGETS_KEPT:
                self._targets.popitem(last=False)
        self._targets.move_to_end(image_id)
        return self._targets[image_id]

    def _render_all(self, pairs: Sequence[Pair]) -> list[np.ndarray | Exception]:
        """Render pairs of any sizes, one model call for neighbours of equal sizes."""
        rendered: list[np.ndarray | Exception] = []
        for _, same in groupby(pairs, lambda p: (p.source["uv"].shape, p.target["uv"].shape)):
            rendered += in_halves(list(same), self._render, self._shrink)
        return rendered

    def _render(self, pairs: Sequence[Pair]) -> list[np.ndarray]:
        """Render pairs of equal sizes."""
        state, index = self._encode(pairs)
        target = stacked(Target, [p.target for p in pairs], self.model.device)
        images = self.model.render(state, index, target)
        return list(images.cpu().numpy())

    def _shrink(self, size: int) -> None:
        self.microbatch = size

    def _encode(self, pairs: Sequence[Pair]) -> tuple[Any, list[int]]:
        """The pairs' sources, encoded once, and each pair's place among them."""
        sources = {str(p.key[0]): p for p in pairs}
        ids = tuple(sources)
        if self._encoded[0] != ids:
            self._encoded = ((), None)  # frees the features before new ones are made
            source = stacked(Source, [p.source for p in sources.values()], self.model.device)
            self._encoded = (ids, self.model.encode(source))
        return self._encoded[1], [ids.index(str(p.key[0])) for p in pairs]

    def _row(self, key: Key, result: np.ndarray | Exception) -> dict:
        if isinstance(result, Exception):
            (row,) = failed_render(key, *told(result))["renders"]
            return row
        # In 8 bits only here, in an encoder's thread: the model's thread goes on to the next pair.
        pixels = np.rint(result.transpose(1, 2, 0) * 255).clip(0, 255).astype(np.uint8)
        image = {"bytes": encode(pixels, self.config.image), "path": None}
        height, width = pixels.shape[:2]
        return render_row(
            key, status="ok", image=image, width=width, height=height, model=self.model.name
        )


def _scaled(target: View, size: Extent | None) -> View:
    """A target whose longer side is `size`, where that is a number."""
    if not isinstance(size, int):
        return target
    uv = torch.from_numpy(target["uv"])[None]
    return {"uv": resized_uv(uv, of_longer_side(size_of(uv), size))[0].numpy()}


def _parts(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    """Keys in parts of at most `size`, a source's pairs together where they fit."""
    start = 0
    for length in part_lengths(keys, lambda key: key[0], size):
        yield keys[start : start + length]
        start += length
