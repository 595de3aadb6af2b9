"""The files, links and other programs' leftovers below a folder."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

# What systems leave in folders, besides names that begin with a dot; in lower case.
LEFTOVERS = {
    "__macosx",
    "thumbs.db",
    "desktop.ini",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
}


class FileInfo(NamedTuple):
    """One listed file."""

    name: str  # relative to the folder that was listed
    size: int  # bytes; 0 for a link that leads nowhere
    modified: float  # seconds since the epoch


class Listing(NamedTuple):
    """What lies below a folder, sorted by name; names are relative to it."""

    root: str  # the folder, as a path or URL that ends in /
    files: list[FileInfo]
    folders: list[str]  # only where the depth was limited
    leftovers: list[str]  # other programs' files and folders, which stand in no other list
    loops: list[str]  # links to a folder that holds them; they are not followed

    @property
    def urls(self) -> list[str]:
        """The URLs of the files."""
        return [self.root + file.name for file in self.files]


class Entry(NamedTuple):
    """A file or folder below the listed one, which may be a leftover."""

    file: FileInfo
    kind: Literal["file", "folder", "loop"] = "file"


def leftover(name: str) -> str | None:
    """The first leftover among the folders and the file of a path; None if there is none."""
    parts = name.split("/")
    for at, part in enumerate(parts, start=1):
        if part.startswith(".") or part.lower() in LEFTOVERS:
            return "/".join(parts[:at]) + ("/" if at < len(parts) else "")
    return None


def collected(root: str, entries: Iterator[Entry]) -> Listing:
    """The listing of the folder `root` that has these entries."""
    found = Listing(root, [], [], [], [])
    leftovers = set()
    for file, kind in entries:
        if left := leftover(file.name):
            leftovers.add(f"{left}/" if kind == "folder" and left == file.name else left)
        elif kind == "file":
            found.files.append(file)
        else:
            (found.folders if kind == "folder" else found.loops).append(file.name)
    for names in found[1:]:
        names.sort()
    return found._replace(leftovers=sorted(leftovers))


def walk(root: str, depth: int | None = None) -> Iterator[Entry]:
    """The entries of a local folder, `depth` levels deep; leftovers are not entered.

    Links are followed. A link that leads nowhere is a file that cannot be read.
    """
    return _walk(root, "", (os.path.realpath(root),), depth)


def _walk(root: str, folder: str, above: tuple[str, ...], depth: int | None) -> Iterator[Entry]:
    try:
        entries = os.scandir(f"{root}/{folder}")
    except (FileNotFoundError, NotADirectoryError):  # never there, or removed meanwhile
        return
    with entries:
        for entry in entries:
            about = _stat(entry.path)
            if about is None:
                continue
            file = FileInfo(folder + entry.name, about.st_size, about.st_mtime)
            if stat.S_ISLNK(about.st_mode):
                yield Entry(file._replace(size=0))
            elif stat.S_ISREG(about.st_mode):
                yield Entry(file)
            elif stat.S_ISDIR(about.st_mode):
                real = os.path.realpath(entry.path)
                if entry.is_symlink() and any(f"{a}/".startswith(f"{real}/") for a in above):
                    yield Entry(file, "loop")
                    continue
                yield Entry(file, "folder")
                if (depth is None or depth > 1) and not leftover(entry.name):
                    deeper = depth and depth - 1
                    yield from _walk(root, f"{file.name}/", (*above, real), deeper)


def _stat(path: str) -> os.stat_result | None:
    """The target of a link, else the link itself; None if it was removed meanwhile."""
    for follow in (True, False):
        try:
            return Path(path).stat(follow_symlinks=follow)
        except FileNotFoundError:
            continue
        except OSError:  # links that lead to each other
            if not follow:
                raise
    return None
