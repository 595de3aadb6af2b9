"""Renders pairs of a source photograph and a target pose: the worker of `reposer render`."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch

from configs.render import RenderConfig
from models.reposer import Reposer
from workers.data.catalog import Catalog
from workers.data.errors import SizeMismatch
from workers.data.images import encode
from workers.data.names import short
from workers.data.retrying import UNREACHABLE_OR_REFUSED
from workers.shards.ahead import ahead
from workers.shards.attempt import attempt, told
from workers.shards.keys import Key, part_lengths
from workers.shards.microbatch import in_halves
from workers.shards.rows import failed_render, render_row
from workers.shards.shard import Rows

ENCODERS = 2  # threads that encode beside the model call
POSES_KEPT = 1024  # decoded target UV maps, 0.5 MB each at 256x256


class Pair(NamedTuple):
    """What the model needs to render one row."""

    key: Key
    photograph: np.ndarray  # (H, W, 3) uint8
    source_uv: np.ndarray  # (2, H, W) float32
    target_uv: np.ndarray  # (2, h, w) float32


class RenderWorker:
    """Keys (source_id, pose_id) -> rows of `renders`, one a key; bad pairs are failed rows."""

    def __init__(self, config: RenderConfig, load_model: Callable[[], Reposer]):
        self.config, self.model = config, load_model()
        self.microbatch = config.execution.microbatch or (
            16 if self.model.device.type != "cpu" else 1
        )
        self._sources = Catalog(config.catalog)
        self._poses: OrderedDict[str, np.ndarray] = OrderedDict()
        self._source: tuple[str | None, tuple[np.ndarray, np.ndarray] | None] = (None, None)
        self._encoded: tuple[tuple[str, ...], Any] = ((), None)

    @cached_property
    def _pose_catalog(self) -> Catalog:
        return Catalog(self.config.poses) if self.config.poses else self._sources

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
        return Pair(key, *self._load_source(str(key[0])), self._load_pose(str(key[1])))

    def _load_source(self, source_id: str) -> tuple[np.ndarray, np.ndarray]:
        if self._source[0] != source_id or self._source[1] is None:
            photograph = self._sources.photograph(source_id)
            uv = self._sources.uv_map(source_id, self.model.layout)
            if photograph.shape[:2] != uv.shape[1:]:
                (h, w), (h2, w2) = photograph.shape[:2], uv.shape[1:]
                raise SizeMismatch(
                    f"{short(source_id)}: the photograph has {w}x{h} pixels, its UV map {w2}x{h2}"
                )
            self._source = (source_id, (photograph, uv))
        assert self._source[1] is not None
        return self._source[1]

    def _load_pose(self, pose_id: str) -> np.ndarray:
        if pose_id not in self._poses:
            self._poses[pose_id] = self._pose_catalog.uv_map(pose_id, self.model.layout)
            while len(self._poses) > POSES_KEPT:
                self._poses.popitem(last=False)
        self._poses.move_to_end(pose_id)
        return self._poses[pose_id]

    def _render_all(self, pairs: Sequence[Pair]) -> list[np.ndarray | Exception]:
        """Render pairs of any sizes, one model call for neighbours of equal sizes."""
        rendered: list[np.ndarray | Exception] = []
        for _, same in groupby(pairs, lambda p: (p.source_uv.shape, p.target_uv.shape)):
            rendered += in_halves(list(same), self._render, self._shrink)
        return rendered

    def _render(self, pairs: Sequence[Pair]) -> list[np.ndarray]:
        """Render pairs of equal sizes."""
        state, index = self._encode(pairs)
        target_uv = torch.from_numpy(np.stack([p.target_uv for p in pairs]))
        images = self.model.render(state, index, target_uv.to(self.model.device))
        return list(images.cpu().numpy())

    def _shrink(self, size: int) -> None:
        self.microbatch = size

    def _encode(self, pairs: Sequence[Pair]) -> tuple[Any, list[int]]:
        """The pairs' sources, encoded once, and each pair's place among them."""
        sources = {str(p.key[0]): p for p in pairs}
        ids = tuple(sources)
        if self._encoded[0] != ids:
            self._encoded = ((), None)  # frees the features before new ones are made
            photographs = np.stack([p.photograph for p in sources.values()])
            uv = np.stack([p.source_uv for p in sources.values()])
            device = self.model.device
            tensor = torch.from_numpy(photographs).to(device).permute(0, 3, 1, 2).float() / 255
            self._encoded = (ids, self.model.encode(tensor, torch.from_numpy(uv).to(device)))
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


def _parts(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    """Keys in parts of at most `size`, a source's pairs together where they fit."""
    start = 0
    for length in part_lengths(keys, lambda key: key[0], size):
        yield keys[start : start + length]
        start += length
