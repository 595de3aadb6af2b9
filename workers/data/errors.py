"""What can be wrong with one row: the class's name is the row's error_type, in every command."""


class RowError(ValueError):
    """A row cannot be made; the message is one line that says what was wrong, and where."""


class BadFileName(RowError):  # noqa: N818 - here and below: names for people who read a table
    """The file's name is not UTF-8."""


class BadImage(RowError):  # noqa: N818
    """Not an image, or not one to be decoded."""


class MissingUvMap(RowError):  # noqa: N818
    """No UV map was found for the photograph."""


class BadUvMap(RowError):  # noqa: N818
    """What should hold a UV map does not."""


class EmptyUvMap(RowError):  # noqa: N818
    """There is nobody on the UV map."""


class NobodyFound(RowError):  # noqa: N818
    """DensePose finds nobody on the photograph, or nobody large or certain enough."""


class WrongLayout(RowError):  # noqa: N818
    """The UV map is laid out on another sheet than the model's."""


class SizeMismatch(RowError):  # noqa: N818
    """Pictures that belong together differ in size."""


class MissingRow(RowError):  # noqa: N818
    """The catalog has no such row, or the row failed when it was made."""


class DamagedTable(RowError):  # noqa: N818
    """The part of the catalog's file that holds the row cannot be read."""


class MissingImage(RowError):  # noqa: N818
    """An image of a pair that is to be scored is not there."""


class RenderFailed(RowError):  # noqa: N818
    """The pair's render is a failed row."""
