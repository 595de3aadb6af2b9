"""Photographs of the sample world, with what is true about them: keys -> rows."""

import io
import re
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from configs.synthesize import SynthesizeConfig
from models.uv_maps import quantise
from workers.data.images import encode
from workers.person_maps import person_map
from workers.shards.keys import Key
from workers.shards.rows import SYNTHESIZED, Origin, photo_id, uv_map_row
from workers.shards.shard import Rows
from world import figures, scene, studio, wardrobe

# Of an item's and a person's id. What is held out must not be taken for what is trained on.
PREFIXES = {
    "whole": ("item", "person"),
    "training": ("training-item", "training-person"),
    "held_out": ("held-out-item", "held-out-person"),
}
STRETCHED = SYNTHESIZED._replace(extractor="synthesize uv=person")
MAPS = 5  # stream of random numbers, beside wardrobe's and studio's
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp"}


def image_ids(config: SynthesizeConfig) -> list[str]:
    """Every photograph of a catalog, item by item."""
    items = (_item_id(config, i) for i in range(config.items))
    return [_image_id(item, v) for item in items for v in range(config.views)]


class SynthesizeWorker:
    """Keys hold an image id; a row depends on the config's seed, size and format, and on its key.

    State is the last item's figure: keys come item by item, and dressing costs as much as a
    photograph.
    """

    def __init__(self, config: SynthesizeConfig) -> None:
        self.config = config
        self._figure: tuple[int, figures.Figure] | None = None

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Make rows of images, uv_maps, annotations and pairs.

        `pairs` gets the pairs that start at a key: to every other view of its item.
        """
        for key in map(photo_id, keys):
            item, number = item_and_view(key)
            figure, view = self.dressed(item), self.view(item, number)
            photograph = scene.render(figure, view, self.config.size)
            rng = np.random.default_rng([self.config.seed % 2**63, MAPS, item, number])
            uv, origin = photograph.uv, SYNTHESIZED
            if self._of_person(rng):
                uv = person_map(figure.look, view, photograph, self.config.uv_noise, rng)
                origin = STRETCHED
            others = (v for v in range(self.config.views) if v != number)
            yield {
                "images": [self._image_row(key, item, photograph)],
                "uv_maps": [self._uv_row(key, uv, origin)],
                "annotations": [self._annotation_row(key, photograph)],
                "pairs": [
                    {"from": key, "to": _image_id(_item_id(self.config, item), other)}
                    for other in others
                ],
            }

    def dressed(self, item: int) -> figures.Figure:
        """The figure of an item."""
        if self._figure is None or self._figure[0] != item:
            look = wardrobe.look(
                self.config.seed, _person(item), item, self.config.stock, self.config.fabrics
            )
            self._figure = item, figures.dress(look)
        return self._figure[1]

    def view(self, item: int, number: int) -> scene.View:
        """How the `number`-th photograph of an item is taken."""
        return studio.view(self.config.seed, item, number, self.config.pose_noise)

    def _image_row(self, key: str, item: int, photograph: scene.Photograph) -> dict:
        fmt = self.config.image
        return {
            "image_id": key,
            "item_id": _item_id(self.config, item),
            "person_id": f"{PREFIXES[self.config.stock][1]}-{_person(item):06d}",
            "image": {
                "bytes": encode(photograph.pixels, fmt),
                "path": f"{key}.{EXTENSIONS[fmt.format]}",
            },
            "width": self.config.size,
            "height": self.config.size,
        }

    def _of_person(self, rng: np.random.Generator) -> bool:
        """Whether a photograph's UV map is stretched over the person."""
        return self.config.uv == "person" or (self.config.uv == "mixed" and rng.random() < 0.5)

    def _uv_row(self, key: str, uv: np.ndarray, origin: Origin) -> dict:
        return uv_map_row(
            origin,
            key,
            uv=quantise(uv).tobytes(),
            width=self.config.size,
            height=self.config.size,
            score=1.0,
            status="ok",
        )

    def _annotation_row(self, key: str, photograph: scene.Photograph) -> dict:
        return {
            "image_id": key,
            "keypoints": photograph.keypoints.ravel().tolist(),
            "segmentation": {"bytes": _png(photograph.labels), "path": f"{key}.png"},
        }


def _person(item: int) -> int:
    """Two of every three items share their person."""
    return item * 2 // 3


def _item_id(config: SynthesizeConfig, item: int) -> str:
    return f"{PREFIXES[config.stock][0]}-{item:06d}"


def _image_id(item_id: str, number: int) -> str:
    return f"{item_id}_view-{number:02d}"


def item_and_view(key: str) -> tuple[int, int]:
    """The numbers of an image's item and view; ValueError if the sample world has no such id."""
    match = re.fullmatch(r"[a-z-]+-(\d{6,})_view-(\d{2,})", key)
    if match is None:
        raise ValueError(f"'{key}' is no image of the sample world (item-000012_view-03)")
    return int(match[1]), int(match[2])


def _png(codes: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(codes).save(out, "PNG")
    return out.getvalue()
