"""What can be wrong with a row: the name of the class is the row's error_type."""

from collections.abc import Sequence
from typing import Any


class RowError(ValueError):
    """A row cannot be made; the message is one line that says what is wrong, and where."""


class BadFileName(RowError):  # noqa: N818 - here and below: these names stand in tables
    """The file's name is not UTF-8."""


class BadImage(RowError):  # noqa: N818
    """Not an image, or one that cannot be decoded."""


class BadVideo(RowError):  # noqa: N818
    """Not a video, or one from which the frame cannot be decoded."""


class MissingUvMap(RowError):  # noqa: N818
    """No UV map was found for the photograph."""


class BadUvMap(RowError):  # noqa: N818
    """The file or bytes of a UV map hold none."""


class BadMesh(RowError):  # noqa: N818
    """The file of a mesh holds none, or one that does not lie on its photograph."""


class EmptyUvMap(RowError):  # noqa: N818
    """Nobody is on the UV map."""


class BadAnnotation(RowError):  # noqa: N818
    """The annotation of a photograph holds no segmentation, or no keypoints."""


class MissingParsing(RowError):  # noqa: N818
    """No file of a human parser belongs to the photograph."""


class BadParsing(RowError):  # noqa: N818
    """The file of a human parser holds no labels, or it is unclear which file is meant."""


class UnknownLabel(RowError):  # noqa: N818
    """A parsing holds a number that the table of its labels does not have."""

    def __init__(self, message: str, counted: Sequence[dict[str, Any]] = ()):
        super().__init__(message)
        self.counted = counted  # rows of the table `parsings`


class BadKeypoints(RowError):  # noqa: N818
    """The file or row of a skeleton holds none, or one that lies off its picture."""


class MissingKeypoints(RowError):  # noqa: N818
    """Too few points of a skeleton are there."""


class NobodyFound(RowError):  # noqa: N818
    """Nobody is found on the photograph, or nobody large and certain enough."""


class BadFit(RowError):  # noqa: N818
    """Somebody is found on the photograph, whom the body cannot be made to fit."""


class WrongLayout(RowError):  # noqa: N818
    """The UV map has another layout than the model."""


class SizeMismatch(RowError):  # noqa: N818
    """Images that belong together differ in size."""


class MissingRow(RowError):  # noqa: N818
    """The catalog has no such row, or the row failed when it was made."""


class DamagedTable(RowError):  # noqa: N818
    """The part of the catalog's file that holds the row cannot be read."""


class MissingImage(RowError):  # noqa: N818
    """An image of a pair to be scored is missing."""


class RenderFailed(RowError):  # noqa: N818
    """The pair's render is a failed row."""
