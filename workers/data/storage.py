"""Files at a URL: a local folder, file:// or s3://, through fsspec.

A file appears under its name whole or not at all. On S3 a put is atomic: a multipart upload shows
nothing before it is completed. `workers.data.local_files` has the local writes. Nothing streams to
the final name, for an exception inside an open fsspec or pyarrow S3 stream publishes what was
written so far.

Requests to a storage that does not answer are repeated (`workers.data.retrying`). Every operation
may be: a put replaces a file whole, and a create whose answer got lost finds its own file.
"""

import contextlib
import errno
import io
import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import fsspec
from fsspec.core import strip_protocol
from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import glob_translate

from workers.data import local_files
from workers.data.listing import Entry, FileInfo, Listing, collected, walk
from workers.data.retrying import StorageError, retrying

ANONYMOUS = "AWS_NO_SIGN_REQUEST"  # for public buckets; GDAL's name
YES = ("1", "yes", "true")
S3_OPTIONS = {"config_kwargs": {"connect_timeout": 5, "retries": {"mode": "standard"}}}
WILDCARDS = "*?["
READERS = 16  # threads for many small requests, whose time is all waiting


class Store:
    """The files under one URL."""

    def __init__(self, url: str):
        self.url = as_path(url).rstrip("/") or "/"
        self.fs, self.root = _filesystem(self.url)
        self.local = isinstance(self.fs, LocalFileSystem)

    def __reduce__(self) -> tuple:
        return Store, (self.url,)

    def path(self, name: str) -> str:
        """The file system's own path of a file."""
        return f"{self.root.rstrip('/')}/{name}" if name else self.root

    def url_of(self, name: str) -> str:
        """The URL of a file, for messages."""
        return f"{self.url}/{name}" if name else self.url

    def read(self, name: str) -> bytes:
        """The bytes of a file; FileNotFoundError when there is none."""
        # One GET: s3fs would send a HEAD first, whose refusals give no reason.
        options = {} if self.local else {"max_concurrency": 1}
        return retrying(self.url_of(name), lambda: self.fs.cat_file(self.path(name), **options))

    def open(self, name: str) -> Any:
        """A seekable reader, for Parquet footers and single row groups."""
        if self.local:
            return retrying(self.url_of(name), lambda: self.fs.open(self.path(name), "rb"))
        return _Ranges(self, name)

    def tail(self, name: str, size: int) -> bytes:
        """The last `size` bytes of a file."""
        with self.open(name) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read()

    def list(self, folder: str = "") -> list[FileInfo]:
        """The files below a folder, by name; a folder that does not exist holds none."""
        files = self.listing(folder).files
        return [file._replace(name=f"{folder}/{file.name}") for file in files] if folder else files

    def listing(self, folder: str = "", depth: int | None = None) -> Listing:
        """What lies below a folder, down to `depth` levels; links are followed."""
        root = self.path(folder) if self.local else self.url_of(folder)
        entries = walk if self.local else self._walk_remote
        return retrying(
            self.url_of(folder),
            lambda: collected(root.rstrip("/") + "/", entries(self.path(folder), depth)),
        )

    def put(self, name: str, data: bytes) -> None:
        """Write a file whole; it replaces one of that name."""
        if not self.local:
            return retrying(self.url_of(name), lambda: self.fs.pipe_file(self.path(name), data))
        return retrying(self.url_of(name), lambda: local_files.put(self.root, name, data))

    def create(self, name: str, data: bytes) -> bool:
        """Write a file whole if there is none of that name; whether it was written.

        Also False when it was written and the answer got lost: read the file to tell.
        """
        if not self.local:
            return retrying(self.url_of(name), lambda: self._create_remote(name, data))
        return retrying(self.url_of(name), lambda: local_files.create(self.root, name, data))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            retrying(self.url_of(name), lambda: self.fs.rm_file(self.path(name)))

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return retrying(self.url_of(name), lambda: self.fs.exists(self.path(name)))

    def sweep(self) -> None:
        """Remove incomplete files that killed writers left in the root."""
        if self.local:
            local_files.sweep(self.root)

    def _walk_remote(self, path: str, depth: int | None) -> Iterator[Entry]:
        for info in self._find(path) if depth is None else self._ls(path, depth):
            name, folder = info["name"][len(path) + 1 :], info["type"] == "directory"
            if name and not (name.endswith("/") and not folder):  # consoles keep folders as such
                file = FileInfo(name.rstrip("/"), info["size"] or 0, _modified(info))
                yield Entry(file, "folder" if folder else "file")

    def _find(self, path: str) -> Iterable[dict[str, Any]]:
        """All files below a remote folder, in one listing."""
        try:
            return self.fs.find(path, detail=True).values()
        except FileNotFoundError:
            return []

    def _ls(self, path: str, depth: int) -> Iterator[dict[str, Any]]:
        """What lies in a remote folder, `depth` levels deep.

        Not `find` with a depth, which leaves out the folders that cannot be listed.
        """
        try:
            entries = self.fs.ls(path, detail=True)
        except FileNotFoundError:
            return
        for info in entries:
            yield info
            below = info["type"] == "directory" and info["name"].rstrip("/") != path
            if below and depth > 1:
                yield from self._ls(info["name"], depth - 1)

    def _create_remote(self, name: str, data: bytes) -> bool:
        try:
            self.fs.pipe_file(self.path(name), data, mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            # s3fs makes EINVAL of SeaweedFS' answer to the loser of a race.
            if error.errno == errno.EINVAL and self.fs.exists(self.path(name)):
                return False
            raise
        return True


class _Ranges(io.RawIOBase):
    """A remote file, read by ranges of bytes: each read is one request, repeated if it fails.

    Unlike fsspec's own reader it does not read ahead, and it refuses an answer that is too short.
    """

    def __init__(self, store: Store, name: str):
        self.store, self.name, self.position = store, name, 0
        path = store.path(name)
        self.length = int(retrying(store.url_of(name), lambda: store.fs.info(path))["size"])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.length}[whence]
        self.position = base + offset
        return self.position

    def read(self, size: int | None = -1) -> bytes:
        end = self.length if size is None or size < 0 else min(self.length, self.position + size)
        if end <= self.position:
            return b""
        data = retrying(self.store.url_of(self.name), lambda: self._range(self.position, end))
        self.position = end
        return data

    def _range(self, start: int, end: int) -> bytes:
        data = self.store.fs.cat_file(self.store.path(self.name), start=start, end=end)
        if len(data) != end - start:
            raise ConnectionError(f"{len(data)} bytes came of {end - start}")
        return data


def as_path(url: str) -> str:
    """The path of a file:// URL, with %20 decoded; any other URL as it is."""
    return unquote(url.removeprefix("file://")) if url.startswith("file://") else url


def resolved(path: str, folder: str) -> str:
    """What a table's path means: an absolute path or URL itself, a relative one below `folder`."""
    return path if "://" in path or path.startswith("/") else f"{folder}/{path}"


def read_bytes(url: str) -> bytes:
    """The bytes of one file at any URL."""
    store, name = _placed(url)
    return store.read(name)


def open_file(url: str) -> Any:
    """A seekable reader of one file at any URL, which closes itself in a `with`."""
    store, name = _placed(url)
    return store.open(name)


def _placed(url: str) -> tuple[Store, str]:
    """A file's folder, and its name there."""
    url = as_path(url)
    folder, _, name = url.rpartition("/")
    return Store(folder or ("/" if url.startswith("/") else ".")), name


def list_files(url: str) -> Listing:
    """The entries of a folder (not of those below it), or the files that match a pattern.

    Raises StorageError where there is no such folder.
    """
    folder, pattern = split_pattern(url)
    store = Store(folder)
    if pattern:
        found = store.listing(depth=None if "**" in pattern else pattern.count("/") + 1)
        matches = re.compile(glob_translate(pattern)).match
        return found._replace(files=[f for f in found.files if matches(f.name)], folders=[])
    found = store.listing(depth=1)
    if not any(found[1:]) and not retrying(url, lambda: store.fs.isdir(store.root)):
        wanted = (
            "a folder or pattern wanted, this is a file" if store.exists("") else "no such folder"
        )
        raise StorageError(f"{url}: {wanted}")
    return found


def split_pattern(url: str) -> tuple[str, str]:
    """A URL as a folder, and a pattern for files below it ("" where there is none).

    What exists under that very name is no pattern, whatever characters the name holds.
    """
    url = as_path(url)
    parts = url.rstrip("/").split("/")
    for at, part in enumerate(parts):
        written = "/".join(parts[: at + 1])
        if any(c in part for c in WILDCARDS) and not Store(written).exists(""):
            return "/".join(parts[:at]) or "/", "/".join(parts[at:])
    return url, ""


def _filesystem(url: str) -> tuple[Any, str]:
    protocol = url.partition("://")[0] if "://" in url else "file"
    options: dict[str, Any] = {}
    if protocol == "s3":
        options = {**S3_OPTIONS, "anon": os.environ.get(ANONYMOUS, "").lower() in YES}
    try:
        # Listings are never cached: other workers write to the same folders. Not `url_to_fs`,
        # which takes "::" in a name for a chain of file systems.
        fs = fsspec.filesystem(protocol, use_listings_cache=False, **options)
    except (ValueError, ImportError) as error:
        raise StorageError(f"{url}: {error}; use a path, file:// or s3://") from error
    if not isinstance(fs, LocalFileSystem):
        fs.retries = 1  # of s3fs: `retrying` repeats requests, and knows for how long
    return fs, strip_protocol(url if "://" in url else f"file://{url}")


def _modified(info: dict[str, Any]) -> float:
    value = info.get("mtime", info.get("LastModified", 0.0))
    return (
        value.replace(tzinfo=value.tzinfo or UTC).timestamp()
        if isinstance(value, datetime)
        else float(value)
    )
