"""The skeletons of an input -> the keys of the rows.

All files are read while the run is planned: a file may hold one skeleton or a hundred thousand, and
a worker needs none of them again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from configs.extract import ExtractConfig
from eval.naming import is_image
from workers.data.catalog import Catalog
from workers.data.errors import BadImage, BadKeypoints
from workers.data.images import open_image
from workers.data.listing import Listing
from workers.data.names import item_id, plain, short, utf8
from workers.data.retrying import UNREACHABLE_OR_REFUSED
from workers.data.storage import READERS, Store, list_files, read_bytes, split_pattern
from workers.data.tables import is_part
from workers.data.user_tables import CSV
from workers.extraction.extraction import Input, Pose
from workers.extraction.keypoints.formats import Contents, Entry, Size, read
from workers.extraction.people import chosen
from workers.shards.attempt import attempt, told
from workers.shards.rows import person_id

LISTED = (".json", ".parquet")  # files that are read in folders; others are named
FILES = (*LISTED, *CSV)
RUN = "plan.json"  # of a run's folder, which may be no catalog
SUFFIX = "_keypoints"  # OpenPose writes NAME_keypoints.json
DECIMALS = 3  # of pixels
UNKNOWN = (
    "nothing tells how large the picture of the skeleton is: give keypoints.canvas=WIDTHxHEIGHT to "
    "extract, or put the picture NAME.jpg beside NAME.json"
)
NUMBERS = 54  # x, y and confidence of 18 points


class Read(NamedTuple):
    """A file of skeletons, or why it cannot be read."""

    url: str
    name: str  # of the picture, where the file holds but one
    contents: Contents | None
    fault: str | None = None


def is_file(url: str) -> bool:
    """Whether a URL names a file of skeletons by its ending."""
    return url.lower().endswith(FILES) and not split_pattern(url)[1]


def is_catalog(url: str) -> bool:
    """Whether a URL is a catalog with annotations, whose keypoints are skeletons."""
    return not split_pattern(url)[1] and all(
        any(is_part(file.name) for file in Store(url).list(table))
        for table in ("images", "annotations")
    )


def is_run(entries: Listing) -> bool:
    """Whether a folder is a catalog, or what a command wrote: its JSON holds no skeletons."""
    return RUN in [file.name for file in entries.files] or "uv_maps" in entries.folders


def are_skeletons(url: str) -> bool:
    """Whether a URL names files of skeletons, rather than a catalog of poses or another run."""
    if is_file(url) or split_pattern(url)[1]:
        return True
    entries = Store(url).listing(depth=1)
    listed = any(file.name.lower().endswith(LISTED) for file in entries.files)
    return listed and not is_run(entries)


def skeletons(config: ExtractConfig) -> Input:
    """The skeletons of a file, of a folder or pattern of files, or of a catalog.

    Raises ValueError, one line, where there are none, where two have one name, and where nothing
    tells the size of a picture.
    """
    if is_file(config.input):
        return _input(config, [_read(config.input)], {})
    if is_catalog(config.input):
        return _of_catalog(config)
    listing = list_files(config.input)
    if is_run(listing):
        raise ValueError(f"{config.input}: a catalog without annotations/ holds no skeletons")
    urls = [url for url in listing.urls if url.lower().endswith(LISTED)]
    if not urls:
        raise ValueError(f"{config.input}: no skeletons there ({', '.join(LISTED)}, or a catalog)")
    with ThreadPoolExecutor(READERS) as pool:
        files = list(pool.map(lambda url: _read(url, listing.root), urls))
    return _input(config, files, {config.input: listing})


def _read(url: str, root: str = "") -> Read:
    """A file below a folder; without one, it was named itself, and must be readable."""
    path = plain(url.removeprefix(root) if root else url.rpartition("/")[2])
    name = utf8(path.rpartition(".")[0].removesuffix(SUFFIX))
    found = attempt(UNREACHABLE_OR_REFUSED, lambda: read(read_bytes(url)))
    if isinstance(found, Contents):
        return Read(utf8(url), name, found)
    if root:
        return Read(utf8(url), name, None, told(found)[1])
    if isinstance(found, BadKeypoints):
        raise ValueError(f"{url}: {found}") from found
    raise found


def _input(config: ExtractConfig, files: list[Read], listings: dict[str, Listing]) -> Input:
    pictures = {
        plain(url).rpartition(".")[0]: url
        for listing in listings.values()
        for url in listing.urls
        if is_image(url)
    }
    poses = _distinct(
        pose
        for file in files
        for name, entry in _named(file)
        for pose in _poses(config, file, name, entry, pictures)
    )
    if not poses:
        raise ValueError(f"{config.input}: no skeletons there")
    if any(pose.fault == UNKNOWN for pose in poses) and not any(pose.points for pose in poses):
        raise ValueError(f"{config.input}: {UNKNOWN}")
    counts = Counter(f.contents.format for f in files if f.contents)
    formats = ", ".join(f"{n} files of {kind}" if n > 1 else kind for kind, n in counts.items())
    said = f"skeletons in {config.input} ({len(poses)}): {formats or 'no known format'}"
    return Input([], listings, poses=poses, said=said)


def _named(file: Read) -> Iterator[tuple[str, Entry]]:
    if file.contents is None:
        yield file.name, Entry(None, fault=file.fault)
        return
    for entry in file.contents.entries:
        own = entry.name is None or entry.name.startswith("/")
        yield (f"{file.name}{entry.name or ''}" if own else str(entry.name)), entry


def _distinct(poses: Iterable[Pose]) -> list[Pose]:
    known: dict[str, Pose] = {}
    for pose in poses:
        other = known.setdefault(pose.image_id, pose)
        if other is not pose:
            where = other.file if other.file == pose.file else f"{other.file} and {pose.file}"
            raise ValueError(f"{where}: two skeletons are {short(pose.image_id)}: rename one")
    return list(known.values())


def _poses(
    config: ExtractConfig, file: Read, name: str, entry: Entry, pictures: dict[str, str]
) -> Iterator[Pose]:
    """The skeletons of a picture that the config asks for, as keys."""
    item = entry.item_id or item_id(name)
    if entry.fault is not None:
        yield Pose(name, file.url, None, None, entry.fault, item)
        return
    if not entry.people:
        yield Pose(name, file.url, None, None, None, item)
        return
    size = entry.canvas or _canvas(config, file, pictures)
    if size is None:
        yield Pose(name, file.url, None, None, UNKNOWN, item)
        return
    width, height = size
    people = list(entry.people)
    if entry.shares:
        people = [points * [width, height, 1] for points in people]
    people = [_certain(points, config.keypoints.min_confidence) for points in people]
    taken = _taken(config, people, width, height)
    for number, points in enumerate(taken, start=1):
        canvas = f"{width:g}x{height:g}"
        yield Pose(person_id(name, number), file.url, _text(points), canvas, None, item)
    if not taken:
        yield Pose(name, file.url, None, None, None, item)


def _certain(points: np.ndarray, least: float) -> np.ndarray:
    return np.where(points[:, 2:] >= least, points, np.nan)


def _taken(
    config: ExtractConfig, people: list[np.ndarray], width: float, height: float
) -> list[np.ndarray]:
    """The people of a picture that become rows; one without a point where nobody has any."""
    there = [points for points in people if not np.isnan(points).all()]
    if not there:
        return people[:1]
    boxes = np.array([[*np.nanmin(p[:, :2], 0), *np.nanmax(p[:, :2], 0)] for p in there])
    scores = np.array([np.nanmean(points[:, 2]) for points in there])
    which = chosen(boxes, scores, round(height), round(width), config.keypoints)
    return [there[i] for i in which]


def _canvas(config: ExtractConfig, file: Read, pictures: dict[str, str]) -> Size | None:
    """The size of a picture of which its file does not tell it; None where nothing does."""
    if config.keypoints.canvas is not None:
        width, height = map(float, config.keypoints.canvas.split("x"))
        return width, height
    if file.contents is not None and file.contents.canvas is not None:
        return file.contents.canvas
    beside = pictures.get(plain(file.url).rpartition(".")[0].removesuffix(SUFFIX))
    if beside is None:
        return None
    try:
        with open_image(read_bytes(beside), config.max_pixels) as image:
            return image.width, image.height
    except (BadImage, FileNotFoundError):
        return None


def _of_catalog(config: ExtractConfig) -> Input:
    """The keypoints of a catalog's annotations."""
    catalog = Catalog(config.input)
    items, sizes = catalog.items(), catalog.sizes()
    poses = []
    for image_id, numbers in catalog.keypoint_rows():
        size = sizes.get(image_id)
        pose = Pose(image_id, config.input, None, None, None, items.get(image_id))
        if numbers is not None and len(numbers) != NUMBERS:
            pose = pose._replace(fault=f"keypoints are {NUMBERS} numbers, these {len(numbers)}")
        elif numbers is not None and size is None:
            pose = pose._replace(fault="the catalog does not tell the size of its picture")
        else:
            points = np.full((18, 3), np.nan) if numbers is None else _placed(numbers)
            canvas = None if size is None else f"{size[0]:g}x{size[1]:g}"
            pose = pose._replace(points=_text(points), canvas=canvas)
        poses.append(pose)
    if not poses:
        raise ValueError(f"{config.input}: its annotations have no rows")
    said = f"skeletons in {config.input} ({len(poses)}): a catalog's annotations"
    return Input([], {}, poses=poses, said=said)


def _placed(numbers: list[float]) -> np.ndarray:
    """Keypoints of a catalog -> points (18, 3). Hidden points have a place, and are there."""
    points = np.array(numbers, float).reshape(18, 3)
    return np.where(points.any(axis=1, keepdims=True), points, np.nan)


def _text(points: np.ndarray) -> str:
    return " ".join(map("{:g}".format, points.round(DECIMALS).ravel().tolist()))
