"""Turns photographs and their DensePose results into a catalog: the worker of `reposer extract`."""

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np

from configs.schema import ExtractConfig
from models.iuv import iuv_from_image, uv_from_iuv
from models.uv_maps import SLACK
from workers.errors import BadFileName, BadUvMap, EmptyUvMap, MissingUvMap, SizeMismatch
from workers.extracted import extracted, failed, is_empty, read_lookup
from workers.images import decode
from workers.keys import Key
from workers.patience import CredentialsError, StorageUnavailable
from workers.photos import Photo
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
            photograph = None
            if photo.image is not None:
                data = read_bytes(photo.image)
                pixels = decode(data, self.config.max_pixels)
                _same_size("photograph", pixels, "UV map", uv)
                photograph = data, pixels
            return extracted(self.config, photo, uv, photograph)
        except (StorageUnavailable, CredentialsError):
            raise  # that is no fault of the photograph's
        except Exception as error:  # whatever a stranger's file raises, it is this row's
            return failed(photo, error, "precomputed")

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
        """Read an IUV PNG; of several instances, the one with most pixels is kept."""
        iuv = iuv_from_image(decode(read_bytes(url), self.config.max_pixels))
        if instances is not None:
            person = decode(read_bytes(instances), self.config.max_pixels)[..., 0]
            _same_size("IUV image", iuv, "instance image", person)
            pixels = np.bincount(person[iuv[..., 0] > 0], minlength=1)
            iuv = np.where((person == pixels.argmax())[..., None], iuv, 0)
        return uv_from_iuv(iuv, self._lookup)


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
