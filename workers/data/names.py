"""Names of photographs: when two name the same one, which item they belong to, how to print them.

A name is taken literally, except DeepFashion's, which every later work spells in its own way.
"""

import re
import unicodedata
from collections.abc import Iterable

from eval.naming import stem

# A photograph of DeepFashion In-shop: item, colour or set, view, and which of several people.
_PHOTOGRAPH = r"""id_? (?P<item> \d{8} ) [/\#_-]? (?P<colour> \d{2} ) _?
    (?P<view> \d_?(?:front|back|side|full|flat|additional) ) (?P<person> @[1-9]\d* )?"""
_FLAGS = re.VERBOSE | re.IGNORECASE | re.ASCII | re.DOTALL
_DEEPFASHION = re.compile(
    rf"""(?: (?: (?!id_?\d{{8}}). )* [/\#] )?  # further folders
    (?: (?: (?:deep)?fash?ion | img(?:_highres)? ) [/\#_-]? )?  # "fasion", sic
    (?P<gender> (?:wo)?men ) [/\#_-]? (?P<category> [a-z]+ (?:[_-][a-z]+)? ) [/\#_-]?
    {_PHOTOGRAPH}""",
    _FLAGS,
)
_BELOW_CATEGORY = re.compile(rf"(?: .*/ )? {_PHOTOGRAPH}", _FLAGS)  # Dresses/id_00000106/03_1_front


def elided(text: str, most: int = 80) -> str:
    """A text of at most `most` characters, an ellipsis in place of the middle of a longer one."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


def short(name: str) -> str:
    """A name in quotes, for messages: one short line."""
    return elided(repr(name))


def utf8(name: str) -> str:
    r"""A file name as text; bytes that are not UTF-8 become \xNN."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def slashed(path: str) -> str:
    r"""A path with / between its folders, where Windows has \."""
    return path.replace("\\", "/")


def plain(name: str) -> str:
    r"""A file's name, or its path, in one form: NFC (macOS writes NFD), `\` as `/`."""
    return slashed(unicodedata.normalize("NFC", name))


def canonical_key(name: str) -> str:
    """What names are compared by, everywhere: the plain form without an image's extension.

    All spellings of a DeepFashion photograph have one key. That of img/WOMEN/Dresses/id_00000106/
    03_1_front.jpg, WOMEN#Dresses#id_00000106#03_1_front.jpg, fashionWOMENDressesid0000010603_1front
    and so on is womendressesid00000106031front. The key of a key is the key itself.
    """
    bare = stem(plain(name))
    if not (match := _DEEPFASHION.fullmatch(bare)):
        return bare
    part = match.groupdict(default="")
    spelled = "{gender}{category}id{item}{colour}{view}{person}".format(**part)
    return re.sub("[_-]", "", spelled).lower()


def former_key(name: str) -> str:
    """The key of earlier versions, which took every name for DeepFashion's.

    Their lists of training images hold it.
    """
    bare = re.sub(r"\.(jpe?g|png|webp|npy)$", "", name.lower())
    return re.sub("^fash?ion", "", re.sub("[_#/-]", "", bare))


def item_id(name: str) -> str | None:
    """The item that a name belongs to; None where it names none.

    For DeepFashion it is a garment on one person, the item's id with the number of its colour or
    set: `id_00000106_03`. Else it is the folder: `shirt-12` of `shirt-12/front.jpg`.
    """
    key = canonical_key(name)
    if match := _DEEPFASHION.fullmatch(key) or _BELOW_CATEGORY.fullmatch(key):
        return f"id_{match['item']}_{match['colour']}"
    return key.rpartition("/")[0] or None


def is_deepfashion(name: str) -> bool:
    """Whether a name is that of a DeepFashion photograph, in any spelling."""
    return _DEEPFASHION.fullmatch(stem(plain(name))) is not None


def as_known(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Names as `known` spells them: the same name, else one of the same key; others stay as is.

    Raises ValueError where two known names could be meant.
    """
    names, known = list(names), set(known)
    if known.issuperset(names):
        return names
    by_key: dict[str, list[str]] = {}
    for name in known:
        by_key.setdefault(canonical_key(name), []).append(name)
    found = []
    for name in names:
        meant = [name] if name in known else by_key.get(canonical_key(name), [name])
        if len(meant) > 1:
            both = " or ".join(map(short, sorted(meant)[:2]))
            raise ValueError(f"{short(name)} may mean {both}: write which")
        found += meant
    return found
