"""Tells a row's own faults, which make it a failed row, from the storage's, which end the run."""

from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")


def attempt(
    ends_run: tuple[type[Exception], ...], call: Callable[..., R], *arguments: object
) -> R | Exception:
    """What a call for one row returns, or the exception that it raises.

    Exceptions of the types `ends_run`, `UNREACHABLE` or `UNREACHABLE_OR_REFUSED` of
    `workers.data.retrying`, are raised. Any other is the row's fault: damaged input raises whatever
    the code that reads it meets.
    """
    try:
        return call(*arguments)
    except ends_run:
        raise
    except Exception as error:
        return error


def told(error: Exception) -> tuple[str, str]:
    """A failed row's `error_type` and `error_message`: the exception's class, and one line."""
    return type(error).__name__, " ".join(str(error).split())
