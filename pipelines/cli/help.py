"""What `--help` prints: the commands by task, and each command's keys."""

import re
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from configs.run import Run
from pipelines.cli.commands import TASKS, Command
from pipelines.cli.keys import Key, keys_of

WIDTH = 100
USAGE = """usage: reposer COMMAND [--config FILE] [--print-config] [--dry-run] [key=value ...]

  --config FILE   read keys from a YAML file; keys on the line override it
  --print-config  print all keys with their values, as such a file
  --dry-run       print what would be done, and write nothing (marked *)
"""


def overview() -> str:
    """All commands, by task."""
    width = max(len(command.words) for commands in TASKS.values() for command in commands)
    lines = [USAGE]
    for task, commands in TASKS.items():
        lines.append(f"{task}:")
        lines += [
            f"  {command.words:{width}} {'*' if command.dry_run else ' '} {command.about}"
            for command in commands
        ]
        lines.append("")
    return "\n".join([*lines, "reposer COMMAND --help lists a command's keys."])


def command_help(command: Command) -> str:
    """A command's example and keys: required ones first, those of all runs last."""
    keys = list(_shown(keys_of(command.config)))
    required = {key.name for key in keys if key.required and "[]" not in key.name}
    sections: dict[str, list[Key]] = {"required": [], "optional": [], "output and execution": []}
    for key in keys:
        top = re.split(r"[.\[]", key.name)[0]
        shared = top in Run.model_fields
        own = "required" if top in required else "optional"
        sections["output and execution" if shared else own].append(key)
    width = max(len(_name(key)) for key in keys)
    dry_run = " [--dry-run]" if command.dry_run else ""
    lines = [
        command.about,
        "",
        f"usage: reposer {command.words} [--config FILE] [--print-config]{dry_run} [key=value ...]",
        "",
        "example:",
        f"  {command.example}",
    ]
    for title, members in sections.items():
        if members:
            lines += ["", f"{title}:", *(line for key in members for line in _lines(key, width))]
    return "\n".join(lines)


def _shown(keys: list[Key]) -> Iterator[Key]:
    """The keys without those that another command's help lists."""
    elsewhere = tuple(f"{key.name}." for key in keys if key.command)
    return (key for key in keys if not key.name.startswith(elsewhere or ("\0",)))


def _lines(key: Key, width: int) -> list[str]:
    """A key's type and default, and below them what it means."""
    first = f"  {_name(key):{width}}  "
    rest = " " * len(first)
    texts = [f"{key.type}; {_default(key)}"] if key.type else []
    lines = [line for text in [*texts, key.about] for line in _wrap(text, WIDTH - len(rest))]
    return [f"{first}{lines[0]}", *(f"{rest}{line}" for line in lines[1:])]


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _name(key: Key) -> str:
    return key.name if key.type else f"{key.name}.*"


def _default(key: Key) -> str:
    if key.required:
        return "required"
    return "optional" if key.default is None else f"default {_yaml(key.default)}"


def _yaml(value: Any) -> str:
    """A value as a person would type it."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000)
    return text.removesuffix("\n").removesuffix("\n...")
