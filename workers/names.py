"""Names of photographs: DeepFashion's, which every later work spells in its own way; long ones."""

import re

from eval.naming import EXTENSIONS

_EXTENSION = re.compile(rf"\.({'|'.join(EXTENSIONS)}|npy)$")
_PREFIX = re.compile(r"^fash?ion")  # "fasion", sic
_SEPARATORS = re.compile(r"[_#/-]")
_DEEPFASHION = re.compile(r"^((?:wo)?men[a-z]+)id(\d{8})(\d{2})\d[a-z]+$")


def elided(text: str, most: int = 80) -> str:
    """A text of at most `most` characters and an ellipsis: the middle of a longer one left out."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


def short(name: str) -> str:
    """A name in quotes, for messages: one line, and not a long one."""
    return elided(repr(name))


def utf8(name: str) -> str:
    r"""A file name as text: bytes that are not UTF-8, which some names have, become \xNN."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def slashed(path: str) -> str:
    r"""A path with / between its folders, as Windows' D:\data\a.png has not."""
    return path.replace("\\", "/")


def canonical_key(name: str) -> str:
    """One spelling for all of a DeepFashion photograph's names.

    WOMEN/Dresses/id_00000106/03_1_front.jpg, WOMEN#Dresses#id_00000106#03_1_front.jpg and
    fashionWOMENDressesid0000010603_1front.jpg all become womendressesid00000106031front.
    Other names pass through the same rule: lower case, no extension, none of `_ # - /`.
    """
    bare = _SEPARATORS.sub("", _EXTENSION.sub("", name.lower()))
    return _PREFIX.sub("", bare)


def item_id(name: str) -> str | None:
    """The garment on one person that a DeepFashion name belongs to; None for other names.

    The item's id with the number of its colour or set: `id_00000106_03`.
    """
    match = _DEEPFASHION.match(canonical_key(name))
    return match and f"id_{match[2]}_{match[3]}"
