"""Renders pairs of a source photograph and a target pose: the worker of `reposer render`."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from assets import POSES
from configs.render import RenderConfig
from models.maps import Source, Target
from models.reposer import Reposer
from models.sizes import of_longer_side, resized, size_of
from workers.copies import Copies, Planes
from workers.data.catalog import Catalog
from workers.data.errors import SizeMismatch
from workers.data.images import encode_planes
from workers.data.kept import Kept
from workers.data.retrying import UNREACHABLE_OR_REFUSED
from workers.data.tally import tally
from workers.data.views import View
from workers.shards.ahead import ahead
from workers.shards.attempt import attempt, told
from workers.shards.keys import Key, part_lengths
from workers.shards.microbatch import breaking, in_halves
from workers.shards.rows import Failure, Picture, renders
from workers.shards.shard import Rows
from workers.tensors import stacked, stored

ENCODERS = 2  # threads that encode beside the model call
# Of target poses: 1,024 maps of 256x256, or 64 of 1,024x1,024. On the device they are floats.
HOST_BYTES, DEVICE_BYTES = 2**28, 2**29


class Pair(NamedTuple):
    """What the model needs to render one row."""

    key: Key
    source: View
    target: View


def pose_catalog(config: RenderConfig, photographs: Catalog) -> Catalog:
    """The catalog of the target poses: the photographs' own, unless the config names another."""
    if config.poses is None:
        return photographs
    url = str(POSES) if config.poses == "bundled" else config.poses
    return Catalog(url, config.lookup)


class RenderWorker:
    """Keys (source_id, pose_id) -> rows of `renders`, one a key; bad pairs are failed rows."""

    def __init__(self, config: RenderConfig, load_model: Callable[[], Reposer]):
        self.config, self.model = config, load_model()
        self.copies = Copies(self.model.device)
        self.microbatch = config.execution.microbatch or (
            16 if self.model.device.type != "cpu" else 1
        )
        self._sources = Catalog(config.catalog, config.lookup)
        self._views: Kept[str, View] = Kept(HOST_BYTES)
        self._targets: Kept[str, Target] = Kept(DEVICE_BYTES)
        self._source: tuple[str | None, View] = (None, {})
        self._encoded: tuple[tuple[str, ...], Any] = ((), None)

    @cached_property
    def _pose_catalog(self) -> Catalog:
        return pose_catalog(self.config, self._sources)

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Render pairs; pairs of one source should follow each other."""
        parts = _parts(keys, self.microbatch)
        with ThreadPoolExecutor(1) as loader, ThreadPoolExecutor(ENCODERS) as encoders:
            before: list[tuple[Key, Future[Picture | Failure]]] = []
            for loaded in ahead(loader, self._load, parts, 1):
                pairs = [pair for pair in loaded if isinstance(pair, Pair)]
                rendered = dict(zip((p.key for p in pairs), self._render_all(pairs), strict=True))
                pictures = []
                for pair in loaded:
                    key, result = (pair.key, rendered[pair.key]) if isinstance(pair, Pair) else pair
                    target = pair.target if isinstance(pair, Pair) else None
                    pictures.append((key, encoders.submit(self._picture, result, target)))
                if before:  # one part behind: the model does not wait for its encoders
                    yield _rows(before)
                before = pictures
            yield _rows(before)

    def _load(self, keys: Sequence[Key]) -> list[Pair | tuple[Key, Exception]]:
        with tally.stage("read"):
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
            reveals = self.model.reveals
            view = stored(self._sources, image_id, Source, self.model.layout, reveals)
            self._source = (image_id, view)
        return self._source[1]

    def _load_target(self, image_id: str) -> View:
        if (view := self._views.get(image_id)) is None:
            view = stored(
                self._pose_catalog, image_id, Target, self.model.layout, self.model.reveals
            )
            self._views.keep(image_id, view, sum(map_.nbytes for map_ in view.values()))
        return view

    def _render_all(self, pairs: Sequence[Pair]) -> list[Planes | Exception]:
        """Render pairs of any sizes, one model call for neighbours of equal sizes."""
        rendered: list[Planes | Exception] = []
        with tally.stage("render"):
            for _, same in groupby(pairs, lambda p: (p.source["uv"].shape, p.target["uv"].shape)):
                rendered += in_halves(list(same), self._render, self._shrink)
        return rendered

    @torch.inference_mode()
    def _render(self, pairs: Sequence[Pair]) -> list[Planes]:
        """Render pairs of equal sizes."""
        state, index = self._encode(pairs)
        targets = [self._on_device(str(pair.key[1]), pair.target) for pair in pairs]
        return self.copies.down(self.model.render(state, index, _batch(targets)))

    def _on_device(self, pose_id: str, view: View) -> Target:
        """A target pose, as a batch of one."""
        if (target := self._targets.get(pose_id)) is None:
            target = self._scaled(stacked(Target, [view], self.copies.up))
            self._targets.keep(pose_id, target, sum(x.nbytes for x in target))
        return target

    def _scaled(self, target: Target) -> Target:
        """A target whose longer side is the config's `size`, where that is a number."""
        if not isinstance(self.config.size, int):
            return target
        return resized(target, of_longer_side(size_of(target.uv), self.config.size))

    def _shrink(self, size: int) -> None:
        self.microbatch = size
        self._targets.clear()

    def _encode(self, pairs: Sequence[Pair]) -> tuple[Any, list[int]]:
        """The pairs' sources, encoded once, and each pair's place among them."""
        sources = {str(p.key[0]): p for p in pairs}
        ids = tuple(sources)
        if self._encoded[0] != ids:
            self._encoded = ((), None)  # frees the features before new ones are made
            source = stacked(Source, [p.source for p in sources.values()], self.copies.up)
            self._encoded = (ids, self.model.encode(source))
        return self._encoded[1], [ids.index(str(p.key[0])) for p in pairs]

    def _picture(self, result: Planes | Exception, target: View | None) -> Picture | Failure:
        if isinstance(result, Exception):
            return Failure(*told(result))
        with breaking(), tally.stage("render"):  # waits for the device
            planes = result()
        height, width = planes.shape[1:]
        alpha = None
        if self.config.image.alpha and target is not None:
            alpha = opacity(target, height, width)
        data = encode_planes(planes, self.config.image, alpha)
        return Picture(data, width, height, self.model.name)


def _rows(pictures: Sequence[tuple[Key, Future[Picture | Failure]]]) -> Rows:
    return {"renders": renders([key for key, _ in pictures], [p.result() for _, p in pictures])}


def _batch(targets: Sequence[Target]) -> Target:
    """Batches of one as one batch; without a copy where there is but one."""
    if len(targets) == 1:
        return targets[0]
    return Target(*map(torch.cat, zip(*targets, strict=True)))


def opacity(target: View, height: int, width: int) -> np.ndarray:
    """Of a target as it is stored: 255 on its UV map and where it stays, 0 elsewhere.

    (H, W) uint8. Where the render has another size, the edge is as soft as that needs.
    """
    shown = target["uv"].all(axis=0)
    if "revealed" in target:
        shown = shown | (target["revealed"][..., 3] > 0)
    mask = Image.fromarray(np.where(shown, 255, 0).astype(np.uint8))
    return np.asarray(mask.resize((width, height), Image.Resampling.BILINEAR))


def _parts(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    """Keys in parts of at most `size`, a source's pairs together where they fit."""
    start = 0
    for length in part_lengths(keys, lambda key: key[0], size):
        yield keys[start : start + length]
        start += length
