"""The command line: `reposer COMMAND [--config FILE] [dotted.key=value ...]`."""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version

import yaml

from pipelines.cli.arguments import UsageError, find_command, read_config
from pipelines.cli.help import command_help, overview
from pipelines.runs.log import log
from pipelines.runs.stopping import Stopped

# What the system says of a path that a person gave wrong.
MISTAKES = (
    FileNotFoundError,
    NotADirectoryError,
    IsADirectoryError,
    FileExistsError,
    PermissionError,
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code.

    0 done, 1 failed, 2 wrong usage, 3 a threshold was crossed, 130 and 143 stopped by a signal.
    """
    return guarded(lambda: _main(sys.argv[1:] if arguments is None else arguments))


def guarded(command: Callable[[], int]) -> int:
    """Call a command; a mistake, or a fault of the world's, is told in one line."""
    try:
        return command()
    except Stopped as stopped:
        log(f"reposer: {stopped}", "error", exit_code=143)
        return 143
    except KeyboardInterrupt:
        log("reposer: interrupted; the same command resumes", "error", exit_code=130)
        return 130
    except Exception as error:
        cause = getattr(error, "cause", None)  # Ray wraps what a worker raised
        known = cause if isinstance(cause, Exception) else error
        if os.environ.get("REPOSER_TRACEBACK") or not isinstance(known, ValueError | OSError):
            raise
        text = str(known)
        if isinstance(known, OSError) and known.filename:
            text = f"{known.filename}: {known.strerror}"
        code = 2 if isinstance(known, (ValueError, *MISTAKES)) else 1
        log(f"reposer: {' '.join(text.split())}", "error", exit_code=code)
        return code


def _main(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(f"reposer {version('reposer')}")
        return 0
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    command, rest = find_command(arguments)
    if "--help" in rest or "-h" in rest:
        print(command_help(command))
        return 0
    flags = {"--print-config", "--dry-run"} & set(rest)
    config = read_config(command, [a for a in rest if a not in flags])
    if "--print-config" in flags:
        print(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), end="")
        return 0
    if "--dry-run" in flags and not command.dry_run:
        raise UsageError(f"{command.words} has no --dry-run")
    do: Callable[..., int] = import_module(command.module).run
    return do(config, dry=True) if "--dry-run" in flags else do(config)
