"""Writes to a local disk that are whole or not at all.

A file is written under a temporary name in the root, synced, and then renamed or linked to its own.
"""

import os
import time
import uuid
from pathlib import Path

WRITING = ".writing-"  # the names of incomplete files, in the root, begin so
STALE_SECONDS = 3600.0


def put(root: str, name: str, data: bytes) -> None:
    """Write a file whole; it replaces one of that name."""
    final = _place(root, name)
    temporary = _write_aside(root, data)
    try:
        temporary.replace(final)
    except OSError:
        temporary.unlink()  # the disk may need its space
        raise
    _sync_folder(final.parent)


def create(root: str, name: str, data: bytes) -> bool:
    """Write a file whole if there is none of that name; whether it was written."""
    final = _place(root, name)
    temporary = _write_aside(root, data)
    try:
        os.link(temporary, final)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    _sync_folder(final.parent)
    return True


def sweep(root: str) -> None:
    """Remove incomplete files that killed writers left."""
    for left in Path(root).glob(f"{WRITING}*"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            left.unlink(missing_ok=True)  # another driver may remove it, too


def _place(root: str, name: str) -> Path:
    final = Path(root, name)
    final.parent.mkdir(parents=True, exist_ok=True)
    return final


def _write_aside(root: str, data: bytes) -> Path:
    temporary = Path(root, WRITING + uuid.uuid4().hex)
    temporary.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)  # the disk may need its space
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
