"""How the field names and arranges generated images: from file names to pairs.

Names are paths relative to their folder. A `key` maps a name to what it stands for, so that
different spellings join; it is `workers.data.names.canonical_key`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

PANELS = ("condition", "target", "generated")  # of a strip, left to right
# Of the image formats that every command reads, `workers.data.images.FORMATS`.
EXTENSIONS = ("jpg", "jpeg", "jfif", "png", "webp", "bmp", "gif", "tif", "tiff")
_IMAGE = re.compile(rf"\.(?:{'|'.join(EXTENSIONS)})$", re.IGNORECASE)
_FORMAT = rf"\.(?:{'|'.join(EXTENSIONS)}|npy)"  # of images, and of UV maps
_EXTENSIONS = re.compile(rf"(?<=[^/])(?:{_FORMAT})+$", re.IGNORECASE)
_SUFFIX = re.compile(r"_vis$")  # PATN's and GFLA's visualisations
_INNER = re.compile(rf"{_FORMAT}_", re.IGNORECASE)  # in from.jpg_to.jpg, where the source ends
_SEPARATORS = ("_(?:to|2)_", "__+", "_")  # from_2_to, from___to, from_to: the surest first


class FilePair(NamedTuple):
    """The file of a generated image, and that of the photograph it is measured against."""

    generated: str  # names
    reference: str
    source: str | None  # keys; None: the generated image's name does not tell
    target: str

    @property
    def pair_id(self) -> str:
        """The same for all methods' images of a pair."""
        return self.target if self.source is None else f"{self.source}__{self.target}"


def is_image(name: str) -> bool:
    """Whether a file's name is that of an image which is read."""
    return _IMAGE.search(name) is not None


def stem(name: str) -> str:
    """A name without the extensions of images and UV maps; `a` of `a.jpg.png`, too."""
    return _EXTENSIONS.sub("", name)


def pair_folders(
    generated: Sequence[str], reference: Sequence[str], key: Callable[[str], str] = stem
) -> list[FilePair]:
    """Pair two folders' images: every generated one, in the order of pair ids.

    A generated image has its reference's name, or source and target in one
    (`from.jpg_to.jpg.png`, `from.jpg_2_to.jpg_vis.jpg`, `from_2_to_vis.png`, `from__to.png`):
    its reference is then the target. Of several ways to read a name, those
    count whose source is a reference's name, too. ValueError for a name that fits no reference or
    still several pairs, and for two names of one pair.
    """
    by_key: dict[str, str] = {}
    for name in sorted(reference):
        if key(name) in by_key:
            raise ValueError(f"{name} and {by_key[key(name)]} are two references of one name")
        by_key[key(name)] = name
    return _each_once(_pair(name, by_key, key) for name in generated)


def side_by_side(names: Sequence[str], target: str = "target") -> dict[str, list[FilePair]]:
    """The methods of a folder of `{n}_{METHOD}.png`, each against `{n}_target.png`.

    Returns pairs by method, with n as the pair's id; `source` is no method. ValueError for a name
    without `_`, and for an n that a method, or the target, lacks.
    """
    pictures: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        number, _, method = PurePosixPath(stem(name)).name.partition("_")
        if not method:
            raise ValueError(f"{name} is not named NUMBER_METHOD")
        if (first := pictures.setdefault(method, {}).setdefault(number, name)) != name:
            raise ValueError(f"{first} and {name} are two images of one number and method")
    targets = pictures.pop(target, {})
    pictures.pop("source", None)
    for method, mine in pictures.items():
        if lacking := sorted(mine.keys() ^ targets.keys()):
            who = method if lacking[0] in targets else target
            raise ValueError(f"{who} lacks {lacking[0]}, which others have ({len(lacking)} in all)")
    return {
        method: [FilePair(mine[n], targets[n], None, n) for n in sorted(mine)]
        for method, mine in sorted(pictures.items())
    }


def strips(names: Sequence[str], key: Callable[[str], str] = stem) -> list[FilePair]:
    """Files that each hold a pair side by side (see `split_strip`), in the order of pair ids.

    A strip named of source and target (`from.jpg_to.jpg.png`) has the pair id that `pair_folders`
    would give it. ValueError for two names of one pair.
    """

    def pair(name: str) -> FilePair:
        bare = _bare(name)
        # Without an extension in the middle, only references tell where the source ends.
        reading = next(_readings(bare), None) if _INNER.search(bare) else None
        source, target = reading or (None, bare)
        return FilePair(name, name, source and key(source), key(target))

    return _each_once(map(pair, names))


def split_strip(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """A strip (H, 3 W, 3) as its PANELS, each (H, W, 3); ValueError if it is not of three."""
    width = pixels.shape[1]
    if width % len(PANELS):
        raise ValueError(
            f"a strip of {width} pixels is not {len(PANELS)} pictures ({' | '.join(PANELS)}) wide"
        )
    return dict(zip(PANELS, np.split(pixels, len(PANELS), axis=1), strict=True))


def _pair(name: str, references: dict[str, str], key: Callable[[str], str]) -> FilePair:
    bare = _bare(name)
    for whole in map(key, (stem(name), bare)):
        if whole in references:
            return FilePair(name, references[whole], None, whole)
    fitting = [(key(source), key(target)) for source, target in _readings(bare)]
    fitting = [reading for reading in fitting if reading[1] in references]
    known = [reading for reading in fitting if reading[0] in references]
    readings = known or fitting
    if not readings:
        raise ValueError(
            f"{name} fits no reference: a generated image has its reference's name, or ends in it "
            "as in from_2_to.png"
        )
    if len(fits := {references[target] for _, target in readings}) > 1:
        raise ValueError(f"{name} fits several references: {', '.join(sorted(fits))}")
    if len(fits := {references[source] for source, _ in known}) > 1:
        raise ValueError(f"{name} fits several sources: {', '.join(sorted(fits))}")
    source, target = readings[0]
    return FilePair(name, references[target], source, target)


def _bare(name: str) -> str:
    """Without the file's own extension, `_vis`, and an extension that stays before those."""
    return stem(_SUFFIX.sub("", stem(name)))


def _readings(bare: str) -> Iterator[tuple[str, str]]:
    """Every way to read a name as source and target, the surest first."""
    end = _FORMAT if _INNER.search(bare) else ""
    for separator in _SEPARATORS:
        # A lookahead, because readings overlap: s_2_1 is s to 1, s to 2_1 or s_2 to 1.
        found = re.finditer(rf"(?<=[^_])(?={end}({separator})[^_])", bare, re.IGNORECASE)
        yield from ((bare[: match.start()], bare[match.end(1) :]) for match in found)


def _each_once(pairs: Iterable[FilePair]) -> list[FilePair]:
    by_id: dict[str, FilePair] = {}
    for pair in pairs:
        if pair.pair_id in by_id:
            first = by_id[pair.pair_id].generated
            raise ValueError(f"{pair.generated} and {first} are two images of one pair")
        by_id[pair.pair_id] = pair
    return [by_id[pair_id] for pair_id in sorted(by_id)]
