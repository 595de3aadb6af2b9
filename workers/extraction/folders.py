"""Photographs and UV maps in folders: what a file is, by its name, and which belong together.

NAME_IUV.png or NAME.npy is the map of NAME.jpg, NAME_INDS.png tells whose each pixel of the IUV
image is, and NAME_sil.png, a silhouette, is left out (suffixes in either case). Where a photograph
has no such map, NAME_densepose.png or another image NAME_IUV serves, or, in a folder of maps, an
image NAME. NAME may be another spelling of the same DeepFashion photograph. Of a video VIDEO.mp4,
photographs are called VIDEO/000000, VIDEO/000006 and so on.
"""

from collections.abc import Iterable
from typing import NamedTuple

from eval.naming import EXTENSIONS
from workers.data.names import canonical_key, is_deepfashion, item_id, plain, utf8
from workers.data.videos import is_video
from workers.extraction.extraction import Photo

UNREADABLE = ("heic", "heif", "avif", "jp2", "jxl", "dng")  # photographs: they become failed rows
ROLES = ("iuv", "densepose", "inds", "sil")  # suffixes, NAME_IUV and so on


class Files(NamedTuple):
    """URLs by role and name: the path below the root, less extension and the role's suffix."""

    photographs: dict[str, str]
    maps: dict[str, str]
    instances: dict[str, str]  # by the URL up to its suffix, which it shares with its map
    videos: dict[str, str]


def by_role(root: str, urls: Iterable[str]) -> Files:
    """Sort files below a root; ValueError where two photographs or two maps have one name."""
    files = Files({}, {}, {}, {})
    other: dict[str, str] = {}  # maps of less telling names, which serve where there is no better
    for url in urls:
        name, _, extension = plain(url.partition(root)[2]).rpartition(".")
        extension, (stem, role) = extension.lower(), _role(name)
        if (role, extension) == ("iuv", "png"):
            _add(files.maps, stem, url)
        elif (role, extension) == ("inds", "png"):
            _add(files.instances, _without_role(url), url)
        elif is_video(url):
            _add(files.videos, name.removesuffix("/vid"), url)  # 300-VW's NNN/vid.avi
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


def _without_role(url: str) -> str:
    """What the URLs of an IUV image and of its instances share."""
    return _role(plain(url.rpartition(".")[0]))[0]


def _add(names: dict[str, str], name: str, url: str) -> None:
    if names.setdefault(name, url) != url:
        raise ValueError(f"{names[name]} and {url} have one name, {name}: keep one, or rename it")


def joined(found: Files, maps: Files) -> list[Photo]:
    """Photographs with their maps, and the other maps of `found` as poses, by id.

    Raises ValueError where two photographs have one map.
    """
    maps = _of_frames(found.videos, maps)
    spelled: dict[str, str] = {}  # DeepFashion's maps that have no photograph's name, by their key
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
    # A map beside a photograph is no pose, though the photograph has its map from another folder.
    poses = {name: uv for name, uv in poses.items() if name not in found.photographs}
    photos += [_photo(name, None, uv, found) for name, uv in poses.items()]
    return sorted(photos, key=lambda photo: photo.image_id)


def _of_frames(videos: dict[str, str], maps: Files) -> Files:
    """Maps by the names of frames: those of one video alone may be called 000120 and so on."""
    if len(videos) != 1:
        return maps

    def placed(names: dict[str, str]) -> dict[str, str]:
        (video,) = videos
        return {f"{video}/{n}" if n.isdecimal() else n: url for n, url in names.items()}

    return maps._replace(maps=placed(maps.maps), photographs=placed(maps.photographs))


def _photo(name: str, image: str | None, uv: str | None, maps: Files) -> Photo:
    if uv is None or uv.rpartition(".")[2].lower() not in EXTENSIONS:
        photo = Photo(name, image, uv=uv, item_id=item_id(name))
    else:
        instances = maps.instances.get(_without_role(uv))
        photo = Photo(name, image, iuv=uv, instances=instances, item_id=item_id(name))
    text = {field: value and utf8(value) for field, value in photo._asdict().items()}
    if text == photo._asdict():
        return photo
    # A table holds text alone, so a worker could not be told such a name.
    return photo._replace(**text)._replace(fault="the file's name is not UTF-8: rename it")
