"""What, beside its weights, decides what a model computes."""

from dataclasses import asdict, dataclass
from typing import Any

from models.coordinates import CONVENTIONS
from models.variants import VARIANTS, Variant

REVEALS = ("none", "head_and_hands")


@dataclass(frozen=True)
class ModelConfig:
    """A model's variant, sizes and habits, as its `config.json` holds them."""

    variant: str = "full"  # a key of models.variants.VARIANTS
    layout: str = "anny"
    convention: str = "consistent"
    inpainter_width: int = 32
    generator_width: int = 256
    texture_size: int = 256  # texels a side of the texture that f completes
    # What is not in the paper; see models.texture, and of `blend` models.generator.
    first_guess: bool = False  # f is shown a guess of what is not seen
    keep_seen: bool = False  # f fills in only what is not seen
    extend_body: bool = False  # T goes on beyond the body's edge, in its colours
    warp_once: bool = False  # W is the photograph read at E
    blend: bool = False  # W shows through what g paints, where g lets it
    # What of the target's photograph stays: g is shown N' (`models.revealed`).
    reveal: str = "none"  # one of REVEALS

    def __post_init__(self):
        if self.variant not in VARIANTS:
            raise ValueError(f"variant is {self.variant!r}, not one of {', '.join(VARIANTS)}")
        for name in ("inpainter_width", "generator_width", "texture_size"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, a positive integer wanted")
        if self.convention not in CONVENTIONS:
            raise ValueError(f"convention is {self.convention!r}, not one of {[*CONVENTIONS]}")
        for name in ("first_guess", "keep_seen", "extend_body", "warp_once", "blend"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is {getattr(self, name)!r}, true or false wanted")
        if self.reveal not in REVEALS:
            raise ValueError(f"reveal is {self.reveal!r}, not one of {', '.join(REVEALS)}")
        if self.blend and not self.form.completes:
            raise ValueError(f"blend is true, but variant {self.variant} has no texture to blend")

    @property
    def form(self) -> Variant:
        """What the variant's name stands for."""
        return VARIANTS[self.variant]

    @property
    def reveals(self) -> bool:
        """Whether g is shown what stays of the target's photograph."""
        return self.reveal != "none"

    def described(self) -> dict[str, Any]:
        """The fields; without `reveal` where nothing stays, as models of before are described."""
        fields = asdict(self)
        return fields if self.reveals else {k: v for k, v in fields.items() if k != "reveal"}


def refuse_other(url: str, found: ModelConfig, wanted: ModelConfig, *fields: str) -> None:
    """Raise ValueError, naming the checkpoint and the first field, if one of them differs."""
    for name in fields:
        theirs, ours = getattr(found, name), getattr(wanted, name)
        if theirs != ours:
            raise ValueError(f"{url}: its {name} is {theirs}, the training's is {ours}")
