"""Names the files of a folder that a command does not read, so that none is ignored silently."""

from collections.abc import Container, Sequence

from pipelines.runs.log import log
from workers.data.listing import Listing
from workers.data.names import utf8

NAMED = 5  # files a message; it counts the others
_told: set[str] = set()  # a study lists its references once for each method


def tell_ignored(url: str, listing: Listing, read: Container[str]) -> None:
    """Name, once, the files that are not in `read`, and those that no command reads."""
    others = [file.name for file in listing.files if file.name not in read]
    others += [f"{name}/" for name in listing.folders]
    _tell(f"ignored in {url}", sorted(others))
    _tell(f"skipped in {url}, as other programs' leftovers", listing.leftovers)
    _tell(f"not followed in {url}, as links to a folder that holds them", listing.loops)


def _tell(what: str, names: Sequence[str]) -> None:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    line = f"{what} ({len(names)}): {', '.join(map(utf8, names[:NAMED]))}{more}"
    if names and line not in _told:
        _told.add(line)
        log(line)
