"""Files at a URL: a local folder, file:// or s3://, through fsspec.

A file appears under its name whole or not at all. On S3 a put is atomic by itself (a multipart
upload shows nothing before it is completed); locally it is a rename of a synced temporary file
that lived in another folder. A stream to the final name would not do: an exception inside an open
fsspec or pyarrow S3 stream publishes what was written so far.

A remote storage that does not answer is asked again (`workers.data.retrying`). Every operation may
be repeated: a put replaces a file whole, and a create that was carried out although its answer got
lost finds its own file.
"""

import contextlib
import errno
import io
import os
import re
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import glob_translate

from workers.data.listing import Entry, FileInfo, Listing, collected, walk
from workers.data.retrying import StorageError, retrying

WRITING = ".writing-"  # begins the names, in the store's root, of local files not yet whole
STALE_SECONDS = 3600.0
ANONYMOUS, YES = "AWS_NO_SIGN_REQUEST", ("1", "yes", "true")  # for public buckets; GDAL's name
S3_OPTIONS = {"config_kwargs": {"connect_timeout": 5, "retries": {"mode": "standard"}}}
WILDCARDS = "*?["


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

    def read(self, name: str) -> bytes:
        """The bytes of a file; FileNotFoundError when there is none."""
        # One GET: s3fs would send a HEAD before it, whose refusals have no reason.
        options = {} if self.local else {"max_concurrency": 1}
        return retrying(self._where(name), lambda: self.fs.cat_file(self.path(name), **options))

    def open(self, name: str) -> Any:
        """A seekable reader, for Parquet footers and single row groups."""
        if self.local:
            return retrying(self._where(name), lambda: self.fs.open(self.path(name), "rb"))
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
        root = self.path(folder) if self.local else self._where(folder)
        entries = walk if self.local else self._walk_remote
        return retrying(
            self._where(folder),
            lambda: collected(root.rstrip("/") + "/", entries(self.path(folder), depth)),
        )

    def put(self, name: str, data: bytes) -> None:
        """Write a file whole, replacing one of that name."""
        if not self.local:
            return retrying(self._where(name), lambda: self.fs.pipe_file(self.path(name), data))
        return retrying(self._where(name), lambda: self._put_local(name, data))

    def create(self, name: str, data: bytes) -> bool:
        """Write a file whole, only if there is none of that name; whether it was written.

        False, too, when it was written and the answer got lost: read it to tell.
        """
        create = self._create_local if self.local else self._create_remote
        return retrying(self._where(name), lambda: create(name, data))

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is gone already."""
        with contextlib.suppress(FileNotFoundError):
            retrying(self._where(name), lambda: self.fs.rm_file(self.path(name)))

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return retrying(self._where(name), lambda: self.fs.exists(self.path(name)))

    def sweep(self) -> None:
        """Remove what writers that were killed long ago left in the root."""
        if self.local:
            for left in Path(self.root).glob(f"{WRITING}*"):
                if time.time() - left.stat().st_mtime > STALE_SECONDS:
                    left.unlink(missing_ok=True)  # another driver may sweep, too

    def _where(self, name: str) -> str:
        return f"{self.url}/{name}" if name else self.url

    def _walk_remote(self, path: str, depth: int | None) -> Iterator[Entry]:
        try:
            found = self.fs.find(path, depth, withdirs=depth is not None, detail=True)
        except FileNotFoundError:
            return
        for full, info in found.items():
            name, folder = full[len(path) + 1 :], info["type"] == "directory"
            if name and not (name.endswith("/") and not folder):  # as which consoles keep folders
                file = FileInfo(name.rstrip("/"), info["size"] or 0, _modified(info))
                yield Entry(file, "folder" if folder else "file")

    def _put_local(self, name: str, data: bytes) -> None:
        final = Path(self.path(name))
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._write_aside(data)
        try:
            temporary.replace(final)
        except OSError:
            temporary.unlink()  # its space may be what the disk lacks
            raise
        _sync_folder(final.parent)

    def _create_local(self, name: str, data: bytes) -> bool:
        final = Path(self.path(name))
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._write_aside(data)
        try:
            os.link(temporary, final)
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        _sync_folder(final.parent)
        return True

    def _create_remote(self, name: str, data: bytes) -> bool:
        try:
            self.fs.pipe_file(self.path(name), data, mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            # SeaweedFS answers a lost race with a status that s3fs turns into EINVAL.
            if error.errno == errno.EINVAL and self.fs.exists(self.path(name)):
                return False
            raise
        return True

    def _write_aside(self, data: bytes) -> Path:
        temporary = Path(self.path(WRITING + uuid.uuid4().hex))
        temporary.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)  # half a file would keep a full disk full
            raise
        return temporary


class _Ranges(io.RawIOBase):
    """A remote file by ranges of bytes: each read is one request, asked again where it fails.

    Unlike fsspec's own reader it neither reads ahead nor believes an answer that is too short.
    """

    def __init__(self, store: Store, name: str):
        self.store, self.name, self.position = store, name, 0
        path = store.path(name)
        self.length = int(retrying(store._where(name), lambda: store.fs.info(path))["size"])

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
        data = retrying(self.store._where(self.name), lambda: self._range(self.position, end))
        self.position = end
        return data

    def _range(self, start: int, end: int) -> bytes:
        data = self.store.fs.cat_file(self.store.path(self.name), start=start, end=end)
        if len(data) != end - start:
            raise ConnectionError(f"{len(data)} bytes came of {end - start}")
        return data


def as_path(url: str) -> str:
    """A file:// URL as the path that it is, its %20 a blank; any other URL as it is."""
    return unquote(url.removeprefix("file://")) if url.startswith("file://") else url


def read_bytes(url: str) -> bytes:
    """The bytes of one file at any URL."""
    url = as_path(url)
    folder, _, name = url.rpartition("/")
    return Store(folder or ("/" if url.startswith("/") else ".")).read(name)


def list_files(url: str) -> Listing:
    """What lies in a folder (not below it), or the files that match a pattern, and what else is
    beside them.

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
    """A URL as a folder, and the pattern that names files below it ("" where there is none).

    What exists as written is no pattern, whatever characters its name holds.
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
        # Listings are never cached: other workers write to the same folders. Of the URL only its
        # protocol is asked, for url_to_fs would see more than a name in "::".
        fs = fsspec.filesystem(protocol, use_listings_cache=False, **options)
    except (ValueError, ImportError) as error:
        raise StorageError(f"{url}: {error}; use a path, file:// or s3://") from error
    if not isinstance(fs, LocalFileSystem):
        fs.retries = 1  # of s3fs: `retrying` repeats requests, and knows for how long
        # Or a glob would leave out the folders whose listing fails.
        fs._walk = partial(type(fs)._walk, fs, on_error=_unless_absent)
    return fs, fs._strip_protocol(url)


def _unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _modified(info: dict[str, Any]) -> float:
    value = info.get("mtime", info.get("LastModified", 0.0))
    return (
        value.replace(tzinfo=value.tzinfo or UTC).timestamp()
        if isinstance(value, datetime)
        else float(value)
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
