"""The command `reposer`, to which our packages' names mean ours.

They are plain words (`models`, `eval`), as those of a person's own packages on PYTHONPATH may be.
"""

import sys
from pathlib import Path


def main() -> int:
    """Run the command line; returns the exit code."""
    sys.path.insert(0, str(Path(__file__).parent))
    from pipelines.cli import main as command

    return command()
