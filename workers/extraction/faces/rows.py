"""A face's mesh on a photograph, or alone -> the rows of a catalog."""

from typing import Protocol

import numpy as np

from configs.extract import ExtractConfig
from configs.faces import FaceFraming
from configs.fields import ImageFormat
from workers.data.images import encode
from workers.extraction.catalog_rows import uv_columns
from workers.extraction.extraction import Photo
from workers.extraction.faces.surface import Square, facing, square_of, surface_map
from workers.shards.rows import Origin, uv_map_row
from workers.shards.shard import Rows


class Topology(Protocol):
    """What all meshes of a layout share."""

    @property
    def uv(self) -> np.ndarray:
        """(V, 2) in [-1, 1]."""
        ...

    @property
    def faces(self) -> np.ndarray:
        """(F, 3)."""
        ...

    @property
    def canonical(self) -> np.ndarray | None:
        """The face at rest (V, 3): x right, y down, z towards the viewer; None: not known."""
        ...


def face_rows(
    config: ExtractConfig,
    framing: FaceFraming,
    origin: Origin,
    photo: Photo,
    photograph: np.ndarray | None,
    points: np.ndarray,
    topology: Topology,
    **values: object,
) -> Rows:
    """A row of `images`, `uv_maps` and `faces` each.

    `points` (V, 3) are the mesh: x, y in pixels of the photograph (H, W, 3) uint8, whole numbers
    are centres, and z towards the viewer. Without a photograph they make a pose. `values` are
    further columns of the row of `uv_maps`. Raises EmptyUvMap where nothing of the mesh is seen.
    """
    square = square_of(points, config.size, framing.margin, framing.stretch)
    uv = surface_map(square.within(points), topology.faces, topology.uv, square.size)
    if photograph is not None:
        uv[~square.shows(*photograph.shape[:2])] = np.nan
    columns = uv_columns(uv, config)
    looks = None if topology.canonical is None else facing(points, topology.canonical).tolist()
    image = {"image_id": photo.image_id, "item_id": photo.item_id}
    return {
        "images": [image | _picture_columns(photograph, square)],
        "uv_maps": [uv_map_row(origin, photo.image_id, **columns, status="ok", **values)],
        "faces": [{"image_id": photo.image_id, "facing": looks}],
    }


def _picture_columns(photograph: np.ndarray | None, square: Square) -> dict:
    if photograph is None:
        return {}
    data = encode(square.cut(photograph), ImageFormat(format="png"))
    width, height = square.size
    return {"image": {"bytes": data, "path": None}, "width": width, "height": height}
