"""The paper's method and its ablations (its section 4.3): what f completes and what g sees."""

from dataclasses import dataclass
from typing import Literal

SOURCE = ("source.photograph", "source.uv")
WARPED = ("warped.colours", "target.uv", "warped.coordinates")


@dataclass(frozen=True)
class Variant:
    """One form of the method. Maps are named as in `models.maps.named`."""

    about: str
    # What f completes over the texture: where a texel's colour is in the photograph, or the
    # colour itself. None: there is no f, and g gets no texture.
    completes: Literal["coordinates", "colours"] | None
    # What g's target encoder sees.
    target_maps: tuple[str, ...]
    # What g's source encoder sees, whose features reach the decoder through skips that E warps
    # (deformable skips). Nothing: there is no such encoder, and the other one sees the source too.
    source_maps: tuple[str, ...] = ()

    @property
    def completed_channels(self) -> int:
        """Channels of what f completes."""
        return {"coordinates": 2, "colours": 3, None: 0}[self.completes]


VARIANTS = {
    "full": Variant("the method as the paper proposes it", "coordinates", WARPED, SOURCE),
    "no-deform": Variant("one encoder for all maps, plain skips", "coordinates", SOURCE + WARPED),
    "rgb-inpainting": Variant(
        "f completes colours, plain skips", "colours", (*SOURCE, "warped.colours", "target.uv")
    ),
    "no-textures": Variant("g sees the photograph and both UV maps", None, (*SOURCE, "target.uv")),
}
