"""Faces and their meshes -> a catalog of layout `prnet`: the worker of `extractor=prnet`."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from configs.extract import ExtractConfig
from workers.data.errors import BadFileName, BadMesh, MissingUvMap
from workers.data.images import decode
from workers.data.retrying import UNREACHABLE
from workers.data.storage import read_bytes
from workers.extraction.catalog_rows import failed
from workers.extraction.extraction import Photo
from workers.extraction.faces.prnet_files import Mesh, read_mesh
from workers.extraction.faces.prnet_sheet import Sheet
from workers.extraction.faces.rows import face_rows
from workers.extraction.files import PhotographFiles
from workers.shards.attempt import attempt
from workers.shards.keys import Key
from workers.shards.rows import Origin, failed_face
from workers.shards.shard import Rows

READERS = 2  # threads: one reads while the other draws
# The mean difference, of [0, 1], between a mesh's colours and its photograph's where it lies.
OTHER_PHOTOGRAPH = 0.15


class PRNetWorker:
    """Keys (`Photo`, whose map is a mesh) -> a row of `images`, `uv_maps` and `faces` each."""

    def __init__(self, config: ExtractConfig, origin: Origin, sheet: Sheet):
        self.config, self.origin, self.sheet = config, origin, sheet

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Cut and draw the faces."""
        photos = [Photo._make(key) for key in keys]
        files = PhotographFiles(photos, self.config.max_pixels)
        with ThreadPoolExecutor(READERS) as pool:
            yield from pool.map(partial(self._rows, files), photos)

    def _rows(self, files: PhotographFiles, photo: Photo) -> Rows:
        rows = attempt(UNREACHABLE, self._extracted, files, photo)
        if isinstance(rows, Exception):
            return failed(self.origin, photo, rows, failed_face)
        return rows

    def _extracted(self, files: PhotographFiles, photo: Photo) -> Rows:
        if photo.fault is not None:
            raise BadFileName(photo.fault)
        if photo.uv is None:
            raise MissingUvMap(f"no mesh: {photo.image_id}.obj, _mesh.mat or .npy")
        mesh = read_mesh(read_bytes(photo.uv), photo.uv, self.sheet.texels)
        photograph = None
        if photo.image is not None:
            photograph = decode(files(photo.image), self.config.max_pixels)
        points = on_photograph(mesh, photograph, self.config.prnet.picture)
        return face_rows(
            self.config, self.config.prnet, self.origin, photo, photograph, points, self.sheet
        )


def on_photograph(mesh: Mesh, photograph: np.ndarray | None, picture: str) -> np.ndarray:
    """The vertices (V, 3) of a mesh in pixels of its photograph (H, W, 3) uint8; y runs down.

    `picture` as in `configs.prnet`. BadMesh where the mesh does not lie on the photograph, and
    where its colours are not the photograph's.
    """
    if photograph is None:
        return mesh.vertices * ([1, -1, 1] if mesh.turned else 1)
    height, width = photograph.shape[:2]
    placed = [_scaled(mesh, height, width, scale) for scale in _scales(height, width, picture)]
    best = 0
    if mesh.colours is not None:
        shown = [_colours(photograph, points) for points in placed]
        errors = [np.abs(colours - mesh.colours).mean() for colours in shown]
        best = int(np.argmin(errors))
        if errors[best] > OTHER_PHOTOGRAPH:
            raise BadMesh(
                f"the mesh's colours differ from the photograph's by {errors[best]:.0%}: it is of "
                "another photograph, or of a copy that prnet.picture does not name"
            )
    points = placed[best]
    inside = ((points[:, :2] >= 0) & (points[:, :2] <= [width - 1, height - 1])).all(axis=1)
    if inside.mean() < 0.5:
        raise BadMesh(
            f"{1 - inside.mean():.0%} of the mesh lie outside the photograph of {width}x{height} "
            "pixels: prnet.picture says on which copy of it meshes lie"
        )
    return points


def _scales(height: int, width: int, picture: str) -> list[tuple[float, float]]:
    """Pixels along y and x of the picture that a mesh may lie on, a pixel of the photograph."""
    longer = max(height, width)
    scales = {
        "own": (1.0, 1.0),
        "256": (256 / height, 256 / width),
        "1000": (1000 / longer, 1000 / longer),
    }
    if picture != "auto":
        return [scales[picture]]
    # PRNet's programs shrink square pictures, and what is longer than 1,000 pixels.
    likely = {"own": True, "256": height == width, "1000": longer > 1000}
    return [scale for name, scale in scales.items() if likely[name]]


def _scaled(mesh: Mesh, height: int, width: int, scale: tuple[float, float]) -> np.ndarray:
    x, y, z = mesh.vertices.T
    if mesh.turned:
        y = round(height * scale[0]) - 1 - y
    # Whole numbers are pixel centres, before and after.
    return np.column_stack([(x + 0.5) / scale[1] - 0.5, (y + 0.5) / scale[0] - 0.5, z / scale[1]])


def _colours(photograph: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The colours (V, 3) in [0, 1] of the pixels nearest to points."""
    x, y = (
        np.rint(points[:, i]).clip(0, photograph.shape[1 - i] - 1).astype(np.int64) for i in (0, 1)
    )
    return photograph[y, x] / 255
