"""From what a person typed to a command and its config, or to one line that says what is wrong."""

import difflib
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from configs.fields import Frozen
from pipelines.cli.commands import COMMANDS, Command
from pipelines.cli.mistakes import told


class UsageError(ValueError):
    """A wrong argument; the message is one line."""


def find_command(arguments: list[str]) -> tuple[Command, list[str]]:
    """The command that the arguments begin with, and the arguments that follow."""
    for command in sorted(COMMANDS, key=lambda command: -len(command.words.split())):
        words = command.words.split()
        if arguments[: len(words)] == words:
            return command, arguments[len(words) :]
    names = [command.words for command in COMMANDS]
    near = difflib.get_close_matches(" ".join(arguments[:2]), names, 1, 0.5) or (
        difflib.get_close_matches(arguments[0], names, 1, 0.4)
    )
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"no command {arguments[0]!r}{hint} (commands: {', '.join(names)})")


def read_config(command: Command, arguments: list[str]) -> Frozen:
    """The validated config: the files' values, overridden by those on the line."""
    values: dict[str, Any] = {}
    rest = list(arguments)
    while "--config" in rest:
        at = rest.index("--config")
        if at + 1 == len(rest):
            raise UsageError("--config wants a file")
        _merge(values, _read_yaml(rest[at + 1]))
        del rest[at : at + 2]
    for n, argument in enumerate(rest):
        key, equals, text = argument.partition("=")
        if not equals and n == 0 and command.first:
            key, text = command.first, argument
        elif not equals:
            raise UsageError(f"{argument!r} is not key=value ({command.words} --help lists them)")
        _merge(values, _nested(key, _value(text)))
    try:
        return command.config.model_validate(values)
    except ValidationError as error:
        raise UsageError(told(command, values, error)) from None


def _value(text: str) -> Any:
    """Lists, mappings and null as YAML reads them; else text, which the schema converts."""
    try:
        return yaml.safe_load(text) if text[:1] in ("[", "{") or text == "null" else text
    except yaml.YAMLError:
        raise UsageError(f"{text!r} is not a YAML list or mapping") from None


def _read_yaml(path: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise UsageError(f"--config {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path}: not YAML: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(f"--config {path}: a mapping of keys to values wanted")
    # `extends` names a file beside this one, whose keys this one's override.
    base = values.pop("extends", None)
    nested = _read_yaml(str(Path(path).parent / str(base))) if base else {}
    for key, value in values.items():
        _merge(nested, _nested(str(key), value))
    return nested


def _nested(key: str, value: Any) -> dict[str, Any]:
    """The mapping that a dotted key stands for."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _merge(into: dict[str, Any], values: dict[str, Any]) -> None:
    for key, value in values.items():
        there = into.get(key)
        if isinstance(value, dict) and isinstance(there, dict):
            _merge(there, value)
        elif isinstance(value, dict) and there is not None:
            raise UsageError(f"{key}={there} and {key}.{next(iter(value), '')} are both given")
        else:
            into[key] = value
