"""A photograph, or a pose alone, with its UV map -> the rows of a catalog."""

import hashlib
from collections.abc import Callable

import numpy as np

from configs.extract import ExtractConfig
from configs.fields import ImageFormat
from models.lookup import load_lookup, rebuild_lookup
from models.uv_maps import quantise
from workers.data.errors import EmptyUvMap, UnknownLabel
from workers.data.images import encode, is_plain
from workers.data.storage import read_bytes
from workers.extraction.extraction import Photo
from workers.extraction.framing import Box, Framing, frame, person_box
from workers.extraction.parsing.parsings import Parsings
from workers.shards.attempt import told
from workers.shards.keys import Key
from workers.shards.rows import Origin, failed_photograph, uv_map_row
from workers.shards.shard import Rows


def read_lookup(config: ExtractConfig) -> np.ndarray:
    """The DensePose lookup that the config names; ValueError when there is none."""
    return load_lookup(read_bytes(config.lookup)) if config.lookup else rebuild_lookup()


def lookup_facts(config: ExtractConfig) -> dict[str, str]:
    """What a run that uses the lookup is identified by."""
    return {"lookup": hashlib.sha256(read_lookup(config).tobytes()).hexdigest()}


def is_empty(uv: np.ndarray) -> bool:
    """Whether nobody is on a UV map (H, W, 2)."""
    return bool(np.isnan(uv).any(axis=-1).all())


def extracted(
    config: ExtractConfig,
    origin: Origin,
    photo: Photo,
    uv: np.ndarray,
    photograph: tuple[bytes, np.ndarray] | None,
    coarseness: float = 1,
    parsings: Parsings | None = None,
    **values: object,
) -> Rows:
    """The rows of a UV map (H, W, 2) float32, NaN off the body, and of its photograph.

    `photograph` is its file and its pixels (H, W, 3) uint8; None makes a pose alone. `coarseness`
    is how many pixels of the photograph a pixel of the map was, before it was brought to its size.
    With `parsings` come the rows of its parsing (`Parsings.rows`, also for what it raises).
    `values` are further columns of the row of `uv_maps`. Raises EmptyUvMap when nobody is left
    after framing.
    """
    box = person_box(uv, config)
    framing = Framing.of(box, config.size)
    coarseness *= min(1, framing.magnification)
    image = {} if photograph is None else image_columns(*photograph, box, config)
    framed = frame(uv, box, config.size)
    columns = uv_columns(framed, config)
    if coarseness > 1:
        values["coarseness"] = coarseness
    uv_row = uv_map_row(origin, photo.image_id, **columns, status="ok", **values)
    ids = {"image_id": photo.image_id, "item_id": photo.item_id}
    rows: Rows = {"images": [ids | image], "uv_maps": [uv_row]}
    if parsings:
        annotation = {"image_id": photo.image_id}
        if photograph is not None:
            shape = photograph[1].shape
            annotation, rows["parsings"] = parsings.rows(photo, shape, framing, framed)
        rows["annotations"] = [annotation]
    return rows


def failed(
    origin: Origin,
    photo: Photo,
    error: Exception,
    rows: Callable[[Origin, Key, str, str], Rows] = failed_photograph,
) -> Rows:
    """The rows of a photograph that cannot be used; the message names its files."""
    files = ", ".join(url for url in (photo.image, photo.iuv or photo.uv) if url)
    error_type, message = told(error)
    made = rows(origin, photo, error_type, f"{message} ({files})")
    counted = error.counted if isinstance(error, UnknownLabel) else ()
    return made | ({"parsings": list(counted)} if counted else {})


def image_columns(data: bytes, pixels: np.ndarray, box: Box, config: ExtractConfig) -> dict:
    """The picture's columns of `images`, of a photograph's file and pixels (H, W, 3) uint8."""
    framed = frame(pixels, box, config.size)
    # Pixels that do not change keep their file: encoding them again would lose or add bytes.
    if framed.shape != pixels.shape or (framed != pixels).any() or not is_plain(data):
        data = encode(framed, ImageFormat(format="png"))
    height, width = framed.shape[:2]
    return {"image": {"bytes": data, "path": None}, "width": width, "height": height}


def uv_columns(framed: np.ndarray, config: ExtractConfig) -> dict:
    """The map's columns of `uv_maps`, of a framed map (H, W, 2); EmptyUvMap if it is empty."""
    if is_empty(framed):
        raise EmptyUvMap(
            f"nobody is left on the UV map at size={config.size}: too small on the photograph; "
            "crop=person may help"
        )
    height, width = framed.shape[:2]
    return {"uv": quantise(framed).tobytes(), "width": width, "height": height}
