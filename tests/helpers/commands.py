"""Calls of the command, in this process and as it is installed."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipelines.cli import main

REPOSER = Path(sys.executable).with_name("reposer")
RENDER = ["render", "catalog=catalog", "poses=catalog", "out=renders", "execution.workers=1"]


def wrong(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a wrong call prints; its exit code is 2."""
    assert main(list(arguments)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def reposer(
    folder: Path, *arguments: str, code: int = 0, wrapper: Sequence[str] = (), **environment: str
) -> str:
    """Run the installed command in a folder, with its `path/` on PYTHONPATH; returns its stderr."""
    alone = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    done = subprocess.run(
        [*wrapper, REPOSER, *arguments],
        cwd=folder,
        text=True,
        capture_output=True,
        timeout=280,
        env=alone | {"PYTHONPATH": str(folder / "path")} | environment,
    )
    assert done.returncode == code, done.stderr
    return done.stderr
