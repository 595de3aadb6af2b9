"""Whether labels lie on the body where they belong, which those of a wrong table do not."""

from collections.abc import Container, Iterator, Mapping

from workers.extraction.parsing.body import BELOW_KNEES, BODY, HEAD, OFF, THIGHS
from workers.extraction.parsing.tables import TABLES
from world.labels import (
    ACCESSORIES,
    BACKGROUND,
    DRESS,
    FACE,
    GLASSES,
    HAIR,
    HAT,
    OUTERWEAR,
    SHOES,
    SKIN,
    SKIRT,
    SOCKS,
    TOP,
    TROUSERS,
)

Pixels = Mapping[tuple[int, str], int]
"""How many pixels have a number and lie on a part of the body (`parsing.body.PARTS`)."""

BELONG = {
    HEAD: (FACE, HAIR, HAT, GLASSES),
    BODY: (SKIN, TOP, OUTERWEAR, DRESS, SKIRT, TROUSERS, ACCESSORIES, HAIR),
    BELOW_KNEES: (SKIN, TROUSERS, SKIRT, DRESS, OUTERWEAR, SHOES, SOCKS),
}
# Shares beyond which something is told.
LEAST_HEAD = 0.5  # of heads that must be labelled face, hair, hat or glasses
MOST_ASTRAY = 0.05  # of hair below the knees, of faces on the legs
MOST_HAIR = 0.4  # of people
MOST_BARE = 0.5  # of bodies labelled background
# By how much another table must fit better to be named. On the sample world the right table fits by
# 0.98 or more, the best of the wrong ones by 0.85 (fashn's labels read as atr's).
BETTER = 0.1


def doubts(table: str, pixels: Pixels) -> list[str]:
    """What is implausible about the labels of parsings that are read by a table; a line each."""
    return [*_unknown(table, pixels), *_astray(table, pixels), *_another(table, pixels)]


def fit(table: str, pixels: Pixels) -> float | None:
    """How much of heads, trunks and lower legs has labels that belong there, in [0, 1].

    The three count alike; None where the UV maps tell no heads and legs.
    """
    shares = [_share(table, pixels, codes, (part,)) for part, codes in BELONG.items()]
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if len(known) > 1 else None


def _unknown(table: str, pixels: Pixels) -> Iterator[str]:
    last = len(TABLES[table]) - 1
    if strange := sorted({number for number, _ in pixels if number > last}):
        yield f"{table} has numbers up to {last}, some parsings have {', '.join(map(str, strange))}"


def _astray(table: str, pixels: Pixels) -> Iterator[str]:
    of_code = {
        code: {key: n for key, n in pixels.items() if _code(table, key[0]) == code}
        for code in (FACE, HAIR)
    }
    faces, hair = (sum(of_code[code].values()) for code in (FACE, HAIR))
    people = sum(n for (number, _), n in pixels.items() if _code(table, number) != BACKGROUND)
    if people and not faces:
        yield "no parsing has a face"
    if (share := _on(of_code[FACE], (THIGHS, BELOW_KNEES))) > MOST_ASTRAY:
        yield f"{share:.0%} of what is labelled face lies on the legs"
    if (share := _on(of_code[HAIR], (BELOW_KNEES,))) > MOST_ASTRAY:
        yield f"{share:.0%} of what is labelled hair lies below the knees"
    if people and hair / people > MOST_HAIR:
        yield f"{hair / people:.0%} of the people are labelled hair"
    head = _share(table, pixels, BELONG[HEAD], (HEAD,))
    if head is not None and head < LEAST_HEAD:
        yield f"only {head:.0%} of the heads are labelled face, hair, hat or glasses"
    body = {part for _, part in pixels} - {OFF}
    bare = _share(table, pixels, (BACKGROUND,), body)
    if bare is not None and bare > MOST_BARE:
        yield f"{bare:.0%} of the bodies are labelled background"


def _another(table: str, pixels: Pixels) -> Iterator[str]:
    own = fit(table, pixels)
    if own is None:
        return
    most = max(number for number, _ in pixels)
    fits = {name: fit(name, pixels) or 0 for name, known in TABLES.items() if most < len(known)}
    best = max(fits.values(), default=0)
    if best - own > BETTER:
        names = [name for name, value in fits.items() if best - value < BETTER / 10]
        yield (
            f"these look like labels of {', '.join(names)}: read so, {best:.0%} of heads, trunks "
            f"and legs have labels that belong there, by {table} {own:.0%}"
        )


def _code(table: str, number: int) -> int | None:
    known = TABLES[table]
    return known[number].code if number < len(known) else None


def _share(
    table: str, pixels: Pixels, codes: Container[int | None], parts: Container[str]
) -> float | None:
    """Of the pixels on parts of the body, the share that is labelled so."""
    there = {number: 0 for number, _ in pixels}
    for (number, part), n in pixels.items():
        there[number] += n if part in parts else 0
    total = sum(there.values())
    return sum(n for i, n in there.items() if _code(table, i) in codes) / total if total else None


def _on(pixels: Pixels, parts: Container[str]) -> float:
    """The share of pixels that lies on parts of the body."""
    total = sum(pixels.values())
    return sum(n for (_, part), n in pixels.items() if part in parts) / total if total else 0
