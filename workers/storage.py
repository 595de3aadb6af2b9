"""Files at a URL: a local folder, file:// or s3://, through fsspec.

A file appears under its name whole or not at all. On S3 a put is atomic by itself (a multipart
upload shows nothing before it is completed); locally it is a rename of a synced temporary file
that lived in another folder. A stream to the final name would not do: an exception inside an open
fsspec or pyarrow S3 stream publishes what was written so far.
"""

import errno
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
from fsspec.implementations.local import LocalFileSystem

WRITING = ".writing-"  # begins the names, in the store's root, of local files not yet whole
STALE_SECONDS = 3600.0


class StorageError(ValueError):
    """The storage refused; the message is one line that names the URL and what to do."""


class FileInfo(NamedTuple):
    """One listed file."""

    name: str  # relative to the store's root
    size: int  # bytes
    modified: float  # seconds since the epoch


class Store:
    """The files under one URL."""

    def __init__(self, url: str):
        self.url = url.rstrip("/") or "/"
        self.fs, self.root = _filesystem(self.url)
        self.local = isinstance(self.fs, LocalFileSystem)

    def __reduce__(self) -> tuple:
        return Store, (self.url,)

    def path(self, name: str) -> str:
        """The file system's own path of a file."""
        return f"{self.root}/{name}" if name else self.root

    def read(self, name: str) -> bytes:
        """The bytes of a file; FileNotFoundError when there is none."""
        with _named(self.url, name):
            return self.fs.cat_file(self.path(name))

    def open(self, name: str) -> Any:
        """A seekable reader, for Parquet footers and single row groups."""
        with _named(self.url, name):
            return self.fs.open(self.path(name), "rb")

    def tail(self, name: str, size: int) -> bytes:
        """The last `size` bytes of a file."""
        with _named(self.url, name):
            return self.fs.tail(self.path(name), size)

    def list(self, folder: str = "") -> list[FileInfo]:
        """The files below a folder, by name; a folder that does not exist holds none."""
        with _named(self.url, folder):
            try:
                found = self.fs.find(self.path(folder), detail=True)
            except FileNotFoundError:
                return []
        start = len(self.root.rstrip("/")) + 1
        files = [
            FileInfo(path[start:], info["size"], _modified(info))
            for path, info in found.items()
            if not path[start:].startswith(WRITING)
        ]
        return sorted(files)

    def put(self, name: str, data: bytes) -> None:
        """Write a file whole, replacing one of that name."""
        with _named(self.url, name):
            if not self.local:
                self.fs.pipe_file(self.path(name), data)
                return
            temporary = self._write_aside(data)
            final = Path(self.path(name))
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(final)
            _sync_folder(final.parent)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file whole, only if there is none of that name; whether it was written."""
        with _named(self.url, name):
            try:
                if not self.local:
                    self.fs.pipe_file(self.path(name), data, mode="create")
                    return True
                temporary = self._write_aside(data)
                final = Path(self.path(name))
                final.parent.mkdir(parents=True, exist_ok=True)
                try:
                    os.link(temporary, final)
                finally:
                    temporary.unlink()
                _sync_folder(final.parent)
                return True
            except FileExistsError:
                return False
            except OSError as error:
                # SeaweedFS answers a lost race with a status that s3fs turns into EINVAL.
                if not self.local and error.errno == errno.EINVAL and self.exists(name):
                    return False
                raise

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        with _named(self.url, name):
            return self.fs.exists(self.path(name))

    def sweep(self) -> None:
        """Remove what writers that were killed long ago left in the root."""
        if self.local:
            for left in Path(self.root).glob(f"{WRITING}*"):
                if time.time() - left.stat().st_mtime > STALE_SECONDS:
                    left.unlink()

    def _write_aside(self, data: bytes) -> Path:
        temporary = Path(self.path(WRITING + uuid.uuid4().hex))
        temporary.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return temporary


def read_bytes(url: str) -> bytes:
    """The bytes of one file at any URL."""
    folder, _, name = url.rpartition("/")
    return Store(folder or ("/" if url.startswith("/") else ".")).read(name)


def list_files(url: str) -> list[str]:
    """The files of a folder (not below it) or of a glob, as URLs, sorted."""
    fs, path = _filesystem(url)
    with _named(url, ""):
        if any(c in path for c in "*?["):
            found = [p for p, info in fs.glob(path, detail=True).items() if info["type"] == "file"]
        elif fs.isdir(path):
            found = [info["name"] for info in fs.ls(path, detail=True) if info["type"] == "file"]
        else:
            raise StorageError(f"{url}: no such folder")
    return sorted(p if isinstance(fs, LocalFileSystem) else fs.unstrip_protocol(p) for p in found)


def _filesystem(url: str) -> tuple[Any, str]:
    try:
        # Listings are never cached: other workers write to the same folders.
        fs, path = fsspec.url_to_fs(url, use_listings_cache=False)
    except (ValueError, ImportError) as error:
        raise StorageError(f"{url}: {error}; use a path, file:// or s3://") from error
    return fs, path


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


@contextmanager
def _named(url: str, name: str) -> Iterator[None]:
    """Turn the storage libraries' errors into one line that names the URL and the remedy."""
    try:
        yield
    except (StorageError, FileNotFoundError, FileExistsError):
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        for sign, remedy in _REMEDIES.items():
            if sign in text:
                where = f"{url}/{name}" if name else url
                raise StorageError(f"{where}: {remedy}") from error
        raise


_NO_CREDENTIALS = "no S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_NO_KEY = "the S3 server does not know AWS_ACCESS_KEY_ID"
_WRONG_SECRET = "the S3 server rejects AWS_SECRET_ACCESS_KEY"
_DENIED = "the S3 server denies access with these AWS_* credentials"
_NO_ANSWER = "the S3 server does not answer; check AWS_ENDPOINT_URL"
_NO_BUCKET = "the bucket does not exist; create it first"
_REMEDIES = {
    "NoCredentials": _NO_CREDENTIALS,
    "Unable to locate credentials": _NO_CREDENTIALS,
    "InvalidAccessKeyId": _NO_KEY,
    "access key ID you provided": _NO_KEY,
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "signature we calculated": _WRONG_SECRET,
    "Access Denied": _DENIED,
    "Forbidden": _DENIED,
    "Invalid endpoint": "AWS_ENDPOINT_URL is no URL (http://host:port wanted)",
    "Could not connect": _NO_ANSWER,
    "EndpointConnectionError": _NO_ANSWER,
    "bucket does not exist": _NO_BUCKET,
    "NoSuchBucket": _NO_BUCKET,
    "Permission denied": "permission denied",
    "Read-only file system": "the file system is read-only",
    "No space left": "no space left on the device",
}
