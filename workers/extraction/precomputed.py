"""The extractor `precomputed`: photographs with an IUV image or a UV array each."""

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial

import numpy as np

from configs.extract import ExtractConfig
from models.iuv import iuv_from_image, refuse_interpolated, smoothed, uv_from_iuv
from models.uv_maps import SLACK, resized
from workers.data.errors import BadFileName, BadUvMap, EmptyUvMap, MissingUvMap, SizeMismatch
from workers.data.images import decode, read_map
from workers.data.retrying import UNREACHABLE
from workers.data.storage import read_bytes
from workers.extraction.catalog_rows import (
    extracted,
    failed,
    is_empty,
    lookup_facts,
    read_lookup,
)
from workers.extraction.extraction import Extraction, Photo
from workers.extraction.files import PhotographFiles
from workers.extraction.inputs import photographs_with_maps
from workers.extraction.parsing.parsings import (
    Parsings,
    failed_rows,
    parsing_facts,
    parsings_of,
    tables_with,
)
from workers.shards.attempt import attempt
from workers.shards.keys import Key
from workers.shards.rows import Origin, photo_id
from workers.shards.shard import Job, Rows

ORIGIN = Origin("precomputed", "smpl")
READERS = 4  # threads: one decodes while others wait for storage
SMOOTH = 256  # pixels a side of IUV images on which the steps of 8 bits are far below a pixel
OFF_BODY = -10  # how some UV arrays mark undefined pixels
SAMPLED = 4096  # pixels among which the commonest point is sought
BACKGROUND = 0.02  # of a map's pixels; on real maps, no point of the body fills 0.0002 of them
UNIT_RANGE = "; nothing is below 0: of a range of [0, 1] make 2 * uv - 1 (flip_v where v points up)"


def precomputed(config: ExtractConfig) -> Extraction:
    """Read UV maps from the files that belong to the photographs."""
    found = photographs_with_maps(config)
    facts = lookup_facts(config) if any(photo.iuv for photo in found.photos) else {}
    found, parsings = parsings_of(config, found, ORIGIN.layout, partial(read_lookup, config))
    job = Job(
        tables=tables_with(parsings),
        make_worker=partial(PrecomputedWorker, config, parsings),
        row_id=photo_id,
        failed=partial(failed_rows(parsings), ORIGIN),
    )
    return Extraction(config, found, job, facts | parsing_facts(found, parsings))


class PrecomputedWorker:
    """Keys (`Photo`) -> a row of `images` and one of `uv_maps` each.

    A row whose files cannot be used has no image and the status `failed`.
    """

    def __init__(self, config: ExtractConfig, parsings: Parsings | None = None):
        self.config, self.parsings = config, parsings

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Read and frame photographs and maps."""
        photos = [Photo._make(key) for key in keys]
        if any(photo.iuv for photo in photos):
            _ = self._lookup  # once, before the threads
        files = PhotographFiles(photos, self.config.max_pixels)
        with ThreadPoolExecutor(READERS) as pool:
            yield from pool.map(partial(self._rows, files), photos)

    @cached_property
    def _lookup(self) -> np.ndarray:
        return read_lookup(self.config)

    def _rows(self, files: PhotographFiles, photo: Photo) -> Rows:
        rows = attempt(UNREACHABLE, self._extracted, files, photo)
        if isinstance(rows, Exception):
            return failed(ORIGIN, photo, rows, failed_rows(self.parsings))
        return rows

    def _extracted(self, files: PhotographFiles, photo: Photo) -> Rows:
        uv = self._uv_map(photo)
        if photo.image is None:
            return extracted(self.config, ORIGIN, photo, uv, None, parsings=self.parsings)
        data = files(photo.image)
        pixels = decode(data, self.config.max_pixels)
        _same_shape(pixels, uv)
        height, width = pixels.shape[:2]
        coarseness = max(height, width) / max(uv.shape[:2])
        uv = resized(uv, height, width)
        photograph = data, pixels
        return extracted(self.config, ORIGIN, photo, uv, photograph, coarseness, self.parsings)

    def _uv_map(self, photo: Photo) -> np.ndarray:
        """The photograph's UV map, (H, W, 2) float32, NaN off the body."""
        if photo.fault is not None:
            raise BadFileName(photo.fault)
        if photo.iuv is not None:
            uv = self._from_iuv(photo.iuv, photo.instances)
        elif photo.uv is not None:
            uv = read_uv_array(read_bytes(photo.uv), self.config.max_pixels)
            if self.config.flip_v:
                uv = uv * np.array([1, -1], uv.dtype)
        else:
            raise MissingUvMap(f"no {photo.image_id}_IUV.png and no {photo.image_id}.npy")
        if is_empty(uv):
            raise EmptyUvMap("nobody is on the UV map")
        return uv

    def _from_iuv(self, url: str, instances: str | None) -> np.ndarray:
        """Read an IUV image; of several instances, keep the one with the most pixels."""
        iuv = iuv_from_image(_of_8_bits(read_map(read_bytes(url), self.config.max_pixels)))
        refuse_interpolated(iuv)
        body = iuv[..., 0] > 0
        if instances is not None and body.any():
            person = read_map(read_bytes(instances), self.config.max_pixels)
            person = person if person.ndim == 2 else person[..., 0]
            _same_size("IUV image", iuv, "instance image", person)
            numbers, pixels = np.unique(person[body], return_counts=True)
            iuv = np.where((person == numbers[pixels.argmax()])[..., None], iuv, 0)
        charts = smoothed(iuv) if max(body.shape) > SMOOTH else iuv[..., 1:]
        return uv_from_iuv(iuv[..., 0], charts, self._lookup)


def _of_8_bits(pixels: np.ndarray) -> np.ndarray:
    """An IUV image as its file holds it -> (H, W, 3) uint8; BadUvMap if it cannot be one.

    Writers of 16 bits a channel leave 0..255 as it is, or stretch it over the range by 257 or 256.
    """
    if pixels.ndim != 3:
        raise BadUvMap(
            "an IUV image has three channels, this one is grey or has a palette: save it as RGB"
        )
    if pixels.dtype == np.uint8:
        return pixels
    for step in (1, 257, 256):
        if pixels.max(initial=0) <= 255 * step and not (pixels % step).any():
            return (pixels // step).astype(np.uint8)
    raise BadUvMap(
        "16 bits a channel hold an IUV image as 0..255, or these times 257; this one has values "
        "between"
    )


def read_uv_array(data: bytes, max_pixels: int) -> np.ndarray:
    """The bytes of a .npy file -> UV map (H, W, 2) float32; BadUvMap if they hold none."""
    try:
        uv = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise BadUvMap(f"no .npy file of numbers: {error}") from error
    is_map = isinstance(uv, np.ndarray) and uv.dtype.kind == "f" and uv.shape[2:] == (2,)
    if not is_map or not uv.size:
        found = f"{getattr(uv, 'shape', type(uv))} {getattr(uv, 'dtype', '')}"
        raise BadUvMap(f"a UV array holds floats of shape (H, W, 2), this one {found}")
    if uv.shape[0] * uv.shape[1] > max_pixels:
        raise BadUvMap(f"the UV array has shape {uv.shape}, more than max_pixels={max_pixels}")
    uv = np.where((uv == OFF_BODY).any(axis=-1, keepdims=True), np.nan, uv).astype(np.float32)
    largest = np.abs(uv[~np.isnan(uv)]).max(initial=0)
    if largest > 1 + SLACK:
        raise BadUvMap(f"UV coordinates lie in [-1, 1], this array has {largest:.4g}")
    _refuse_background(uv)
    return uv


def _refuse_background(uv: np.ndarray) -> None:
    """Raise BadUvMap where one point of the surface fills a large part of a map (H, W, 2).

    Every pixel of a body shows another point, so a frequent one marks what is off the body.
    """
    step = max(1, round((uv.shape[0] * uv.shape[1] / SAMPLED) ** 0.5))
    sampled = uv[::step, ::step]
    points, counts = np.unique(sampled[..., 0] + 1j * sampled[..., 1], return_counts=True)
    point = points[np.where(np.isnan(points), 0, counts).argmax()]
    share = (uv == (point.real, point.imag)).all(axis=-1).mean()
    if share > BACKGROUND:
        raise BadUvMap(
            f"{share:.0%} of the UV array are ({point.real:.4g}, {point.imag:.4g}), as if that "
            "meant off the body: write NaN there" + (UNIT_RANGE if np.nanmin(uv) >= 0 else "")
        )


def _same_size(what: str, a: np.ndarray, other: str, b: np.ndarray) -> None:
    if a.shape[:2] != b.shape[:2]:
        raise _mismatch(what, a, other, b)


def _same_shape(photograph: np.ndarray, uv: np.ndarray) -> None:
    """Raise SizeMismatch unless one is the other, scaled to whole pixels."""
    small, large = sorted((photograph.shape[:2], uv.shape[:2]))
    if all(abs(small[i] - small[1 - i] * large[i] / large[1 - i]) >= 1 for i in (0, 1)):
        raise _mismatch("photograph", photograph, "UV map", uv)


def _mismatch(what: str, a: np.ndarray, other: str, b: np.ndarray) -> SizeMismatch:
    (h, w), (h2, w2) = a.shape[:2], b.shape[:2]
    return SizeMismatch(f"the {what} has {w}x{h} pixels, its {other} {w2}x{h2}")
