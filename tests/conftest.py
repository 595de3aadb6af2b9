"""Fixtures shared by the suite."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def _research_folder(variable: str, default: str) -> Path:
    folder = Path(os.environ.get(variable, ROOT.parent / "shared" / default))
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent (research-only files; set {variable} to their folder)")
    return folder


@pytest.fixture(scope="session")
def real() -> Path:
    """Real photographs and DensePose maps, for research only."""
    return _research_folder("REPOSER_REAL", "real")


@pytest.fixture(scope="session")
def golden() -> Path:
    """Outputs of the authors' released code."""
    return _research_folder("REPOSER_GOLDEN", "golden")
