"""Videos of faces of the sample world, with what is true about them: keys -> rows."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from configs.synthesize import SynthesizeConfig
from workers.face468_map import face_map
from workers.shards.keys import Key
from workers.shards.rows import Origin, photo_id
from workers.shards.shard import Rows
from workers.synthesis import annotation_row, image_row, uv_row
from world import figures, heads, portraits, scene, wardrobe

PREFIXES = {"whole": "face", "training": "training-face", "held_out": "held-out-face"}
# What is held out are other people, not the same ones in other clothes.
FIRST = {"whole": 0, "training": 0, "held_out": 1_000_000}
PEOPLE = 8  # that are kept dressed
TO_PICTURE = np.array(
    [[1, 0, 0], [0, 0, -1], [0, -1, 0]]
)  # the world's axes -> x, y, to the viewer


def image_ids(config: SynthesizeConfig) -> list[str]:
    """Every frame of a world, person by person."""
    return [
        _image_id(config, person, number)
        for person in range(config.items)
        for number in range(config.views)
    ]


def origin(config: SynthesizeConfig) -> Origin:
    """Where the UV maps of a world come from."""
    return Origin("synthesize", config.layout)


class FaceWorker:
    """Keys hold an image id; a row depends on the config's seed, size and format, and on its key.

    State is the last people: keys come person by person.
    """

    def __init__(self, config: SynthesizeConfig) -> None:
        self.config = config
        self.dressed = lru_cache(PEOPLE)(self._dressed)

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Make rows of images, annotations, faces, pairs and uv_maps; pairs as of people."""
        config = self.config
        for key in map(photo_id, keys):
            person, frame = person_and_frame(key)
            photograph = self.photograph(person, frame)
            item = _item_id(config, person)
            looks = (TO_PICTURE @ photograph.looks).astype(np.float32).tolist()
            others = [_image_id(config, person, number) for number in range(config.views)]
            yield {
                "images": [image_row(config, key, item, item, photograph)],
                "uv_maps": [uv_row(config, key, self._uv(photograph), origin(config))],
                "annotations": [annotation_row(key, photograph)],
                "faces": [{"image_id": key, "facing": looks}],
                "pairs": [{"from": key, "to": other} for other in others if other != key],
            }

    def photograph(self, person: int, frame: int) -> scene.Photograph:
        """The frame of a number in a person's video."""
        who = FIRST[self.config.stock] + person
        view, expression = portraits.view(self.config.seed, who, frame)
        return scene.render(heads.expressive(self.dressed(who), expression), view, self.config.size)

    def _uv(self, photograph: scene.Photograph) -> np.ndarray:
        return face_map(photograph) if self.config.layout == "face468" else photograph.uv

    def _dressed(self, who: int) -> figures.Figure:
        config = self.config
        look = wardrobe.look(config.seed, who, who, config.stock, config.fabrics)
        return heads.dressed(look, config.seed, who)


def _item_id(config: SynthesizeConfig, person: int) -> str:
    return f"{PREFIXES[config.stock]}-{person:06d}"


def _image_id(config: SynthesizeConfig, person: int, number: int) -> str:
    return f"{_item_id(config, person)}_frame-{portraits.frame_number(number):06d}"


def person_and_frame(key: str) -> tuple[int, int]:
    """The numbers of a frame's person and of the frame; ValueError if no world has such an id."""
    match = re.fullmatch(r"[a-z-]+-(\d{6,})_frame-(\d{6,})", key)
    if match is None:
        raise ValueError(f"'{key}' is no frame of a world of faces (face-000012_frame-000030)")
    return int(match[1]), int(match[2])
