"""What `--help` prints: the commands by task, and each command's keys."""

import re
import textwrap
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
    sections = _sections(keys_of(command.config))
    width = max(len(_name(key)) for keys in sections.values() for key in keys)
    dry_run = " [--dry-run]" if command.dry_run else ""
    lines = [
        command.about,
        "",
        f"usage: reposer {command.words} [--config FILE] [--print-config]{dry_run} [key=value ...]",
        "",
        "example:",
        f"  {command.example}",
    ]
    for title, keys in sections.items():
        if keys:
            lines += ["", f"{title}:", *(line for key in keys for line in _lines(key, width))]
    return "\n".join(lines)


def _sections(keys: list[Key]) -> dict[str, list[Key]]:
    """The keys by title, nested ones where the outermost is, without those of another command."""
    sections: dict[str, list[Key]] = {"required": [], "optional": [], "output and execution": []}
    required = {key.name for key in keys if key.required}
    elsewhere = tuple(f"{key.name}." for key in keys if key.command)
    for key in keys:
        outermost = re.split(r"[.\[]", key.name)[0]
        if outermost in Run.model_fields:
            sections["output and execution"].append(key)
        elif not key.name.startswith(elsewhere):
            sections["required" if outermost in required else "optional"].append(key)
    return sections


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
