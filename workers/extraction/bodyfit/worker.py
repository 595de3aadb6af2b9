"""Photographs -> a catalog of layout `anny`: the worker of `extractor=bodyfit`."""

import io
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from PIL import Image

from configs.extract import ExtractConfig
from workers.data.errors import BadFit, EmptyUvMap
from workers.extraction.bodyfit import SIDE
from workers.extraction.bodyfit.keypoints import keypoints
from workers.extraction.bodyfit.people import BodyFitter, FittedPerson
from workers.extraction.bodyfit.saved import fit_row
from workers.extraction.bodyfit.warp import Warp, smooth
from workers.extraction.catalog_rows import failed, image_columns, uv_columns
from workers.extraction.extraction import Photo
from workers.extraction.framing import Box, Framing, kept_box
from workers.extraction.parsing.parsings import Parsings
from workers.extraction.windows import PeopleWorker
from workers.shards.keys import Key
from workers.shards.rows import Origin, failed_fit, photograph_id, uv_map_row
from workers.shards.shard import Rows
from world.labels import PERSON

WINDOW = 8  # photographs that are fitted at once; more are no faster on a core
UNEXPLAINED = 1.5  # the largest cost of a fit; good ones are below 0.8
STRIP = 1_000_000  # pixels whose coordinates are held at once


class BodyFitWorker:
    """Keys (`workers.extraction.extraction.Photo`) -> rows of a catalog.

    `facing` says which way people face, by image id, where it is known. A parsing is the
    segmentation in place of the mask.
    """

    def __init__(
        self,
        config: ExtractConfig,
        origin: Origin,
        facing: Mapping[str, str],
        parsings: Parsings | None = None,
    ):
        self.config, self.origin, self.facing, self.parsings = config, origin, facing, parsings
        self._fitter = BodyFitter(config.bodyfit)
        self._people = PeopleWorker(
            config.max_pixels,
            config.execution.microbatch or WINDOW,
            self._find,
            self._person_rows,
            partial(failed, origin, rows=failed_fit),
        )

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """See `PeopleWorker`."""
        return self._people(keys)

    def _find(self, shown: Sequence[tuple[Photo, np.ndarray]]) -> list[list[FittedPerson]]:
        facing = [self.facing.get(photo.image_id) for photo, _ in shown]
        return self._fitter([pixels for _, pixels in shown], facing)

    def _person_rows(
        self, photo: Photo, data: bytes, pixels: np.ndarray, person: FittedPerson
    ) -> Rows:
        height, width = pixels.shape[:2]
        if person.fit.cost > UNEXPLAINED:
            raise BadFit(
                f"a person was found, but no body fits ({person.fit.cost:.1f} is left unexplained, "
                f"more than {UNEXPLAINED}): a photograph of this person alone may help"
            )
        warped = person.warp()
        if not warped.shown.any():
            raise EmptyUvMap("a person was found, but no pixel of the body")
        box = kept_box(_extent(warped, person, height, width), height, width, self.config)
        framing = Framing.of(box, self.config.size)
        uv, mask = framed_maps(warped, person, framing)
        points = framing.in_picture(person.sighting.on_photograph(person.fit.reading.points))
        told = self.facing.get(photograph_id(photo.image_id))
        uv_row = uv_map_row(
            self.origin,
            photo.image_id,
            **uv_columns(uv, self.config),
            score=None if told else person.agreement,
            status="ok",
        )
        image = {"image_id": photo.image_id, "item_id": photo.item_id}
        annotation = {
            "image_id": photo.image_id,
            "keypoints": keypoints(points - 0.5, person.fit.reading.visible, *framing.side).ravel(),
            "segmentation": {"bytes": _png(mask), "path": f"{photo.image_id}.png"},
            "facing": person.facing,
        }
        rows: Rows = {
            "images": [image | image_columns(data, pixels, box, self.config)],
            "uv_maps": [uv_row],
        }
        if self.parsings:
            parsed, rows["parsings"] = self.parsings.rows(photo, pixels.shape, framing, uv)
            annotation |= parsed
        if self.config.bodyfit.save:
            rows["fits"] = [fit_row(photo.image_id, person, framing)]
        return rows | {"annotations": [annotation]}


def framed_maps(
    warped: Warp, person: FittedPerson, framing: Framing
) -> tuple[np.ndarray, np.ndarray]:
    """UV map (H, W, 2) and mask (H, W) uint8 of a person, at a picture's own pixels."""
    height, width = framing.side
    uv = np.full((height, width, 2), np.nan, np.float32)
    mask = np.zeros((height, width), np.uint8)
    strip = max(STRIP // width, 1)
    for top in range(0, height, strip):
        rows = slice(top, min(top + strip, height))
        row, column = np.mgrid[rows, :width]
        points = framing.on_photograph(np.stack([column, row], axis=-1) + 0.5)
        points = person.sighting.square.within(points) * SIDE - 0.5
        uv[rows] = warped.uv(points)
        mask[rows] = np.where(smooth(person.sighting.level, points), PERSON, 0)
    return uv, mask


def _extent(warped: Warp, person: FittedPerson, height: int, width: int) -> Box:
    """The box round what is shown of a person, on the photograph."""
    rows, columns = np.nonzero(warped.shown)
    corners = np.array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]])
    low, high = np.sort(person.sighting.on_photograph(corners - 0.5), axis=0)
    left, top = np.floor(low).astype(int).clip(0, [width - 1, height - 1]).tolist()
    right, bottom = np.ceil(high).astype(int).clip([left + 1, top + 1], [width, height]).tolist()
    return Box(left, top, right, bottom)


def _png(codes: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(codes).save(out, "PNG")
    return out.getvalue()
