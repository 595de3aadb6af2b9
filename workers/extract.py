"""Turns photographs and their DensePose results into a catalog: the worker of `reposer extract`."""

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np

from configs.schema import ExtractConfig, ImageFormat
from models.iuv import iuv_from_image, uv_from_iuv
from models.lookup import load_lookup, rebuild_lookup
from models.uv_maps import SLACK, quantise
from workers.errors import BadFileName, BadUvMap, EmptyUvMap, MissingUvMap, SizeMismatch
from workers.framing import Box, frame, person_box
from workers.images import decode, encode, is_plain
from workers.keys import Key
from workers.patience import CredentialsError, StorageUnavailable
from workers.photos import Photo
from workers.rows import extracted_uv_row, failed_photograph
from workers.shard import Rows
from workers.storage import read_bytes

READERS = 4  # threads: one decodes while others wait for storage
OFF_BODY = -10  # how some UV arrays mark undefined pixels


class ExtractWorker:
    """Keys (`workers.photos.Photo`) -> rows of `images` and `uv_maps`, one a key in each.

    A row whose files cannot be used has no image and the status `failed`.
    """

    def __init__(self, config: ExtractConfig):
        self.config = config

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Read and frame photographs and maps."""
        photos = [Photo._make(key) for key in keys]
        if any(photo.iuv for photo in photos):
            _ = self._lookup  # once, before the threads
        with ThreadPoolExecutor(READERS) as pool:
            yield from pool.map(self._rows, photos)

    @cached_property
    def _lookup(self) -> np.ndarray:
        return read_lookup(self.config)

    def _rows(self, photo: Photo) -> Rows:
        try:
            uv = self._uv_map(photo)
            if photo.image is None:
                image, uv = self._pose(photo, uv)
            else:
                image, uv = self._photograph(photo, photo.image, uv)
            return {"images": [image], "uv_maps": [uv]}
        except (StorageUnavailable, CredentialsError):
            raise  # that is no fault of the photograph's
        except Exception as error:  # whatever a stranger's file raises, it is this row's
            return failed_photograph(photo, type(error).__name__, _about(photo, error))

    def _pose(self, photo: Photo, uv: np.ndarray) -> tuple[dict, dict]:
        return _image_row(photo), self._uv_row(photo, uv, person_box(uv, self.config))

    def _photograph(self, photo: Photo, url: str, uv: np.ndarray) -> tuple[dict, dict]:
        data = read_bytes(url)
        pixels = decode(data, self.config.max_pixels)
        _same_size("photograph", pixels, "UV map", uv)
        box = person_box(uv, self.config)
        framed = frame(pixels, box, self.config.size)
        # Pixels that stay as they are keep their file: encoding it again would lose or add bytes.
        if framed.shape != pixels.shape or (framed != pixels).any() or not is_plain(data):
            data = encode(framed, ImageFormat(format="png"))
        height, width = framed.shape[:2]
        image = {"image": {"bytes": data, "path": None}, "width": width, "height": height}
        return _image_row(photo, **image), self._uv_row(photo, uv, box)

    def _uv_row(self, photo: Photo, uv: np.ndarray, box: Box) -> dict:
        framed = frame(uv, box, self.config.size)
        if _empty(framed):
            raise EmptyUvMap(f"nobody is left on the UV map at size={self.config.size}: "
                             "too small on the photograph; crop=person may help")  # fmt: skip
        height, width = framed.shape[:2]
        return extracted_uv_row(
            photo.image_id, uv=quantise(framed).tobytes(), width=width, height=height, status="ok"
        )

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
        if _empty(uv):
            raise EmptyUvMap("nobody is on the UV map")
        return uv

    def _from_iuv(self, url: str, instances: str | None) -> np.ndarray:
        """Read an IUV PNG; of several instances, the one with most pixels is kept."""
        iuv = iuv_from_image(decode(read_bytes(url), self.config.max_pixels))
        if instances is not None:
            person = decode(read_bytes(instances), self.config.max_pixels)[..., 0]
            _same_size("IUV image", iuv, "instance image", person)
            pixels = np.bincount(person[iuv[..., 0] > 0], minlength=1)
            iuv = np.where((person == pixels.argmax())[..., None], iuv, 0)
        return uv_from_iuv(iuv, self._lookup)


def _about(photo: Photo, error: Exception) -> str:
    """The error in one line that names the row's files."""
    files = ", ".join(url for url in (photo.image, photo.iuv or photo.uv) if url)
    return f"{' '.join(str(error).split())} ({files})"


def read_lookup(config: ExtractConfig) -> np.ndarray:
    """The DensePose lookup that the config names; ValueError when there is none."""
    return load_lookup(read_bytes(config.lookup)) if config.lookup else rebuild_lookup()


def read_uv_array(data: bytes, max_pixels: int) -> np.ndarray:
    """The bytes of a .npy file -> UV map (H, W, 2) float32; BadUvMap if they hold none."""
    try:
        uv = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise BadUvMap(f"no .npy file of numbers: {error}") from error
    if not isinstance(uv, np.ndarray) or uv.ndim != 3 or uv.shape[2] != 2 or uv.dtype.kind != "f":
        found = f"{getattr(uv, 'shape', type(uv))} {getattr(uv, 'dtype', '')}"
        raise BadUvMap(f"a UV array holds floats of shape (H, W, 2), this one {found}")
    if uv.shape[0] * uv.shape[1] > max_pixels:
        raise BadUvMap(f"the UV array has shape {uv.shape}, more than max_pixels={max_pixels}")
    uv = np.where((uv == OFF_BODY).any(axis=-1, keepdims=True), np.nan, uv).astype(np.float32)
    largest = np.abs(uv[~np.isnan(uv)]).max(initial=0)
    if largest > 1 + SLACK:
        raise BadUvMap(f"UV coordinates lie in [-1, 1], this array has {largest:.4g}")
    return uv


def _same_size(what: str, a: np.ndarray, other: str, b: np.ndarray) -> None:
    if a.shape[:2] != b.shape[:2]:
        (h, w), (h2, w2) = a.shape[:2], b.shape[:2]
        raise SizeMismatch(f"the {what} has {w}x{h} pixels, its {other} {w2}x{h2}")


def _image_row(photo: Photo, **values: object) -> dict:
    return {"image_id": photo.image_id, "item_id": photo.item_id, **values}


def _empty(uv: np.ndarray) -> bool:
    return bool(np.isnan(uv).any(axis=-1).all())
