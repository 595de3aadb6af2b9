"""Reading a catalog: photographs, UV maps and annotations by image id."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa

from models.layouts import LAYOUTS
from models.lookup import load_lookup
from models.revealed import Clothes
from models.uv_maps import dequantise
from workers.data.columns import pc
from workers.data.errors import (
    BadAnnotation,
    BadImage,
    BadUvMap,
    EmptyUvMap,
    MissingRow,
    WrongLayout,
)
from workers.data.images import decode, read_map
from workers.data.indexed_table import CatalogError, Table
from workers.data.names import item_id, short
from workers.data.staying import clothes_alone, staying
from workers.data.storage import Store, read_bytes
from workers.data.views import View, refuse_mismatch, square_about, stored_map, whole
from world.labels import BACKGROUND, CLOTHES, HEAD

MAX_PIXELS = 50_000_000
USUAL_PIXELS = 256 * 256
KEYPOINTS = (18, 3)
TORSO = (2, 5, 8, 11)  # of the keypoints: shoulders and hips


class Catalog:
    """Photographs, UV maps and annotations by image id.

    `lookup` is the URL of DensePose's lookup, which tells head and hands of layout smpl (default:
    rebuilt, as in `models.revealed.Clothes`).
    """

    def __init__(self, url: str, lookup: str | None = None):
        self.store, self.lookup = Store(url), lookup
        self.images, self.uv_maps = Table(self.store, "images"), Table(self.store, "uv_maps")
        self.annotations = Table(self.store, "annotations")

    def items(self) -> dict[str, str | None]:
        """Each photograph's item: what the table says, else what its id tells, else None."""
        given = self.images.column("item_id").to_pylist()
        both = zip(self.images.ids.to_pylist(), given, strict=True)
        return {image_id: item or item_id(image_id) for image_id, item in both}

    def view(self, image_id: str, wants: Iterable[str], layout: str | None = None) -> View:
        """The maps of an image that are wanted, all of one size; a UV map of the layout, if given.

        Raises SizeMismatch where sizes differ, and what the methods that read the maps raise.
        """
        readers: dict[str, Callable[[str], np.ndarray]] = {
            "photograph": self.photograph,
            "uv": partial(self.uv_map, layout=layout),
            "stored_uv": partial(self.stored_uv, layout=layout),
            "clothes_uv": partial(self.clothes_uv, layout=layout),
            "body": self.body,
            "revealed": self.revealed,
            "segmentation": self.segmentation,
            "person": self.person,
            "garment": partial(self.labelled, codes=CLOTHES),
            "head": partial(self.labelled, codes=HEAD),
            "torso": self.torso,
            "keypoints": self.keypoints,
        }
        view = {name: readers[name](image_id) for name in wants}
        refuse_mismatch(image_id, view)
        return view

    def photograph(self, image_id: str) -> np.ndarray:
        """A photograph, uint8 (H, W, 3) RGB; MissingRow or BadImage when there is none."""
        try:
            return decode(self.photograph_file(image_id), MAX_PIXELS)
        except BadImage as error:
            raise BadImage(f"{short(image_id)}: {error}") from error

    def photograph_file(self, image_id: str) -> bytes:
        """A photograph as it is stored, the bytes of an image file; MissingRow without one."""
        data = self.images.image(self.images.row(image_id))
        if data is None:
            raise MissingRow(f"{self.store.url}: {short(image_id)} has no photograph")
        return data

    def uv_map(self, image_id: str, layout: str | None = None) -> np.ndarray:
        """A UV map, float32 (2, H, W) in [-1, 1], NaN off the body; raises as `stored_uv`."""
        return dequantise(self.stored_uv(image_id, layout))

    def stored_uv(self, image_id: str, layout: str | None = None) -> np.ndarray:
        """A UV map as it is stored, uint16 (2, H, W), 0 off the body.

        Raises MissingRow when there is none, WrongLayout, BadUvMap when its bytes do not suit its
        size, EmptyUvMap when nobody is on it.
        """
        row, name = self._good_uv_row(image_id), short(image_id)
        if layout is not None and row["layout"] != layout:
            raise WrongLayout(
                f"{name} has a UV map of layout {row['layout']}, the model needs {layout}"
            )
        stored = stored_map(row, name)
        if not (stored > 0).all(axis=0).any():
            raise EmptyUvMap(f"{name}: nobody is on the UV map")
        return stored

    def clothes_uv(self, image_id: str, layout: str | None = None) -> np.ndarray:
        """A UV map as in `stored_uv` without hair and hands on clothes; SizeMismatch."""
        uv = self.stored_uv(image_id, layout)
        if not self.has_segmentation(image_id):
            return uv
        labels = self.segmentation(image_id)
        refuse_mismatch(image_id, {"stored_uv": uv, "segmentation": labels})
        layout = self.uv_maps.row(image_id)["layout"]
        return clothes_alone(uv, _clothes(str(layout), self.lookup), labels)

    def body(self, image_id: str) -> np.ndarray:
        """Where the UV map is defined, bool (H, W); MissingRow or BadUvMap when there is none."""
        stored = stored_map(self._good_uv_row(image_id), short(image_id))
        return np.all(stored > 0, axis=0)

    def revealed(self, image_id: str) -> np.ndarray:
        """What stays of an image, uint8 (H, W, 4); as in `View`.

        Raises what `photograph`, `stored_uv` and `segmentation` raise; SizeMismatch.
        """
        name = short(image_id)
        try:
            view: View = {"photograph": self.photograph(image_id)}
        except (MissingRow, CatalogError) as error:
            raise MissingRow(f"{name}: no photograph, so no head and hands: {error}") from error
        view |= {"stored_uv": self.stored_uv(image_id)}
        if self.has_segmentation(image_id):
            view["segmentation"] = self.segmentation(image_id)
        refuse_mismatch(image_id, view)
        layout = self.uv_maps.row(image_id)["layout"]
        clothes = _clothes(layout, self.lookup)
        stays = staying(view["stored_uv"], clothes, view.get("segmentation"))
        return np.dstack([view["photograph"] * stays[..., None], stays * np.uint8(255)])

    def has_segmentation(self, image_id: str | None = None) -> bool:
        """Whether an image, or any of the catalog, has a segmentation."""
        if not self._annotated:
            return False
        if image_id is None:
            rows = self.annotations.head(["segmentation"])
            return rows.num_rows > 0 and rows["segmentation"].null_count < rows.num_rows
        try:
            return self.annotations.row(image_id).get("segmentation") is not None
        except MissingRow:
            return False

    @cached_property
    def _annotated(self) -> bool:
        return bool(self.store.list("annotations"))

    def segmentation(self, image_id: str) -> np.ndarray:
        """The labels of an image, uint8 (H, W); MissingRow or BadAnnotation when there are none."""
        row = self._annotation(image_id, "segmentation")
        try:
            labels = read_map(self.annotations.image(row, "segmentation") or b"", MAX_PIXELS)
        except (BadImage, BadUvMap) as error:
            raise BadAnnotation(f"{short(image_id)}: its segmentation: {error}") from error
        if labels.ndim != 2 or labels.dtype != np.uint8:
            raise BadAnnotation(
                f"{short(image_id)}: its segmentation is no grey image of 8 bits: save it so"
            )
        return labels

    def person(self, image_id: str) -> np.ndarray:
        """Where the segmentation shows somebody, bool (H, W); errors as in `segmentation`."""
        return self.segmentation(image_id) != BACKGROUND

    def labelled(self, image_id: str, codes: Sequence[int]) -> np.ndarray:
        """Where the segmentation has one of the codes, bool (H, W); errors as in `segmentation`."""
        return np.isin(self.segmentation(image_id), codes)

    def keypoints(self, image_id: str) -> np.ndarray:
        """The keypoints of an image, float32 (18, 3); MissingRow or BadAnnotation without them."""
        numbers = self._annotation(image_id, "keypoints")["keypoints"]
        if len(numbers) != math.prod(KEYPOINTS):
            raise BadAnnotation(
                f"{short(image_id)}: keypoints are {math.prod(KEYPOINTS)} numbers, these "
                f"{len(numbers)}"
            )
        return np.array(numbers, np.float32).reshape(KEYPOINTS)

    def keypoint_rows(self) -> list[tuple[str, list[float] | None]]:
        """Each row of the annotations: its id, and the numbers of its keypoints, if it has any."""
        numbers = self.annotations.column("keypoints").to_pylist()
        return list(zip(self.annotations.ids.to_pylist(), numbers, strict=True))

    def facings(self) -> dict[str, list[float] | None]:
        """Where each face looks, a unit vector (3,), if known: x right, y down, z to the viewer."""
        faces = Table(self.store, "faces")
        return dict(zip(faces.ids.to_pylist(), faces.column("facing").to_pylist(), strict=True))

    def sizes(self) -> dict[str, tuple[float, float]]:
        """Width and height of each picture, or of its UV map where there is none."""
        found = {}
        for table in (self.uv_maps, self.images):
            sides = (table.column(side).to_pylist() for side in ("width", "height"))
            for image_id, width, height in zip(table.ids.to_pylist(), *sides, strict=True):
                if whole(width) and whole(height):
                    found[image_id] = (width, height)
        return found

    def torso(self, image_id: str) -> np.ndarray:
        """A square about the torso, bool (H, W), in the picture whole; errors as in `keypoints`."""
        row = self.images.row(image_id)
        mask = np.zeros((whole(row["height"]), whole(row["width"])), bool)
        mask[square_about(self.keypoints(image_id)[TORSO, :2], mask.shape)] = True
        return mask

    def _annotation(self, image_id: str, column: str) -> dict[str, Any]:
        try:
            row = self.annotations.row(image_id)
        except (CatalogError, MissingRow) as error:
            raise MissingRow(f"{short(image_id)} has no {column}: {error}") from error
        if row.get(column) is None:
            raise MissingRow(f"{self.store.url}: {short(image_id)} has no {column}")
        return row

    def _good_uv_row(self, image_id: str) -> dict[str, Any]:
        row = self.uv_maps.row(image_id)
        if row["status"] != "ok":
            reason = row.get("error_message") or f"its status is {row['status']}"
            raise MissingRow(f"{self.store.url}: {short(image_id)} has no UV map: {reason}")
        return row

    def layout(self) -> str:
        """The layout of most of the catalog's good UV maps; refuses a catalog without one."""
        layouts = self.uv_maps.column("layout").filter(self._ok())
        counts = pc.value_counts(layouts.drop_null()).to_pylist()
        if not counts:
            raise CatalogError(f"{self.store.url}: no row of uv_maps is ok and has a layout")
        return max(counts, key=lambda count: count["counts"])["values"]

    def pixels(self) -> int:
        """About the size of a UV map, for estimates: the median of the first row group."""
        rows = self.uv_maps.head(["width", "height"]).to_pylist()
        sizes = [whole(row["width"]) * whole(row["height"]) for row in rows]
        return int(np.median([size for size in sizes if size] or [USUAL_PIXELS]))

    def usable(self, photographs: bool) -> list[str]:
        """The ids with a UV map (and, if asked, a photograph), in the catalog's order.

        A photograph is there where its width is.
        """
        ok = self._ok()
        if photographs:
            there = pc.invert(pc.is_null(self.images.column("width"), nan_is_null=True))
            pictured = self.images.ids.filter(there.combine_chunks())
            ok = pc.and_(ok, pc.is_in(self.uv_maps.ids, value_set=pictured))
        return self.uv_maps.ids.filter(ok).to_pylist()

    def _ok(self) -> pa.Array:
        ok = pc.equal(self.uv_maps.column("status"), "ok")
        return pc.fill_null(ok, False).combine_chunks()


@cache
def _clothes(layout: str, lookup: str | None) -> Clothes:
    if layout not in LAYOUTS:
        raise WrongLayout(f"UV layout {layout!r} is not one of {', '.join(LAYOUTS)}")
    return Clothes(layout, load_lookup(read_bytes(lookup)) if lookup else None)
