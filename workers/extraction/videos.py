"""Videos among the files of an extraction: their frames are photographs."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import NamedTuple

from workers.data.errors import BadVideo
from workers.data.listing import Listing
from workers.data.storage import list_files, split_pattern
from workers.data.videos import contents, frame_url, is_video

READERS = 4  # threads: each reads a video through, to count its frames
OF_300VW = "*/vid.avi"  # 300-VW's videos in its folder


class Frames(NamedTuple):
    """The frames of videos that become photographs."""

    photographs: dict[str, str]  # URLs by name, VIDEO/000120
    pixels: int  # of the largest
    said: str  # a line on what was found


def list_input(url: str) -> Listing:
    """What `list_files` finds; also of a single video, and of 300-VW's folder of folders."""
    if is_video(url) and not split_pattern(url)[1]:
        return _alone(url)
    found = list_files(url)
    if found.folders and not found.files:
        videos = list_files(f"{found.root.rstrip('/')}/{OF_300VW}")
        return videos if videos.files else found
    return found


def _alone(url: str) -> Listing:
    folder, _, name = url.rpartition("/")
    found = list_files(folder)
    return found._replace(files=[file for file in found.files if file.name == name], folders=[])


def frames_of(videos: Mapping[str, str], every: int) -> Frames:
    """Every `every`-th frame of videos, URLs by name, from the first on.

    A video of which no frame can be had has one photograph, whose row will say why. Raises
    ValueError where PyAV is not installed.
    """
    if find_spec("av") is None:
        raise ValueError("PyAV reads videos: pip install av, or reposer with its extra video")
    with ThreadPoolExecutor(READERS) as pool:
        counted = list(pool.map(_counted, videos.values()))
    photographs, pixels = {}, 1
    for (name, url), (count, size) in zip(videos.items(), counted, strict=True):
        digits = len(frame_url("", count - 1)) - 1  # so that names stay in order
        pixels = max(pixels, size)
        for number in range(0, count, every):
            photographs[f"{name}/{number:0{digits}d}"] = frame_url(url, number)
    total = sum(count for count, _ in counted)
    said = f"{total:,} frames of videos ({len(videos)}): {len(photographs):,} photographs"
    return Frames(photographs, pixels, said)


def _counted(url: str) -> tuple[int, int]:
    """How many frames a video has, at least 1, and their pixels."""
    try:
        found = contents(url)
    except BadVideo:
        return 1, 1
    return found.frames, found.pixels
