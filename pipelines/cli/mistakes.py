"""What is wrong with the keys and values that a person gave, in one line."""

import difflib
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipelines.cli.commands import Command
from pipelines.cli.keys import RENAMED, Key, keys_of

Place = tuple[str | int, ...]  # of a value: ("gates", 0, "metric")


def told(command: Command, values: dict[str, Any], error: ValidationError) -> str:
    """The line that says what pydantic found wrong with the values of a command's config."""
    keys = {key.name: key for key in keys_of(command.config)}
    problems = [_problem(command, keys, values, details) for details in error.errors()]
    return f"{command.words}: {'; '.join(dict.fromkeys(problems))}"


def _problem(
    command: Command, keys: dict[str, Key], values: dict[str, Any], details: ErrorDetails
) -> str:
    place, kind = details["loc"], details["type"]
    names = [_dotted(place[:n]) for n in range(len(place) + 1)]
    if kind == "extra_forbidden":
        return f"unknown key {names[-1]}{_hint(command, keys, names[-1])}"
    if kind == "missing" and names[-1] in keys:
        return f"{names[-1]}= is missing"
    said = details["msg"].removeprefix("Value error, ")
    # Where a list or a union is wrong, its place goes on to a member, which is no key.
    depth = max((n for n, name in enumerate(names) if name in keys), default=0)
    key = keys.get(names[depth])
    if key is None or (kind == "value_error" and not key.type):  # a rule about several keys
        return said
    given = f"{key.name}={_value_at(values, place[:depth], details['input'])}"
    if kind == "value_error":
        return f"{given}: {said}"
    return f"{given}: {f'expected {key.type}' if key.type else _its_keys(key, keys)}"


def _dotted(place: Place) -> str:
    """The key at a place: gates[].metric for ("gates", 0, "metric")."""
    return "".join("[]" if isinstance(p, int) else f".{p}" for p in place).removeprefix(".")


def _value_at(values: Any, place: Place, default: Any) -> Any:
    """The value that was given at a place; the default for one that follows from others."""
    for part in place:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return default
    return values


def _its_keys(mapping: Key, keys: dict[str, Key]) -> str:
    if mapping.command:
        return f"it has the keys of `reposer {mapping.command}`"
    inner = [name for name in keys if name.startswith(f"{mapping.name}.")]
    return f"its keys are {', '.join(inner)}"


def _hint(command: Command, keys: dict[str, Key], unknown: str) -> str:
    """The key that was meant by an unknown one."""
    above, dot, last = unknown.rpartition(".")
    if last in RENAMED and (renamed := f"{above}{dot}{RENAMED[last]}") in keys:
        return f": use {renamed}"
    near = [name for name in keys if name.rpartition(".")[2] == last]
    near = near or difflib.get_close_matches(unknown, keys, 1, 0.5)
    return f", did you mean {near[0]}?" if near else f" ({command.words} --help lists the keys)"
