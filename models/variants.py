"""The paper's method and its ablations (its section 4.3): what f completes and what g sees."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Variant:
    """One form of the method."""

    about: str
    # What f completes over the texture: where a texel's colour is in the photograph, or the
    # colour itself. None: there is no f, and g gets no texture.
    completes: Literal["coordinates", "colours"] | None
    # Whether g has an encoder for the source alone, whose features reach the decoder through
    # skips that E warps. Otherwise one encoder sees all maps.
    deformable: bool

    @property
    def completed_channels(self) -> int:
        """Channels of what f completes."""
        return {"coordinates": 2, "colours": 3, None: 0}[self.completes]

    @property
    def warped_channels(self) -> int:
        """Channels of the maps that g gets in the target's pose: W, and E where there is one."""
        return {"coordinates": 5, "colours": 3, None: 0}[self.completes]


VARIANTS = {
    "full": Variant("the method as the paper proposes it", "coordinates", deformable=True),
    "no-deform": Variant("one encoder for all maps, plain skips", "coordinates", deformable=False),
    "rgb-inpainting": Variant("f completes colours, plain skips", "colours", deformable=False),
    "no-textures": Variant("g sees the photograph and both UV maps", None, deformable=False),
}
