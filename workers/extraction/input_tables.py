"""The rows of a table that names photographs and their UV maps."""

from collections.abc import Collection
from functools import cached_property

import pandas as pd

from workers.data.columns import ID, TEXT
from workers.data.names import item_id, short, slashed
from workers.data.storage import Store, resolved
from workers.data.user_tables import read_user_table
from workers.extraction.extraction import Photo

FILES = ("image", "iuv", "uv")  # the columns that hold paths
OPTIONAL = {"iuv": TEXT, "uv": TEXT, "item_id": ID}


def rows(url: str, maps: bool) -> list[Photo]:
    """The rows of a CSV or Parquet table; relative paths start at its folder.

    Its columns are image_id, image, with `maps` also iuv or uv, and optionally item_id. Raises
    ValueError where columns or values are missing, and where two rows have one id.
    """
    table = read_user_table(url, {"image_id": ID, "image": TEXT}, OPTIONAL)
    if not maps:
        table = table.drop(columns=["iuv", "uv"], errors="ignore")
    elif not {"iuv", "uv"} & set(table.columns):
        raise ValueError(f"{url}: wants a column iuv or uv beside image_id,image")
    if table.empty:
        raise ValueError(f"{url}: the table has no rows")
    paths = _Paths(url.rpartition("/")[0])
    numbers: dict[str, int] = {}
    photos = []
    for number, row in enumerate(table.to_dict("records"), start=1):
        values = {str(column): str(value) for column, value in row.items() if not pd.isna(value)}
        image_id = values.get("image_id")
        if image_id is None:
            raise ValueError(f"{url}: row {number} lacks image_id")
        if numbers.setdefault(image_id, number) != number:
            both = f"rows {numbers[image_id]} and {number}"
            raise ValueError(f"{url}: {both} are both {short(image_id)}: rename one")
        if "iuv" in values and "uv" in values:
            named = f"row {number} ({short(image_id)})"
            raise ValueError(f"{url}: {named} has both iuv and uv: give one")
        values |= {column: paths.url(values[column]) for column in FILES if column in values}
        photos.append(Photo(**{"item_id": item_id(image_id), **values}))
    return photos


def facings(url: str, allowed: Collection[str]) -> dict[str, str]:
    """Which way people face, by image id, where the column `facing` of a table says it.

    Raises ValueError for a value that is not `allowed`.
    """
    table = read_user_table(url, {"image_id": ID}, {"facing": TEXT})
    if "facing" not in table.columns:
        return {}
    known = table.dropna(subset=["facing"])
    said = {str(i): str(value) for i, value in zip(known["image_id"], known["facing"], strict=True)}
    for image_id, value in said.items():
        if value not in allowed:
            raise ValueError(
                f"{url}: {short(image_id)} has facing {short(value)}, which is none of "
                f"{', '.join(allowed)}"
            )
    return said


class _Paths:
    """The paths of a table in a folder.

    A path with backslashes is taken for Windows', unless the folder has a file of that very name.
    """

    def __init__(self, folder: str):
        self.folder = folder

    def url(self, path: str) -> str:
        windows = "\\" in path and path not in self._names
        return resolved(slashed(path) if windows else path, self.folder)

    @cached_property
    def _names(self) -> set[str]:
        return {file.name for file in Store(self.folder).list()}
