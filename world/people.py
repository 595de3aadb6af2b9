"""People, drawn from a seed and a number: bodies, faces and hair."""

import numpy as np

from world import bodies, skin
from world.fabrics import rgb
from world.hair import Style

PERSON = 1  # the stream of random numbers
HAIR_COLOURS = tuple(
    rgb(c) for c in ("1a1412", "2c1d15", "4a2f1d", "6e4526", "9c6b3c", "c89f63", "8a3b1e", "8f8c88")
)


def sample(seed: int, person: int) -> tuple[bool, bodies.Traits, skin.Complexion, Style]:
    """Whether the person is female, and the person's body, face and hair."""
    rng = np.random.default_rng([seed % 2**63, PERSON, person])
    female = bool(rng.random() < 0.6)
    tone = int(rng.integers(len(skin.SKIN_TONES)))
    weights = rng.dirichlet((0.6, 0.6, 0.6))
    weights[2 if tone < 3 else (1 if tone < 5 else 0)] += 0.8
    traits = bodies.Traits(
        gender=float(rng.uniform(0.88, 1.0) if female else rng.uniform(0.0, 0.12)),
        age=float(rng.beta(1.1, 4.0)),
        muscle=float(rng.uniform(0.35, 0.6) if female else rng.uniform(0.42, 0.72)),
        weight=float(rng.uniform(0.28, 0.72)),
        height=float(rng.uniform(0.35, 0.65)),
        proportions=float(rng.uniform(0.0, 0.5)),
        african=float(weights[0]),
        asian=float(weights[1]),
        caucasian=float(weights[2]),
    )
    shade = int(rng.integers(len(HAIR_COLOURS))) if tone < 3 else int(rng.integers(3))
    grey = traits.age > 0.55
    colour = HAIR_COLOURS[7] if grey else HAIR_COLOURS[min(shade, 6)]
    complexion = skin.Complexion(
        tone=skin.SKIN_TONES[tone],
        iris=skin.IRISES[int(rng.integers(5)) if tone < 3 else int(rng.integers(2))],
        hair=colour,
        lips=float(rng.choice((0.15, 0.5, 0.95))) if female else 0.0,
        brow=float(rng.uniform(0.0026, 0.0034) if female else rng.uniform(0.0036, 0.0046)),
        stubble=0.0 if female else float(rng.choice((0.0, 0.15, 0.35, 0.75))),
        seed=int(rng.integers(1 << 16)),
    )
    styles = FEMALE_HAIR if female else MALE_HAIR
    if shade > 2:  # tight curls are dark
        styles = {name: options for name, options in styles.items() if name != "afro"}
    options = list(styles.values())[int(rng.integers(len(styles)))]
    return (
        female,
        traits,
        complexion,
        Style(colour=colour, seed=int(rng.integers(1 << 16)), **options),
    )


FEMALE_HAIR: dict[str, dict] = {
    "long": {"end": 0.56},
    "long_fringe": {"end": 0.62, "fringe": 13.0},
    "wavy": {"end": 0.60, "wave": 0.006, "thickness": 0.020},
    "bob": {"end": 0.775, "thickness": 0.019},
    "bob_fringe": {"end": 0.79, "fringe": 14.0, "thickness": 0.018},
    "bun": {"thickness": 0.009, "bun": True},
    "ponytail": {"thickness": 0.009, "tail": True},
    "pixie": {"thickness": 0.014, "crown": 0.008, "fringe": 5.0},
    "afro": {"thickness": 0.042, "crown": 0.018, "curl": 0.010},
}
MALE_HAIR: dict[str, dict] = {
    "short": {"thickness": 0.010, "crown": 0.010},
    "buzz": {"thickness": 0.004},
    "quiff": {"thickness": 0.010, "crown": 0.026},
    "fringe": {"thickness": 0.013, "crown": 0.008, "fringe": 7.0},
    "curly": {"thickness": 0.020, "crown": 0.014, "curl": 0.010},
    "man_bun": {"thickness": 0.008, "bun": True},
}
