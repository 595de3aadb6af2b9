"""How the field names and arranges generated images: from file names to pairs.

Names are paths relative to their folder. A `key` maps a name to what it stands for, so that
different spellings join; DeepFashion's is `workers.names.canonical_key`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

PANELS = ("condition", "target", "generated")  # of a strip, left to right
# Of the images that every command reads: what `workers.images.FORMATS` are called.
EXTENSIONS = ("jpg", "jpeg", "jfif", "png", "webp", "bmp", "gif", "tif", "tiff")
_ANY = rf"\.(?:{'|'.join(EXTENSIONS)})"
_EXTENSION = re.compile(rf"{_ANY}$", re.IGNORECASE)
_SUFFIX = re.compile(r"_vis$")  # PATN's and GFLA's visualisations
_MIDDLE = re.compile(rf"{_ANY}_+(?=.)", re.IGNORECASE)  # from.jpg_to.jpg, from.jpg___to.jpg
_UNDERSCORES = re.compile(r"(?:_2_|_to_|_+)(?=.)")  # from_2_to, from_to_to, from__to


class Pair(NamedTuple):
    """A generated image and the photograph it is measured against, by file name."""

    pair_id: str
    generated: str
    reference: str


def is_image(name: str) -> bool:
    """Whether a file's name is that of an image which is read."""
    return _EXTENSION.search(name) is not None


def stem(name: str) -> str:
    """A name without its extension."""
    return _EXTENSION.sub("", name)


def pair_folders(
    generated: Sequence[str], reference: Sequence[str], key: Callable[[str], str] = stem
) -> list[Pair]:
    """Pair two folders' images: every generated one, in the order of pair ids.

    A generated image has its reference's name, or source and target in one
    (`from.jpg_to.jpg.png`, `from.jpg___to.jpg_vis.jpg`, `from_2_to_vis.png`, `from__to.png`):
    its reference is then the target. ValueError for a name that fits no reference or several,
    and for two names of one pair.
    """
    by_key: dict[str, str] = {}
    for name in sorted(reference):
        if key(name) in by_key:
            raise ValueError(f"{name} and {by_key[key(name)]} are two references of one name")
        by_key[key(name)] = name
    return _each_once(_pair(name, by_key, key) for name in generated)


def side_by_side(names: Sequence[str], target: str = "target") -> dict[str, list[Pair]]:
    """The methods of a folder of `{n}_{METHOD}.png`, each against `{n}_target.png`.

    Returns pairs by method, with n as the pair's id; `source` is no method. ValueError for a name
    without `_`, and for an n that a method, or the target, lacks.
    """
    pictures: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        number, _, method = PurePosixPath(stem(name)).name.partition("_")
        if not method:
            raise ValueError(f"{name} is not named NUMBER_METHOD")
        pictures.setdefault(method, {})[number] = name
    targets = pictures.pop(target, {})
    pictures.pop("source", None)
    for method, mine in pictures.items():
        if lacking := sorted(mine.keys() ^ targets.keys()):
            who = method if lacking[0] in targets else target
            raise ValueError(f"{who} lacks {lacking[0]}, which others have ({len(lacking)} in all)")
    return {
        method: [Pair(n, mine[n], targets[n]) for n in sorted(mine)]
        for method, mine in sorted(pictures.items())
    }


def strips(names: Sequence[str], key: Callable[[str], str] = stem) -> list[Pair]:
    """Files that each hold a pair side by side (see `split_strip`), in the order of pair ids.

    A strip named of source and target has the pair id that `pair_folders` would give it.
    ValueError for two names of one pair.
    """
    return _each_once(
        Pair(_joined(parts, key) if (parts := _middle(name)) else key(_bare(name)), name, name)
        for name in names
    )


def split_strip(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """A strip (H, 3 W, 3) as its PANELS, each (H, W, 3); ValueError if it is not of three."""
    width = pixels.shape[1]
    if width % len(PANELS):
        raise ValueError(
            f"a strip of {width} pixels is not {len(PANELS)} pictures ({' | '.join(PANELS)}) wide"
        )
    return dict(zip(PANELS, np.split(pixels, len(PANELS), axis=1), strict=True))


def _pair(name: str, references: dict[str, str], key: Callable[[str], str]) -> Pair:
    bare = _bare(name)
    if key(bare) in references:
        return Pair(key(bare), name, references[key(bare)])
    fitting = {parts: references[key(parts[1])] for parts in _splits(name)
               if key(parts[1]) in references}  # fmt: skip
    if len(fitting) > 1:  # perhaps only one of them starts with a known name, too
        fitting = {p: r for p, r in fitting.items() if key(p[0]) in references} or fitting
    if not fitting:
        raise ValueError(
            f"{name} fits no reference: a generated image has its reference's name, or ends in it "
            "as in from_2_to.png"
        )
    if len(set(fitting.values())) > 1:
        raise ValueError(f"{name} fits several references: {', '.join(sorted(fitting.values()))}")
    parts, reference = next(iter(fitting.items()))
    return Pair(_joined(parts, key), name, reference)


def _bare(name: str) -> str:
    """Without the file's own extension, `_vis`, and an extension that stays before those."""
    return stem(_SUFFIX.sub("", stem(name)))


def _middle(name: str) -> tuple[str, str] | None:
    """Source and target of from.jpg_to.jpg.png."""
    bare = _bare(name)
    match = _MIDDLE.search(bare)
    return (bare[: match.start()], bare[match.end() :]) if match else None


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Every way to read a name as source and target."""
    if parts := _middle(name):
        yield parts
        return
    bare = _bare(name)
    for match in _UNDERSCORES.finditer(bare):
        yield bare[: match.start()], bare[match.end() :]


def _joined(parts: tuple[str, str], key: Callable[[str], str]) -> str:
    return f"{key(parts[0])}__{key(parts[1])}"


def _each_once(pairs: Iterable[Pair]) -> list[Pair]:
    by_id: dict[str, Pair] = {}
    for pair in pairs:
        if pair.pair_id in by_id:
            first = by_id[pair.pair_id].generated
            raise ValueError(f"{pair.generated} and {first} are two images of one pair")
        by_id[pair.pair_id] = pair
    return [by_id[pair_id] for pair_id in sorted(by_id)]
