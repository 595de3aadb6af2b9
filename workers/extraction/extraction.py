"""What an extractor is: a function from a config to what is read, and the job that makes rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from configs.extract import ExtractConfig
from workers.data.listing import Listing
from workers.data.videos import file_of
from workers.shards.shard import Job


class Photo(NamedTuple):
    """The key of a row: a photograph, and where its UV map comes from.

    Files are URLs. A key without a photograph is a pose.
    """

    image_id: str
    image: str | None = None  # or a frame of a video (`workers.data.videos`)
    iuv: str | None = None  # an IUV image, or
    uv: str | None = None  # a UV array
    instances: str | None = None  # beside the IUV image: which person each pixel belongs to
    fault: str | None = None  # why the files, which were found, cannot be read
    dumped: str | None = None  # the photograph's place in a dump of apply_net
    item_id: str | None = None

    @property
    def files(self) -> list[str]:
        """The URLs of the files that this row is made of; frames of a video share its file."""
        urls = (self.image, self.iuv, self.uv, self.instances)
        return [file_of(url) for url in urls if url]


class Pose(NamedTuple):
    """The key of a row that is made of a skeleton. It holds all that its worker needs."""

    image_id: str
    file: str  # the URL that it was read from
    points: str | None  # 54 numbers x, y, confidence, nan where missing; None: nobody is there
    canvas: str | None  # WIDTHxHEIGHT of the picture in whose pixels they are
    fault: str | None  # why it cannot be read
    item_id: str | None

    @property
    def files(self) -> list[str]:
        """The URLs of the files that it is made of."""
        return [self.file]


@dataclass(frozen=True)
class Input:
    """What an extraction reads: photographs, or skeletons."""

    photos: list[Photo]  # a key each, in the order of the rows
    listings: dict[str, Listing] = field(default_factory=dict)  # of folders and globs, by URL
    shared: str | None = None  # the URL of a file that every row needs, such as a dump
    parsings: dict[str, tuple[str, ...]] = field(default_factory=dict)  # URLs, by image id
    poses: list[Pose] = field(default_factory=list)
    said: str | None = None  # a line on what was found
    pixels: int | None = None  # of a photograph, where all are frames of videos

    @property
    def keys(self) -> Sequence[Photo] | Sequence[Pose]:
        """A key a row."""
        return self.poses or self.photos


@dataclass(frozen=True)
class Extraction:
    """What an extractor does in one run."""

    config: ExtractConfig  # with what the extractor has chosen itself, such as a backend
    input: Input
    job: Job  # tables, worker, the longest time a row may take, failed rows
    facts: dict[str, Any]  # JSON values that decide the rows beside config and input: the model
    # Scores below it leave open which way somebody faces; None where scores do not tell.
    doubtful: float | None = None
    note: str | None = None  # what the last lines tell of its rows
    layout: str | None = None  # of the UV maps, where rows of another command depend on it


Extractor = Callable[[ExtractConfig], Extraction]
"""Raises ValueError, one line, where the config names what is not there or cannot be used."""
