"""A photograph's parsing -> its rows of `annotations` and `parsings`."""

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from configs.extract import ExtractConfig
from configs.fields import ImageFormat
from workers.data.errors import BadParsing, MissingParsing, RowError, SizeMismatch, UnknownLabel
from workers.data.images import encode
from workers.data.names import elided, utf8
from workers.data.storage import list_files, read_bytes
from workers.extraction.extraction import Input, Photo
from workers.extraction.framing import Framing, frame_labels
from workers.extraction.parsing.body import PARTS, parts_of, sheet_of_parts
from workers.extraction.parsing.files import files_of
from workers.extraction.parsing.reading import read_labels
from workers.extraction.parsing.tables import TABLES, LabelTable
from workers.shards.rows import failed_fit, failed_photograph, photograph_id
from workers.shards.shard import Rows

NAMED = 5  # unknown numbers a message
LEVELS = 256  # of the numbers that are counted


@dataclass(frozen=True)
class Parsings:
    """The parsings of a run's photographs."""

    labels: str  # a name of TABLES
    folder: str
    files: dict[str, tuple[str, ...]]  # by image id; see `files_of`
    sheet: np.ndarray  # of `sheet_of_parts`
    max_pixels: int

    def rows(
        self, photo: Photo, shape: tuple[int, ...], framing: Framing, uv: np.ndarray
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Of a photograph of `shape` (H, W, ...), framed as its UV map (h, w, 2) is.

        Its row of `annotations`, whose segmentation are the codes of `world.labels`, and its rows
        of `parsings`. Raises MissingParsing, SizeMismatch, UnknownLabel, and BadParsing or BadImage
        for files that hold no labels.
        """
        url = self._file(photo)
        try:
            labels = self._read(url, shape)
        except RowError as error:
            raise type(error)(f"the parsing {utf8(url)}: {error}") from error
        framed = frame_labels(labels, framing)
        counted = self._counted(photo.image_id, framed, uv)
        if unknown := _beyond(labels, len(self.table)):
            raise UnknownLabel(
                f"the parsing {utf8(url)}: {self.labels} has numbers up to {len(self.table) - 1}, "
                f"not {', '.join(map(str, unknown[:NAMED]))}: see parsing.labels",
                counted,
            )
        codes = np.array([label.code for label in self.table], np.uint8)
        png = encode(codes[framed], ImageFormat(format="png"))
        segmentation = {"bytes": png, "path": f"{photo.image_id}.png"}
        annotation = {"image_id": photo.image_id, "segmentation": segmentation}
        return annotation, counted

    @property
    def table(self) -> LabelTable:
        """What the numbers mean."""
        return TABLES[self.labels]

    def _file(self, photo: Photo) -> str:
        urls = self.files.get(photo.image_id) or self.files.get(photograph_id(photo.image_id), ())
        if len(urls) > 1:
            both = " and ".join(map(utf8, urls[:2]))
            raise BadParsing(f"{both} may both be its parsing: keep one")
        if not urls:
            raise MissingParsing(f"no parsing of its name in {self.folder}")
        return urls[0]

    def _read(self, url: str, shape: tuple[int, ...]) -> np.ndarray:
        labels = read_labels(read_bytes(url), self.max_pixels)
        if labels.shape != shape[:2]:
            (h, w), (height, width) = labels.shape, shape[:2]
            raise SizeMismatch(
                f"it has {w}x{h} pixels, the photograph {width}x{height}: parse the photograph as "
                "it is, or scale the labels without interpolation"
            )
        return labels

    def _counted(self, image_id: str, labels: np.ndarray, uv: np.ndarray) -> list[dict[str, Any]]:
        """Rows of `parsings`; none where numbers are no bytes, and so of no table."""
        if _beyond(labels, LEVELS):
            return []
        place = parts_of(uv, self.sheet).astype(np.int64) * LEVELS + labels
        pixels = np.bincount(place.ravel(), minlength=LEVELS * len(PARTS))
        rows = []
        for both in np.flatnonzero(pixels).tolist():
            part, number = divmod(both, LEVELS)
            label = self.table[number].name if number < len(self.table) else None
            row = {"part": PARTS[part], "number": number, "label": label}
            rows.append({"image_id": image_id} | row | {"pixels": int(pixels[both])})
        return rows


def parsings_of(
    config: ExtractConfig,
    found: Input,
    layout: str,
    lookup: Callable[[], np.ndarray] | None = None,
) -> tuple[Input, Parsings | None]:
    """The parsings that a config names, and what is read with them; None where it names none.

    `lookup` gives the DensePose lookup of layout smpl, or raises ValueError where there is none.
    Raises ValueError where there is no such folder, or nothing in it belongs to a photograph.
    """
    if config.parsing is None:
        return found, None
    folder = config.parsing.folder
    listing = list_files(folder)
    photos = [photo for photo in found.photos if photo.image]
    files = files_of(photos, listing)
    if not files:
        wanted = elided(photos[0].image_id) if photos else "NAME"
        raise ValueError(
            f"parsing.folder={folder}: none of its {len(listing.files)} files belongs to a "
            f"photograph ({wanted}.png wanted)"
        )
    charts = None
    with contextlib.suppress(ValueError):  # labels are then not held against the body's parts
        charts = lookup and lookup()
    sheet = sheet_of_parts(layout, charts)
    parsings = Parsings(config.parsing.labels, folder, files, sheet, config.max_pixels)
    return replace(found, listings=found.listings | {folder: listing}, parsings=files), parsings


def tables_with(parsings: Parsings | None) -> tuple[str, ...]:
    """The tables of a catalog, those of parsings among them where there are any."""
    return ("images", *(["annotations", "parsings"] if parsings else []), "uv_maps")


def failed_rows(parsings: Parsings | None) -> Callable[..., Rows]:
    """What makes the rows of these tables for a photograph that could not be extracted."""
    return failed_fit if parsings else failed_photograph


def parsing_facts(found: Input, parsings: Parsings | None) -> dict[str, Any]:
    """What a run that reads parsings is identified by: their table, names and sizes."""
    if parsings is None:
        return {}
    listing = found.listings[parsings.folder]
    sizes = {listing.root + file.name: file.size for file in listing.files}
    listed = [[i, *([url, sizes[url]] for url in urls)] for i, urls in parsings.files.items()]
    sha256 = hashlib.sha256(json.dumps(listed).encode()).hexdigest()
    return {"parsing": {"labels": parsings.labels, "files": sha256}}


def _beyond(labels: np.ndarray, count: int) -> list[int]:
    """The numbers below 0, or not below `count`."""
    if labels.min() >= 0 and labels.max() < count:
        return []
    return [n for n in np.unique(labels).tolist() if not 0 <= n < count]
