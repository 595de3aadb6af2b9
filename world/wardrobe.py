"""Outfits, drawn from a seed and an item's number."""

from dataclasses import replace

import numpy as np

from world import labels
from world.fabrics import Colour, Fabric, rgb, scaled
from world.figures import Look
from world.garments import Garment
from world.people import sample
from world.shoes import Shoe
from world.skirts import Skirt

OUTFIT = 2  # its stream of random numbers, beside PERSON


Palette = tuple[Colour, Colour, Colour, Colour]


def _palette(row: str) -> Palette:
    a, b, c, d = (rgb(code) for code in row.split())
    return a, b, c, d


# Main, second and accent colour of a top or dress, and what goes with them below.
PALETTES: tuple[Palette, ...] = tuple(
    _palette(row)
    for row in """
    f3efe6 27406b c8553d 2f4a6d   d9c7a7 5b3a29 8a9a5b 3a3f4b   b5483a f2e3d0 2e3a4f 34495e
    34664a efe6d2 d9a441 c9b79c   e3b23c 3b3a50 f6efe0 3d5a80   7b3f61 f0d5d8 d99aa5 4a4a5a
    1f2f4f e8a0a8 f6d55c e9e2d5   f7f5f0 1c1c22 b23a48 22252c   8fb3c9 f8f4ec e07a5f 40566b
    e07a5f f4f1de 3d405b 5b6c8c   6d8a73 f4ecd8 a4432f 4b4538   2b2d42 8d99ae ef8354 8c7a66
    d8a7b1 fbf3ee 7a4b58 56657a   4f6d7a dbe9ee c0d6df 2d3a46   a8c5a0 fdf8ec 4a6b57 7a6a55
    c9ada7 22223b f2e9e4 4a4e69   264653 e9c46a f4a261 cdbfa8   9a3b3b f5e6cc 1d3557 3e4c63
    e6dfd3 7d6b57 2a9d8f 5a6b73   5e548e e0b1cb f6eff4 373a48   ffffff d1495b 30638e 2e4766
    101820 f2aa4c f5f0e6 4e5a65   b8c4bb 3e4e50 f3d8c7 6b705c   f4d6cc 5f797b c8553d 495867
    """.replace("   ", "\n").strip().splitlines()
    if row.strip()
)  # fmt: skip
DENIMS = tuple(rgb(c) for c in ("2f4a6d", "24364f", "55779c", "1d2430", "7c9ab5"))
LEATHERS = tuple(rgb(c) for c in ("2b211c", "6b4226", "1a1a1d", "8d5a3b", "4a2f27"))
WORDS = ("REPOSE", "TWIRL", "NORTH", "HELLO", "WAVES", "OK", "1987", "LUNA", "RIVER", "07", "SUN",
         "ATLAS", "MOSS", "ECHO")  # fmt: skip
# A stock is the colours and words to choose from. One in four is held out: a network trained on the
# others has seen neither.
STOCKS: dict[str, tuple[tuple[Palette, ...], tuple[str, ...]]] = {
    "whole": (PALETTES, WORDS),
    "training": (
        tuple(p for n, p in enumerate(PALETTES) if n % 4),
        tuple(w for n, w in enumerate(WORDS) if n % 4),
    ),
    "held_out": (PALETTES[::4], WORDS[::4]),
}
SMALL_PATTERNS = ("plain", "plain", "stripes", "gingham", "dots", "floral", "chevron", "spots",
                  "tie_dye", "gradient")  # fmt: skip
TEE_PATTERNS = ("plain", "lettering", "lettering", "stripes", "bands", "tie_dye", "dots",
                "gradient", "chevron")  # fmt: skip

# Bold patterns with their repeats in metres, which are several pixels even in a small photograph.
BOLD = {"stripes": (0.05, 0.10), "gingham": (0.06, 0.10), "tartan": (0.09, 0.14),
        "dots": (0.06, 0.11), "floral": (0.08, 0.13), "chevron": (0.06, 0.10),
        "spots": (0.07, 0.12)}  # fmt: skip


def look(seed: int, person: int, item: int, stock: str = "whole", fabrics: str = "mixed") -> Look:
    """What `item` looks like, worn by `person`. A pure function.

    `stock` is a key of STOCKS; `fabrics` is "mixed", or "bold": every garment is of a BOLD pattern.
    """
    palettes, words = STOCKS[stock]
    female, traits, complexion, style = sample(seed, person)
    rng = np.random.default_rng([seed % 2**63, OUTFIT, item])
    palette = palettes[rng.integers(len(palettes))]
    kinds, odds = zip(*(WOMEN if female else MEN), strict=True)
    outfit = kinds[rng.choice(len(kinds), p=odds)]
    layers, skirt = outfit(rng, palette, female)
    if fabrics == "bold":
        layers, skirt = _emboldened(rng, palette, layers, skirt)
    layers = tuple(_reworded(layer, words) for layer in layers)
    shoe, socks = _shoes(rng, palette, female, any(layer.hem < -0.5 for layer in layers))
    return Look(traits, complexion, style, (*socks, *layers), shoe, skirt)


def _emboldened(
    rng: np.random.Generator,
    palette: Palette,
    layers: tuple[Garment, ...],
    skirt: Skirt | None,
) -> tuple[tuple[Garment, ...], Skirt | None]:
    """The same clothes in bold fabrics; layers that shared a fabric still do."""
    bold: dict[Fabric, Fabric] = {}
    for fabric in (layer.fabric for layer in layers):
        if fabric not in bold:
            main = fabric.colours[0]
            second, third = rng.permutation([c for c in palette if c != main])[:2].tolist()
            pattern = _pick(rng, tuple(BOLD))
            scale, number = float(rng.uniform(*BOLD[pattern])), int(rng.integers(1 << 16))
            bold[fabric] = Fabric(pattern, (main, tuple(second), tuple(third)), scale, number)
    layers = tuple(replace(layer, fabric=bold[layer.fabric]) for layer in layers)
    return layers, skirt and replace(skirt, fabric=bold[skirt.fabric])


def _reworded(garment: Garment, words: tuple[str, ...]) -> Garment:
    """The garment, with one of `words` in place of its own."""
    text = garment.fabric.text
    if not text or text in words:
        return garment
    other = words[WORDS.index(text) % len(words)]
    return replace(garment, fabric=replace(garment.fabric, text=other))


def _fabric(rng: np.random.Generator, palette: Palette, patterns: tuple[str, ...]) -> Fabric:
    pattern = patterns[rng.integers(len(patterns))]
    scales = {"stripes": (0.025, 0.07), "gingham": (0.024, 0.045), "tartan": (0.07, 0.11),
             "dots": (0.03, 0.07), "floral": (0.05, 0.09), "chevron": (0.035, 0.06),
             "spots": (0.05, 0.09), "pinstripes": (0.022, 0.04)}  # fmt: skip
    main = palette[:3] if rng.random() < 0.7 else (palette[1], palette[0], palette[2])
    return Fabric(
        pattern,
        main,
        float(rng.uniform(*scales.get(pattern, (0.05, 0.05)))),
        int(rng.integers(1 << 16)),
        WORDS[rng.integers(len(WORDS))],
    )


def _dye(colour: Colour, pattern: str = "plain", rng: np.random.Generator | None = None) -> Fabric:
    return Fabric(
        pattern, (colour, colour, colour), seed=0 if rng is None else int(rng.integers(1 << 16))
    )


def _pick(rng: np.random.Generator, options: tuple) -> str:
    return str(options[rng.integers(len(options))])


def _tee(rng: np.random.Generator, palette: Palette, female: bool, hem: float) -> Garment:
    fabric = _fabric(rng, palette, TEE_PATTERNS)
    return Garment(
        "top", labels.TOP, fabric, hem=hem,
        sleeve=float(rng.choice((0.14, 0.19, 0.23)) if not female else rng.uniform(0.08, 0.24)),
        neckline=_pick(rng, ("crew", "v", "scoop", "boat") if female else ("crew", "crew", "v")),
        thickness=0.006, loose=float(rng.uniform(0.006, 0.022)), smooth=16,
        trim=palette[2] if rng.random() < 0.3 else None,
    )  # fmt: skip


def _shirt(rng: np.random.Generator, palette: Palette, female: bool, hem: float) -> Garment:
    fabric = _fabric(rng, palette, ("plain", "gingham", "tartan", "pinstripes", "dots"))
    return Garment(
        "top", labels.TOP, fabric, hem=hem, sleeve=float(rng.choice((0.22, 0.36, 0.52))),
        neckline="shirt", buttons=True, thickness=0.008, loose=float(rng.uniform(0.010, 0.022)),
        smooth=20,
    )  # fmt: skip


def _sweater(rng: np.random.Generator, palette: Palette, female: bool, hem: float) -> Garment:
    fabric = _fabric(rng, palette, ("knit", "knit", "stripes", "bands", "plain"))
    return Garment(
        "top", labels.TOP, fabric, hem=hem, sleeve=0.53,
        neckline=_pick(rng, ("crew", "turtle", "v")), thickness=0.012,
        loose=float(rng.uniform(0.014, 0.026)), smooth=26, folds=0.8,
    )  # fmt: skip


def _sleeveless(rng: np.random.Generator, palette: Palette, female: bool, hem: float) -> Garment:
    fabric = _fabric(rng, palette, SMALL_PATTERNS)
    kind = _pick(rng, ("camisole", "top"))
    return Garment(
        kind, labels.TOP, fabric, hem=hem, sleeve=0.02,
        neckline=_pick(rng, ("scoop", "crew", "v", "square")), thickness=0.005,
        loose=float(rng.uniform(0.0, 0.014)), trim=palette[2] if rng.random() < 0.3 else None,
    )  # fmt: skip


def _any_top(rng: np.random.Generator, palette: Palette, female: bool, hem: float) -> Garment:
    makers = [_tee, _tee, _shirt, _sweater] + [_sleeveless] * female
    return makers[rng.integers(len(makers))](rng, palette, female, hem)


def _jacket(rng: np.random.Generator, palette: Palette, quiet: bool) -> Garment:
    colour = palette[int(rng.integers(1, 4))]
    fabric = _dye(colour, _pick(rng, ("plain", "knit", "denim")), rng)
    if not quiet and rng.random() < 0.5:
        fabric = _fabric(rng, (*palette[1:], palette[0]), ("tartan", "pinstripes"))
    return Garment(
        "top", labels.OUTERWEAR, fabric, hem=float(rng.uniform(0.10, 0.20)), sleeve=0.53,
        neckline="shirt", thickness=0.011, loose=0.02, smooth=22,
        opening=float(rng.uniform(0.03, 0.055)),
    )  # fmt: skip


def _patterned(garment: Garment) -> bool:
    return garment.fabric.pattern not in ("plain", "knit", "denim", "lettering", "gradient")


def _legwear(rng: np.random.Generator, palette: Palette, female: bool) -> Garment:
    jeans = rng.random() < 0.5
    fabric = _dye(DENIMS[rng.integers(5)], "denim", rng) if jeans else _dye(palette[3], rng=rng)
    if not jeans and rng.random() < 0.2:
        fabric = _fabric(
            rng, (palette[3], palette[0], palette[2], palette[1]), ("pinstripes", "tartan")
        )
    length = float(rng.choice((-0.72, -0.70, -0.58, -0.20), p=(0.55, 0.2, 0.1, 0.15)))
    wide = float(rng.choice((0.004, 0.014, 0.030) if length < -0.3 else (0.010, 0.018, 0.026)))
    return Garment(
        "trousers", labels.TROUSERS, fabric, hem=length, top=float(rng.uniform(0.27, 0.34)),
        thickness=0.006, loose=wide, smooth=24,
        trim=LEATHERS[rng.integers(5)] if rng.random() < 0.5 else None, extras=("pockets",),
    )  # fmt: skip


Outfit = tuple[tuple[Garment, ...], Skirt | None]


def _with_trousers(rng: np.random.Generator, palette: Palette, female: bool) -> Outfit:
    legs = _legwear(rng, palette, female)
    busy = legs.fabric.pattern in ("tartan", "pinstripes")
    tucked = rng.random() < (0.45 if female else 0.2)
    hem = legs.top - 0.06 if tucked else float(rng.uniform(0.10, 0.22))
    top = _any_top(rng, palette, female, hem)
    if busy:  # one pattern an outfit
        top = replace(top, fabric=_dye(palette[0], rng=rng))
    layers = (top, legs) if tucked else (legs, top)
    if rng.random() < 0.28:
        layers += (_jacket(rng, palette, busy or _patterned(top)),)
    return layers, None


def _with_skirt(rng: np.random.Generator, palette: Palette, female: bool) -> Outfit:
    top = _any_top(rng, palette, female, 0.26)
    if rng.random() < 0.5 or _patterned(top):
        fabric = _dye(palette[3], _pick(rng, ("plain", "denim")), rng)
    else:
        fabric = _fabric(rng, (palette[1], palette[0], palette[2], palette[3]), SMALL_PATTERNS)
    layers = (top, _underskirt(fabric, labels.SKIRT))
    if rng.random() < 0.2:
        # It ends at the waist, where the skirt's own cloth begins.
        layers += (replace(_jacket(rng, palette, True), hem=0.325),)
    return layers, _skirt(rng, fabric, labels.SKIRT)


def _in_dress(rng: np.random.Generator, palette: Palette, female: bool) -> Outfit:
    fabric = _fabric(rng, palette, (*SMALL_PATTERNS, "floral", "dots", "stripes", "pinstripes"))
    bare = rng.random() < 0.4
    top = Garment(
        _pick(rng, ("camisole", "top")) if bare else "top", labels.DRESS, fabric, hem=0.24,
        sleeve=0.02 if bare else float(rng.choice((0.07, 0.16, 0.30, 0.52))),
        neckline=_pick(rng, ("crew", "v", "scoop", "boat", "square")), thickness=0.005, smooth=14,
        trim=palette[2] if rng.random() < 0.3 else None,
    )  # fmt: skip
    layers = (top, _underskirt(fabric, labels.DRESS))
    return layers, _skirt(rng, fabric, labels.DRESS)


def _underskirt(fabric: Fabric, label: int) -> Garment:
    """What the body wears under a skirt, so that no skin shows through its waist."""
    return Garment("trousers", label, fabric, hem=0.0, top=0.335, thickness=0.004, smooth=16)


def _skirt(rng: np.random.Generator, fabric: Fabric, label: int) -> Skirt:
    shape = rng.random()
    hem = float(rng.choice((-0.10, -0.22, -0.30, -0.50, -0.62), p=(0.15, 0.35, 0.25, 0.15, 0.1)))
    if shape < 0.3:  # straight
        return Skirt(label, fabric, max(hem, -0.32), flare=-0.06, folds=5, depth=0.002)
    if shape < 0.7:  # A-line
        return Skirt(label, fabric, hem, flare=0.20, folds=9, depth=0.008)
    return Skirt(label, fabric, hem, flare=0.34, folds=int(rng.integers(12, 18)), depth=0.014)


def _shoes(
    rng: np.random.Generator, palette: Palette, female: bool, long_legs: bool
) -> tuple[Shoe, tuple[Garment, ...]]:
    styles = ("sneaker", "ballerina" if female else "sneaker", "loafer", "boot")
    style = _pick(rng, styles)
    colour = LEATHERS[rng.integers(5)]
    sole = scaled(colour, 0.55)
    match style:
        case "sneaker":
            bright = ((0.93, 0.92, 0.90), palette[1], palette[2], palette[3])
            colour, sole = bright[rng.integers(4)], (0.94, 0.93, 0.91)
        case "ballerina":
            colour = (palette[2], palette[1], colour)[rng.integers(3)]
    shoe = Shoe(style, _dye(colour), sole, thickness=0.024 if style == "sneaker" else 0.014)
    if style == "boot":
        top = float(rng.uniform(-0.64, -0.50))
        shaft = Garment(
            "sock", labels.SHOES, _dye(colour), top=top, thickness=0.009, smooth=16, folds=0.6
        )
        return shoe, (shaft,)
    if style == "ballerina":
        return shoe, ()
    white = (0.92, 0.92, 0.91) if style == "sneaker" else scaled(palette[3], 0.8)
    top = -0.66 if long_legs or rng.random() < 0.5 else -0.70
    return shoe, (Garment("sock", labels.SOCKS, _dye(white), top=top, thickness=0.003, smooth=6),)


WOMEN = ((_in_dress, 0.30), (_with_skirt, 0.25), (_with_trousers, 0.45))
MEN = ((_with_trousers, 1.0),)
