"""The maps that the method works on, by name: tensors of one batch.

Photographs have H x W pixels, renders h x w, and the texture t x t texels.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor


class Source(NamedTuple):
    """People to be rendered in other poses."""

    photograph: Tensor  # S (B, 3, H, W) RGB in [0, 1]
    uv: Tensor  # M_S (B, 2, H, W) in [-1, 1], NaN off the body


class Target(NamedTuple):
    """What renders must follow."""

    uv: Tensor  # M_N (B, 2, h, w) in [-1, 1], NaN off the body
    # N' (B, 4, h, w), what stays of the target's photograph: RGB in [0, 1] times how much of a
    # pixel stays, and last this share. Nothing for models that are not shown it.
    revealed: Tensor = torch.empty(0, 0, 0, 0)


class Texture(NamedTuple):
    """A source's texture, and where in its photograph each texel lies.

    On the sheet these are T and D, (B, c, t, t); warped into the target's pose W and E,
    (B, c, h, w). A map that a variant does not have has no channels.
    """

    colours: Tensor  # T or W: 3 channels, RGB in [0, 1]
    coordinates: Tensor  # D or E: 2 channels in [-1, 1]


# The channels of the maps that g can see, under their full names (`named`).
CHANNELS = {
    "source.photograph": 3,
    "source.uv": 2,
    "target.uv": 2,
    "target.revealed": 4,
    "warped.colours": 3,
    "warped.coordinates": 2,
}

Maps = TypeVar("Maps", Source, Target, Texture)


def named(**groups: Source | Target | Texture) -> dict[str, Tensor]:
    """Maps under their full names: named(source=...) gives `source.photograph`, `source.uv`."""
    return {
        f"{group}.{name}": x for group, maps in groups.items() for name, x in maps._asdict().items()
    }


def each(maps: Maps, change: Callable[[Tensor], Tensor]) -> Maps:
    """The same maps, each of them changed alike: sliced, or moved to a device."""
    return type(maps)(*map(change, maps))
