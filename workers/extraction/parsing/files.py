"""Which file of a human parser belongs to which photograph, by their names.

The file of NAME.jpg is NAME_segm.png (DeepFashion-MultiModal), NAME_seg.npy (Sapiens),
NAME_parsing.png, NAME_label.png, or NNNNNN_4.png where NAME is NNNNNN_0 (DressCode); or else
NAME.png, as most parsers write it. Sapiens' NAME.npy and NAME.png, a mask and a picture, thus stand
back behind its labels. NAME is the photograph's path below its root, or else its file's name alone.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from eval.naming import is_image, stem
from workers.data.listing import Listing
from workers.data.names import canonical_key, plain
from workers.extraction.extraction import Photo

TELLING = re.compile(r"(.+)_(?:segm|seg|parsing|label)", re.IGNORECASE)
DRESSCODE = re.compile(r"(.*\d{6})_4")
NUMBERS = (".png", ".npy", ".bmp", ".tif", ".tiff")  # formats that keep numbers: the likelier files


def files_of(photos: Sequence[Photo], listing: Listing) -> dict[str, tuple[str, ...]]:
    """The URL of each photograph's parsing, by image id; several where it is unclear which.

    The photographs' own files are none. A photograph without a parsing is left out.
    """
    taken = {url for photo in photos for url in photo.files}
    keys = {photo.image_id: canonical_key(photo.image_id) for photo in photos}
    by_key, by_last = defaultdict(list), defaultdict(list)
    for url in listing.urls:
        name = plain(url.removeprefix(listing.root))
        if url not in taken and (is_image(name) or name.lower().endswith(".npy")):
            key, rank = _photograph(name, set(keys.values()))
            by_key[key].append((rank, url))
            by_last[_last(key)].append((rank, url))
    lasts = {photo.image_id: _lasts(photo) for photo in photos}
    claims = Counter(last for names in lasts.values() for last in names)
    found = {}
    for image_id, key in keys.items():
        ways = [by_key[key]] if key in by_key else []
        ways += [by_last[last] for last in lasts[image_id] if claims[last] == 1 and last in by_last]
        if ways:
            found[image_id] = _likeliest(ways[0])
    return found


def _photograph(name: str, photographs: set[str]) -> tuple[str, int]:
    """The key of the photograph that a file belongs to, and how little its name tells."""
    bare = stem(name)
    likely = name.lower().endswith(NUMBERS)
    if likely and canonical_key(bare) not in photographs:
        if match := TELLING.fullmatch(bare):
            return canonical_key(match[1]), 0
        if match := DRESSCODE.fullmatch(bare):
            return canonical_key(f"{match[1]}_0"), 0
    return canonical_key(bare), 1 if likely else 2


def _lasts(photo: Photo) -> list[str]:
    """The last parts of a photograph's id and of its file's name, which often are one."""
    names = [photo.image_id, plain(photo.image or "")]
    return list(dict.fromkeys(_last(canonical_key(name)) for name in names if name))


def _last(key: str) -> str:
    return key.rpartition("/")[2]


def _likeliest(files: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    files = sorted(files)
    return tuple(url for rank, url in files if rank == files[0][0])
