"""Skeletons -> poses: the worker of `extractor=keypoints`."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch

from configs.extract import ExtractConfig
from workers.extraction.catalog_rows import is_empty, uv_columns
from workers.extraction.extraction import Pose
from workers.extraction.framing import Box, Framing, kept_box
from workers.extraction.keypoints.skeletons import skeleton
from workers.model import poser
from workers.shards.attempt import attempt, told
from workers.shards.keys import Key
from workers.shards.microbatch import in_halves
from workers.shards.rows import Origin, failed_fit, uv_map_row
from workers.shards.shard import Rows

MICROBATCH = 16  # skeletons in one call of the network


class Framed(NamedTuple):
    """A skeleton in a picture."""

    pose: Pose
    points: np.ndarray  # (18, 2), x and y on the picture that coordinates are of
    framing: Framing

    @property
    def placed(self) -> np.ndarray:
        """Its points in pixels of the map, (18, 2) float32; integers are centres of pixels."""
        return (self.framing.in_picture(self.points + 0.5) - 0.5).astype(np.float32)


class KeypointsWorker:
    """Keys (`workers.extraction.extraction.Pose`) -> rows of a catalog, without photographs."""

    def __init__(self, config: ExtractConfig, origin: Origin):
        self.config, self.origin = config, origin
        self.poser, _ = poser(config.keypoints.model)
        self.microbatch = config.execution.microbatch or MICROBATCH

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Draw a UV map of each skeleton, in order."""
        poses = [Pose._make(key) for key in keys]
        for start in range(0, len(poses), self.microbatch):
            some = poses[start : start + self.microbatch]
            framed = [attempt((), self._framed, pose) for pose in some]
            good = [one for one in framed if isinstance(one, Framed)]
            drawn = iter(self._drawn(good))
            for pose, one in zip(some, framed, strict=True):
                yield self._rows(pose, one if isinstance(one, Exception) else next(drawn))

    def _framed(self, pose: Pose) -> Framed:
        points, (width, height) = skeleton(pose)
        return Framed(pose, points, Framing.of(Box(0, 0, width, height), self.config.size))

    def _drawn(self, framed: Sequence[Framed]) -> list[tuple[Framed, np.ndarray] | Exception]:
        """UV maps (H, W, 2) of skeletons, cropped to the body where the config says so."""
        drawn = self._maps(framed)
        if self.config.crop == "none":
            return drawn
        cropped = [one if isinstance(one, Exception) else self._cropped(*one) for one in drawn]
        closer = iter(self._maps([one for one in cropped if isinstance(one, Framed)]))
        return [one if isinstance(one, Exception) else next(closer) for one in cropped]

    def _cropped(self, one: Framed, uv: np.ndarray) -> Framed | Exception:
        """The skeleton, framed anew about the body that was drawn of it."""
        if is_empty(uv):
            return one
        rows, columns = np.nonzero(np.isfinite(uv[..., 0]))
        corners = np.array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]])
        left, top, right, bottom = one.framing.on_photograph(corners).round().astype(int).ravel()
        width, height = one.framing.box[2:]
        person = Box(int(left), int(top), max(int(right), left + 1), max(int(bottom), top + 1))
        box = kept_box(person, height, width, self.config)
        return one._replace(framing=Framing.of(box, self.config.size))

    def _maps(self, framed: Sequence[Framed]) -> list[tuple[Framed, np.ndarray] | Exception]:
        drawn = []
        for _, same in groupby(framed, lambda one: one.framing.side):
            drawn += in_halves(list(same), self._predict, self._shrink)
        return drawn

    def _predict(self, framed: Sequence[Framed]) -> list[tuple[Framed, np.ndarray]]:
        """UV maps of skeletons whose maps have one size."""
        points = torch.from_numpy(np.stack([one.placed for one in framed]))
        maps = self.poser.predict(points, framed[0].framing.side).cpu().numpy()
        return list(zip(framed, np.moveaxis(maps, 1, -1), strict=True))

    def _shrink(self, size: int) -> None:
        self.microbatch = size

    def _rows(self, pose: Pose, made: tuple[Framed, np.ndarray] | Exception) -> Rows:
        rows = made if isinstance(made, Exception) else attempt((), self._good_rows, *made)
        if isinstance(rows, Exception):
            error_type, message = told(rows)
            return failed_fit(self.origin, pose, error_type, f"{message} ({pose.file})")
        return rows

    def _good_rows(self, one: Framed, uv: np.ndarray) -> Rows:
        image_id = one.pose.image_id
        columns = uv_columns(uv, self.config)
        return {
            "images": [{"image_id": image_id, "item_id": one.pose.item_id}],
            "annotations": [{"image_id": image_id, "keypoints": annotated(one)}],
            "uv_maps": [uv_map_row(self.origin, image_id, **columns, status="ok")],
        }


def annotated(one: Framed) -> np.ndarray:
    """The 54 numbers of `annotations.keypoints`: x, y, and 1 in the picture; 0, 0, 0 if missing."""
    points, (height, width) = one.placed, one.framing.side
    inside = ((points > -0.5) & (points < [width - 0.5, height - 0.5])).all(axis=1)
    return np.nan_to_num(np.column_stack([points, inside])).astype(np.float32).ravel()
