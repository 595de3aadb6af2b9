"""Finds what `reposer extract` is to read: photographs, and the UV maps that belong to them."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from configs.extract import ExtractConfig
from eval.naming import EXTENSIONS
from workers.data.columns import ID, TEXT
from workers.data.names import canonical_key, is_deepfashion, item_id, plain, short, slashed, utf8
from workers.data.storage import Store, list_files, resolved, split_pattern
from workers.data.user_tables import SUFFIXES, read_user_table

UNREADABLE = ("heic", "heif", "avif", "jp2", "jxl", "dng")  # photographs: they become failed rows
ROLES = ("iuv", "densepose", "inds", "sil")  # suffixes, NAME_IUV and so on
DUMPS = (".pkl", ".pk", ".pickle", ".pth", ".pt")  # what people call a file of apply_net's


class Photo(NamedTuple):
    """One row to be: URLs of a photograph and of its UV map. One of the two may be missing."""

    image_id: str
    image: str | None = None  # None: a pose without a photograph
    iuv: str | None = None  # an IUV PNG, or
    uv: str | None = None  # a UV array
    instances: str | None = None  # beside the IUV PNG: whose each pixel is
    fault: str | None = None  # why its files, which were found, cannot be read
    dumped: str | None = None  # its place in the file that apply_net dumped
    item_id: str | None = None


class _Files(NamedTuple):
    """URLs by role and name: the path below the root, less extension and the role's suffix."""

    photographs: dict[str, str]
    maps: dict[str, str]
    instances: dict[str, str]  # by the URL up to its suffix, which it shares with its map


def find_photos(config: ExtractConfig, dumped: Sequence[str] | None = None) -> list[Photo]:
    """List the input of an extraction, by id; a table's rows stay in their order.

    With extractor=densepose these are photographs alone. `dumped` are the names of photographs in
    a dump of apply_net's, which then takes the place of maps.

    In folders, and for globs, maps are known by their names: NAME_IUV.png, with NAME_INDS.png
    where there are instances, or NAME.npy belongs to NAME.jpg; NAME_sil.png, a silhouette, is
    left out (suffixes in either case). Where there is none of these, NAME_densepose.png or another
    image NAME_IUV is taken for the map, and in the folder uv= an image NAME. NAME may be another
    spelling of the same DeepFashion photograph. A map of the input without a photograph is a pose.
    A photograph without a map is listed too: it will be a failed row.
    Raises ValueError when nothing is found, when one name stands for two files, and for tables
    that lack columns or values. A name that is not UTF-8 is a fault of its row.
    """
    if is_table(config):
        return _matched(_from_table(config), dumped)
    listing = list_files(config.input)
    found = _by_role(listing.root, listing.urls)
    if not with_maps(config):
        found = found._replace(maps={})
    if not found.photographs and not found.maps:
        maps = " and no UV maps" if with_maps(config) else ""
        raise ValueError(f"{config.input}: no photographs{maps} there")
    if not with_maps(config):
        return _matched(_join(found, found), dumped)
    maps = found
    if config.uv is not None:
        beside = list_files(config.uv)
        maps = _by_role(beside.root, beside.urls)
    elif split_pattern(config.input)[1]:
        folders = sorted({url.rpartition("/")[0] for url in listing.urls})
        maps = _by_role(listing.root, [url for f in folders for url in list_files(f).urls])
    return _join(found, maps)


def is_table(config: ExtractConfig) -> bool:
    """Whether `input` names a table."""
    return config.input.lower().endswith(SUFFIXES) and not split_pattern(config.input)[1]


def with_maps(config: ExtractConfig) -> bool:
    """Whether maps of single photographs are read: no network is run, and no dump named."""
    return config.extractor == "precomputed" and not is_dump(config)


def is_dump(config: ExtractConfig) -> bool:
    """Whether `uv` names a file that apply_net dumped."""
    return config.extractor == "precomputed" and (config.uv or "").lower().endswith(DUMPS)


def _matched(photos: list[Photo], dumped: Sequence[str] | None) -> list[Photo]:
    """Photographs with their places in a dump, by their paths as far as their ids go.

    Raises ValueError where two of the dump's photographs could be meant.
    """
    by_name: dict[str, list[int]] = {}
    stems = [f"/{plain(name).rpartition('.')[0]}" for name in dumped or ()]
    for place, stem in enumerate(stems):
        by_name.setdefault(stem.rpartition("/")[2], []).append(place)
    matched = []
    for photo in photos:
        name = f"/{plain(photo.image_id)}"
        places = by_name.get(name.rpartition("/")[2], [])
        places = [place for place in places if stems[place].endswith(name)]
        if len(places) > 1:
            raise ValueError(f"the dump has {len(places)} photographs {short(photo.image_id)}")
        matched.append(photo._replace(dumped=str(places[0])) if places else photo)
    return matched


def _by_role(root: str, urls: Iterable[str]) -> _Files:
    files = _Files({}, {}, {})
    other: dict[str, str] = {}  # maps by their names, which serve where there is no better one
    for url in urls:
        name, _, extension = plain(url.partition(root)[2]).rpartition(".")
        extension, (stem, role) = extension.lower(), _role(name)
        if (role, extension) == ("iuv", "png"):
            _add(files.maps, stem, url)
        elif (role, extension) == ("inds", "png"):
            _add(files.instances, _of(url), url)
        elif extension == "npy":
            _add(files.maps, name, url)
        elif extension not in EXTENSIONS + UNREADABLE or (role, extension) == ("sil", "png"):
            continue
        elif role in ("iuv", "densepose"):
            _add(other, stem, url)
        else:
            _add(files.photographs, name, url)
    return files._replace(maps=other | files.maps)


def _role(name: str) -> tuple[str, str]:
    """A name without extension -> its photograph's, and its role, which is empty without one."""
    stem, _, suffix = name.rpartition("_")
    role = suffix.lower()
    return (stem, role) if stem and role in ROLES else (name, "")


def _of(url: str) -> str:
    """The URL of a map, or of its instances, up to their suffixes, which alone differ."""
    return _role(plain(url.rpartition(".")[0]))[0]


def _add(names: dict[str, str], name: str, url: str) -> None:
    if names.setdefault(name, url) != url:
        raise ValueError(f"{names[name]} and {url} have one name, {name}: keep one, or rename it")


def _join(found: _Files, maps: _Files) -> list[Photo]:
    """Photographs with their maps, by name, else as DeepFashion's; then the maps left over."""
    spelled: dict[str, str] = {}  # of the maps whose name is no photograph's
    for name, url in maps.maps.items():
        if name not in found.photographs and is_deepfashion(name):
            _add(spelled, canonical_key(name), url)
    taken: dict[str, str] = {}  # map -> photograph
    photos = []
    for name, image in found.photographs.items():
        uv = maps.maps.get(name) or spelled.get(canonical_key(name))
        if uv is None and maps.photographs.get(name) != image:
            uv = maps.photographs.get(name)  # a map under the photograph's own name
        if uv and taken.setdefault(uv, image) != image:
            raise ValueError(f"{taken[uv]} and {image} are one photograph: both belong to {uv}")
        photos.append(_photo(name, image, uv, maps))
    poses = {name: uv for name, uv in found.maps.items() if uv not in taken}
    # A map beside the photograph, where uv= names another folder with a better one.
    poses = {name: uv for name, uv in poses.items() if name not in found.photographs}
    photos += [_photo(name, None, uv, found) for name, uv in poses.items()]
    return sorted(photos, key=lambda photo: photo.image_id)


def _photo(name: str, image: str | None, uv: str | None, maps: _Files) -> Photo:
    if uv is None or uv.lower().endswith(".npy"):
        photo = Photo(name, image, uv=uv, item_id=item_id(name))
    else:
        instances = maps.instances.get(_of(uv))
        photo = Photo(name, image, iuv=uv, instances=instances, item_id=item_id(name))
    text = {field: value and utf8(value) for field, value in photo._asdict().items()}
    if text == photo._asdict():
        return photo
    # Names that are no text can stand in no table, and no worker could find the files.
    return photo._replace(**text)._replace(fault="the file's name is not UTF-8: rename it")


def _from_table(config: ExtractConfig) -> list[Photo]:
    """Rows of a CSV or Parquet table; its paths are relative to its folder."""
    url = config.input
    optional = {"iuv": TEXT, "uv": TEXT, "item_id": ID}
    table = read_user_table(url, {"image_id": ID, "image": TEXT}, optional)
    columns = set(table.columns)
    if not with_maps(config):
        columns -= {"iuv", "uv"}
    elif not columns & {"iuv", "uv"}:
        raise ValueError(f"{url}: wants a column iuv or uv beside image_id,image")
    below = _Below(url.rpartition("/")[0])
    rows: dict[str, int] = {}
    photos = []
    for number, row in enumerate(table.to_dict("records"), start=1):
        values = {c: str(row[c]) for c in columns if not pd.isna(row[c])}
        image_id = values.get("image_id")
        if image_id is None:
            raise ValueError(f"{url}: row {number} lacks image_id")
        if rows.setdefault(image_id, number) != number:
            both = f"rows {rows[image_id]} and {number}"
            raise ValueError(f"{url}: {both} are both {short(image_id)}: rename one")
        if "iuv" in values and "uv" in values:
            named = f"row {number} ({short(image_id)})"
            raise ValueError(f"{url}: {named} has both iuv and uv: give one")
        for column in {"image", "iuv", "uv"} & values.keys():
            values[column] = below(values[column])
        photos.append(Photo(**{"item_id": item_id(image_id), **values}))
    if not photos:
        raise ValueError(f"{url}: the table has no rows")
    return photos


class _Below:
    """Paths of a table as URLs. One with backslashes that is not there as written is Windows'."""

    def __init__(self, folder: str):
        self.folder = folder

    def __call__(self, path: str) -> str:
        if "\\" in path and path not in self._names:
            path = slashed(path)
        return resolved(path, self.folder)

    @cached_property
    def _names(self) -> set[str]:
        return {file.name for file in Store(self.folder).list()}
