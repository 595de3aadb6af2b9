"""Frames of videos as photographs: clip.mp4#000120 names frame 120, counted from 0 as shown.

PyAV (the extra `video`) decodes, and its frames are ffmpeg's. It is given a file's bytes, which any
storage may hold, and decodes forward: frames of one video are asked for together.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.data.errors import BadVideo
from workers.data.storage import open_file

if TYPE_CHECKING:
    from av import Packet, VideoFrame

EXTENSIONS = ("avi", "mp4", "mov", "mkv", "webm")
_FRAME = re.compile(rf"(.+\.(?:{'|'.join(EXTENSIONS)}))#(\d+)", re.IGNORECASE | re.DOTALL)
# A closed list of FFmpeg's demuxers: a playlist under a video's name would lead to other files.
FORMATS = "avi,mov,mp4,matroska,webm"
CHUNK = 4 << 20  # bytes that are read at once: one request to a remote storage
FAR = 300  # frames; what is nearer to the beginning is not sought
CUT_OFF = 1.0  # seconds by which a whole video may be shorter than its header says


def is_video(name: str) -> bool:
    """Whether a file is a video, by its name."""
    return name.lower().endswith(tuple(f".{extension}" for extension in EXTENSIONS))


def frame_url(video: str, number: int) -> str:
    """The URL of a video's frame."""
    return f"{video}#{number:06d}"


def frame_of(url: str) -> tuple[str, int] | None:
    """The video and the number that the URL of a frame names; None for any other URL."""
    found = _FRAME.fullmatch(url)
    return (found[1], int(found[2])) if found else None


def file_of(url: str) -> str:
    """The URL of the file in which a photograph is: its own, or the video of a frame."""
    found = frame_of(url)
    return found[0] if found else url


@dataclass(frozen=True)
class Contents:
    """What a video's file says without being decoded."""

    times: tuple[int | None, ...]  # of its frames, in the file's order; None where unknown
    keys: tuple[int, ...]  # times of frames with which decoding may begin, ascending
    promised: int  # frames that its header tells of, if far more are not there; else 0
    pixels: int  # of a frame

    @property
    def frames(self) -> int:
        """How many frames the video has, or should have."""
        return max(len(self.times), self.promised)

    @cached_property
    def numbers(self) -> dict[int, int] | None:
        """The frames' numbers by their times; None where times do not tell frames apart."""
        times = sorted({time for time in self.times if time is not None})
        return {t: n for n, t in enumerate(times)} if len(times) == len(self.times) else None

    def start(self, number: int) -> int | None:
        """The time at which to begin for a frame; None for the beginning of the file.

        It is that of the last key but one, for some frames of the last may need those before.
        """
        if self.numbers is None or number < FAR:
            return None
        keys = [key for key in self.keys if self.numbers[key] <= number]
        return keys[-2] if len(keys) > 1 else None


def contents(video: str) -> Contents:
    """Read a video's file through; BadVideo where it holds no frames that can be decoded."""
    times, keys, hidden, guessed = [], [], 0, False
    with _opened(video) as (container, stream):
        for packet in _packets(container, stream):
            if packet.is_discard:  # decoded and not shown: the video was cut without encoding
                hidden += 1
                continue
            times.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
            # An AVI tells in which order frames are decoded, and no more.
            guessed |= container.format.name == "avi" and packet.pts != packet.dts
        pixels = stream.codec_context.width * stream.codec_context.height
        promised = _promised(stream, times) - hidden
        lost = (promised - len(times)) / (stream.average_rate or 1)
    if not times:
        raise BadVideo("the video holds no frames")
    times = [None] * len(times) if guessed else times
    return Contents(tuple(times), tuple(sorted(keys)), promised if lost > CUT_OFF else 0, pixels)


def _promised(stream: Any, times: Sequence[int | None]) -> int:
    """The frames that a video's header tells of; 0 where it does not."""
    said = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
    known = [time for time in times if time is not None]
    if stream.frames or not said or not known or not stream.average_rate:
        return stream.frames
    # Matroska tells seconds. Frames may take various times: only what is lost is estimated.
    lost = int(said[1]) * 3600 + int(said[2]) * 60 + float(said[3])
    lost -= float((max(known) - min(known)) * stream.time_base)
    return len(times) + int(lost * stream.average_rate)


def frames(video: str, numbers: Sequence[int], max_pixels: int) -> Iterator[np.ndarray | BadVideo]:
    """A video's frames of ascending numbers, each (H, W, 3) uint8 RGB, upright.

    BadVideo takes the place of a frame that cannot be had.
    """
    left = list(numbers)
    try:
        told = contents(video)
        if told.pixels > max_pixels:
            raise BadVideo(f"a frame has {told.pixels:,} pixels, more than max_pixels={max_pixels}")
        shown = _shown(video, told, left[0])
        for number, frame in shown:
            while left and left[0] < number:
                yield BadVideo(_lacking(left.pop(0), told))
            if left and left[0] == number:
                left.pop(0)
                made = BadVideo("the frame is damaged") if frame.is_corrupt else _rgb(frame)
                if not left:
                    shown.close()  # the file, while the last frame is looked at
                yield made
            if not left:
                return
        while left:
            yield BadVideo(_lacking(left.pop(0), told))
    except BadVideo as error:
        for _ in left:
            yield error


def _lacking(number: int, told: Contents) -> str:
    if number >= told.frames:
        return f"the video has no frame {number}: it has {told.frames}, counted from 0"
    if number >= len(told.times):
        return (
            f"the video is cut off: of {told.promised} frames that its header promises, the file "
            f"holds {len(told.times)}"
        )
    return "the frame cannot be decoded: the file is damaged there"


def _shown(
    video: str, told: Contents, first: int
) -> Generator[tuple[int, "VideoFrame"], None, None]:
    """Frames with their numbers, from `first` or from one before it on."""
    last = -1
    try:
        for number, frame in _by_time(video, told, first):
            yield number, frame
            last = number
    except _OtherTimes:
        with _opened(video) as (container, stream):
            for number, frame in enumerate(_decoded(container, stream)):
                if number > last:
                    yield number, frame


class _OtherTimes(Exception):  # noqa: N818 - nobody is at fault
    """The times of decoded frames are not those that the file tells: frames must be counted."""


def _by_time(video: str, told: Contents, first: int) -> Iterator[tuple[int, "VideoFrame"]]:
    """Frames whose times tell their numbers, decoded from a key near to `first`."""
    if told.numbers is None:
        raise _OtherTimes
    with _opened(video) as (container, stream):
        start = told.start(first)
        if start is not None:
            container.seek(start, stream=stream)
        for frame in _decoded(container, stream):
            number = None if frame.pts is None else told.numbers.get(frame.pts)
            if number is None or (start is not None and number > first):
                raise _OtherTimes
            start = None
            yield number, frame


def _decoded(container: Any, stream: Any) -> Iterator["VideoFrame"]:
    from av.error import InvalidDataError

    for packet in chain(_packets(container, stream), [None]):  # None: what the decoder still holds
        try:
            yield from stream.decode(packet)
        except InvalidDataError:  # its frames will be missed, the others are decoded
            continue


def _packets(container: Any, stream: Any) -> Iterator["Packet"]:
    """A stream's packets, up to where the file is cut off."""
    from av.error import FFmpegError

    try:
        yield from (packet for packet in container.demux(stream) if packet.size)
    except FFmpegError:
        return


@contextmanager
def _opened(video: str) -> Iterator[tuple[Any, Any]]:
    """A video and its best stream of pictures; BadVideo where it has none."""
    import av
    from av.error import FFmpegError
    from av.stream import Disposition

    with open_file(video) as file:
        try:
            container = av.open(
                file, buffer_size=CHUNK, container_options={"format_whitelist": FORMATS}
            )
        except FFmpegError as error:
            raise BadVideo(f"no video that can be read: {error.strerror}") from error
        with container:
            stream = container.streams.best("video")
            if stream is None or Disposition.attached_pic in stream.disposition:
                raise BadVideo("the file holds sound, and no pictures")
            if stream.codec_context is None:
                raise BadVideo("the video is encoded in a way that FFmpeg does not know")
            stream.codec_context.thread_count = 1  # workers share the machine
            yield container, stream


def _rgb(frame: "VideoFrame") -> np.ndarray:
    """A frame's pixels (H, W, 3) uint8 as ffmpeg converts them, upright."""
    from av.filter import Graph

    # libavfilter's conversion is ffmpeg's own; that of `to_ndarray` scales chroma otherwise.
    graph = Graph()
    about = {"width": frame.width, "height": frame.height, "format": frame.format}
    source = graph.add_buffer(**about, time_base=Fraction(1))
    graph.link_nodes(source, graph.add("format", "rgb24"), graph.add("buffersink")).configure()
    graph.push(frame)
    return upright(graph.pull().to_ndarray(), _matrix(frame))


def _matrix(frame: "VideoFrame") -> np.ndarray:
    """How a picture is to be turned, (2, 2): rows are where x and y go."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return np.eye(2)
    return np.frombuffer(bytes(matrix), "<i4").reshape(3, 3)[:2, :2] / 65536


def upright(pixels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3), turned by quarters and mirrored as a display matrix says.

    Row 0 of `matrix` (2, 2) is where the picture's x goes, row 1 where its y goes; y runs down.
    """
    (a, b), (c, d) = matrix
    if abs(b) > abs(a):
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
