"""MediaPipe's face, where it is installed."""

import pytest

from models.face468 import FaceMesh, installed, read_mesh


def task() -> bytes:
    """The installed `face_landmarker.task`; skips the test without it."""
    try:
        return installed()
    except ValueError as error:
        pytest.skip(str(error))


def mesh() -> FaceMesh:
    """Its mesh; skips the test without it."""
    return read_mesh(task())
