"""Photographs of the sample world, with what is true about them: keys -> rows."""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from PIL import Image

from configs.synthesize import SynthesizeConfig
from models.uv_maps import quantise
from workers.data.images import encode
from workers.person_maps import person_map
from workers.shards.keys import Key
from workers.shards.rows import SYNTHESIZED, Origin, photo_id, uv_map_row
from workers.shards.shard import Rows
from world import figures, labels, scene, studio, wardrobe

# Of an item's and a person's id. What is held out must not be taken for what is trained on.
PREFIXES = {
    "whole": ("item", "person"),
    "training": ("training-item", "training-person"),
    "held_out": ("held-out-item", "held-out-person"),
}
STRETCHED = SYNTHESIZED._replace(extractor="synthesize uv=person")
MAPS = 5  # stream of random numbers, beside wardrobe's and studio's
FIGURES = 8  # that are kept dressed
WHITE = np.uint8(255)
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp"}


def image_ids(config: SynthesizeConfig) -> list[str]:
    """Every photograph of a catalog, item by item."""
    items = (_item_id(config, i) for i in range(config.items))
    return [_image_id(item, v) for item in items for v in range(config.views)]


class SynthesizeWorker:
    """Keys hold an image id; a row depends on the config's seed, size and format, and on its key.

    State is the last figures: keys come item by item, and dressing costs as much as a photograph.
    """

    def __init__(self, config: SynthesizeConfig) -> None:
        self.config = config
        self.dressed = lru_cache(FIGURES)(self._dressed)

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Make rows of images, uv_maps, annotations and pairs.

        `pairs` gets the pairs that start at a key: to every other view of its item. Of a key of
        two photographs it gets these.
        """
        for key in map(photo_id, keys):
            worn, shown = from_and_to(key)
            (item, _), (model, number) = item_and_view(worn), item_and_view(shown)
            figure, view = self.dressed(item, model), self.view(model, number)
            if key == shown:
                photograph = scene.render(figure, view, self.config.size)
                pairs = [
                    {"from": key, "to": _image_id(_item_id(self.config, item), other)}
                    for other in range(self.config.views)
                    if other != number
                ]
            else:
                photograph = self._transfer(figure, self.dressed(model, model), view)
                pairs = [{"from": worn, "to": shown}]
            rng = np.random.default_rng([self.config.seed % 2**63, MAPS, model, number])
            uv, origin = photograph.uv, SYNTHESIZED
            if self._of_person(rng):
                uv = person_map(figure.look, view, photograph, self.config.uv_noise, rng)
                origin = STRETCHED
            yield {
                "images": [self._image_row(key, item, model, photograph)],
                "uv_maps": [uv_row(self.config, key, uv, origin)],
                "annotations": [annotation_row(key, photograph)],
                "pairs": pairs,
            }

    def _dressed(self, item: int, wearer: int) -> figures.Figure:
        """The person of item `wearer` in the clothes of `item`."""
        of, config = wardrobe.look, self.config
        clothes, person = (
            of(config.seed, _person(n), n, config.stock, config.fabrics) for n in (item, wearer)
        )
        return figures.dress(clothes.worn_by(person))

    def view(self, item: int, number: int) -> scene.View:
        """How the `number`-th photograph of an item is taken."""
        return studio.view(self.config.seed, item, number, self.config.pose_noise)

    def _transfer(
        self, figure: figures.Figure, model: figures.Figure, view: scene.View
    ) -> scene.Photograph:
        """A model's photograph in other clothes, before white."""
        before = scene.stage(model, view, self.config.size)
        photograph = scene.render(figure, view, self.config.size, before)
        shown = (photograph.labels != labels.BACKGROUND)[..., None]
        return replace(photograph, pixels=np.where(shown, photograph.pixels, WHITE))

    def _image_row(self, key: str, item: int, model: int, photograph: scene.Photograph) -> dict:
        person = f"{PREFIXES[self.config.stock][1]}-{_person(model):06d}"
        return image_row(self.config, key, _item_id(self.config, item), person, photograph)

    def _of_person(self, rng: np.random.Generator) -> bool:
        """Whether a photograph's UV map is stretched over the person."""
        return self.config.uv == "person" or (self.config.uv == "mixed" and rng.random() < 0.5)


def image_row(
    config: SynthesizeConfig, key: str, item: str, person: str, photograph: scene.Photograph
) -> dict:
    """A row of `images`."""
    fmt = config.image
    return {
        "image_id": key,
        "item_id": item,
        "person_id": person,
        "image": {
            "bytes": encode(photograph.pixels, fmt),
            "path": f"{key}.{EXTENSIONS[fmt.format]}",
        },
        "width": config.size,
        "height": config.size,
    }


def uv_row(config: SynthesizeConfig, key: str, uv: np.ndarray, origin: Origin) -> dict:
    """A row of `uv_maps`, of a map (size, size, 2)."""
    stored = quantise(uv).tobytes()
    side = config.size
    return uv_map_row(origin, key, uv=stored, width=side, height=side, score=1.0, status="ok")


def annotation_row(key: str, photograph: scene.Photograph) -> dict:
    """A row of `annotations`."""
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


def from_and_to(key: str) -> tuple[str, str]:
    """The photographs whose clothes and whose person an image shows; of a photograph, itself."""
    worn, _, shown = key.partition("__")
    return worn, shown or worn


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
