"""What lies below a folder that other programs write to, too: files, links, and leftovers."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

# What systems leave in folders, beside names that begin with a dot; in lower case.
LEFTOVERS = {
    "__macosx", "thumbs.db", "desktop.ini", "@eadir", "#recycle", "$recycle.bin",
    "system volume information", "lost+found",
}  # fmt: skip


class FileInfo(NamedTuple):
    """One listed file."""

    name: str  # relative to the folder that was listed
    size: int  # bytes; 0 of a link that leads nowhere
    modified: float  # seconds since the epoch


class Listing(NamedTuple):
    """What lies below a folder, each by name; names are relative to it."""

    root: str  # the folder, as a path or URL that ends in /
    files: list[FileInfo]
    folders: list[str]  # where only some levels were asked for
    leftovers: list[str]  # of other programs, folders whole: neither files nor folders of ours
    loops: list[str]  # links to a folder that holds them, which are not followed

    @property
    def urls(self) -> list[str]:
        """The files, by the URLs that read them."""
        return [self.root + file.name for file in self.files]


class Entry(NamedTuple):
    """A file or folder below the one that is listed, before leftovers are sorted out."""

    file: FileInfo
    kind: Literal["file", "folder", "loop"] = "file"


def leftover(name: str) -> str | None:
    """The file or folder, of those on a path, that other programs left; None if there is none."""
    parts = name.split("/")
    for at, part in enumerate(parts, start=1):
        if part.startswith(".") or part.lower() in LEFTOVERS:
            return "/".join(parts[:at]) + ("/" if at < len(parts) else "")
    return None


def collected(root: str, entries: Iterator[Entry]) -> Listing:
    """Entries as a listing of the folder `root`."""
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
    """What lies in a local folder, `depth` levels deep, links followed; nothing in leftovers.

    A link that leads nowhere is a file, which cannot be read.
    """
    return _walk(root, "", (os.path.realpath(root),), depth)


def _walk(root: str, folder: str, above: tuple[str, ...], depth: int | None) -> Iterator[Entry]:
    try:
        entries = os.scandir(f"{root}/{folder}")
    except (FileNotFoundError, NotADirectoryError):  # never there, or just removed
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
    """Of what a link leads to, else of the link; None of what was just removed."""
    for follow in (True, False):
        try:
            return Path(path).stat(follow_symlinks=follow)
        except FileNotFoundError:
            continue
        except OSError:  # links that lead to each other
            if not follow:
                raise
    return None
