"""Finds what an extraction reads: photographs alone, or photographs and their UV maps."""

from configs.extract import ExtractConfig
from workers.data.listing import Listing
from workers.data.storage import list_files, split_pattern
from workers.data.user_tables import SUFFIXES
from workers.extraction.extraction import Input, Photo
from workers.extraction.folders import Files, by_role, joined
from workers.extraction.input_tables import rows
from workers.extraction.videos import Frames, frames_of, list_input


def photographs(config: ExtractConfig) -> Input:
    """The photographs of a folder, glob or table, without the maps that lie beside them.

    Raises ValueError as `photographs_with_maps` does.
    """
    if _is_table(config.input):
        return Input(rows(config.input, maps=False))
    listing = list_input(config.input)
    found, frames = found_in(config, listing)
    found = found._replace(maps={})
    if not found.photographs:
        raise ValueError(f"{config.input}: no photographs there, and no videos")
    return input_of(joined(found, found), {config.input: listing}, frames)


def photographs_with_maps(config: ExtractConfig) -> Input:
    """Photographs with their UV maps, by id; a table's rows stay in their order.

    In folders and globs, files belong together by their names (`workers.extraction.folders`). A map
    of `input` without a photograph is a pose. A photograph without a map becomes a failed row.
    Maps are those in the folder `uv`, else those in the photographs' own folders.
    Raises ValueError when nothing is found, when two files have one name, and for tables that lack
    columns or values.
    """
    if _is_table(config.input):
        return Input(rows(config.input, maps=True))
    listings = listed(config)
    found, frames = found_in(config, listings[config.input])
    if not found.photographs and not found.maps:
        raise ValueError(f"{config.input}: no photographs and no UV maps there")
    maps = by_role(*beside(config, listings))
    if config.uv is None and not maps.maps:
        raise ValueError(
            f"{config.input}: photographs, but no UV maps (NAME_IUV.png or NAME.npy); "
            "extractor=bodyfit makes them"
        )
    return input_of(joined(found, maps), listings, frames)


def found_in(config: ExtractConfig, listing: Listing) -> tuple[Files, Frames | None]:
    """The files of `input` by role. Where it has videos and no photographs, frames are these."""
    found = by_role(listing.root, listing.urls)
    if found.photographs or not found.videos:
        return found._replace(videos={}), None
    frames = frames_of(found.videos, config.every)
    return found._replace(photographs=frames.photographs), frames


def input_of(photos: list[Photo], listings: dict[str, Listing], frames: Frames | None) -> Input:
    """What is read, of photographs in listed folders that may be frames of videos."""
    if frames is None:
        return Input(photos, listings)
    return Input(photos, listings, said=frames.said, pixels=frames.pixels)


def listed(config: ExtractConfig) -> dict[str, Listing]:
    """What lies in the folders that a config names for photographs and for their maps, by URL."""
    listings = {config.input: list_input(config.input)}
    return listings | ({config.uv: list_files(config.uv)} if config.uv else {})


def beside(config: ExtractConfig, listings: dict[str, Listing]) -> tuple[str, list[str]]:
    """The root and the URLs of the files among which the photographs' maps are."""
    root, urls = listings[config.uv or config.input].root, listings[config.uv or config.input].urls
    if config.uv is None and split_pattern(config.input)[1]:
        # A pattern may match the photographs alone; their maps lie in the same folders.
        folders = sorted({url.rpartition("/")[0] for url in urls})
        urls = [url for folder in folders for url in list_files(folder).urls]
    return root, urls


def table_of(config: ExtractConfig) -> str | None:
    """The URL of the table that names the photographs, if `input` is one."""
    return config.input if _is_table(config.input) else None


def _is_table(url: str) -> bool:
    return url.lower().endswith(SUFFIXES) and not split_pattern(url)[1]
