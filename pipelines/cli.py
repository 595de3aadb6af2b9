"""The command line: `reposer COMMAND [--config FILE] [dotted.key=value ...]`."""

import difflib
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from configs import (
    benchmark,
    checkpoint,
    demo,
    evaluate,
    extract,
    render,
    run,
    study,
    synthesize,
    train,
)
from pipelines.runs.stopping import Stopped


@dataclass(frozen=True)
class Command:
    """A command: its words, the config it takes, and the module whose `run` does it."""

    words: str
    config: type[BaseModel]
    module: str
    about: str
    example: str
    first: str | None = None  # the key that a bare first argument sets


COMMANDS = [
    Command("demo", demo.DemoConfig, "demo", "render the bundled sample, in under a minute",
            "reposer demo out=demo-out"),
    Command("extract", extract.ExtractConfig, "extract",
            "turn photographs and their DensePose results into a catalog",
            "reposer extract input=photos/ uv=iuv/ out=catalog"),
    Command("render", render.RenderConfig, "render", "render a catalog's people in new poses",
            "reposer render catalog=catalog poses=poses model=symmetry out=renders"),
    Command("evaluate", evaluate.EvaluateConfig, "evaluation.evaluate",
            "measure generated images against photographs, or compare two such runs",
            "reposer evaluate renders=renders catalog=catalog metrics=[ssim_dsc] out=metrics"),
    Command("synthesize", synthesize.SynthesizeConfig, "synthesize",
            "make a catalog of the sample world: dressed bodies with exact UV maps",
            "reposer synthesize items=100 views=4 size=256 seed=0 out=world"),
    Command("train inpainter", train.TrainInpainterConfig, "training.train",
            "train f, which completes the texture of a photograph",
            "reposer train inpainter catalog=world held_out=test out=inpainter"),
    Command("train generator", train.TrainGeneratorConfig, "training.train",
            "train g, which paints the new view, on a trained f",
            "reposer train generator catalog=world inpainter=inpainter out=model"),
    Command("benchmark report", benchmark.ReportConfig, "benchmark.report",
            "set the finished variants of a benchmark side by side",
            "reposer benchmark report out=benchmark"),
    Command("benchmark", benchmark.BenchmarkConfig, "benchmark.benchmark",
            "train one variant of the method, render held-out pairs and score them",
            "reposer benchmark --config configs/benchmark/full.yaml out=benchmark"),
    Command("study build", study.StudyBuildConfig, "study.build",
            "make an A/B user study of runs: a balanced design, pages, blinded pictures",
            "reposer study build runs=[ours,theirs] catalog=catalog participants=20 out=study"),
    Command("study serve", study.StudyServeConfig, "study.serve",
            "serve a study to its participants, and keep their answers",
            "reposer study serve pack=study"),
    Command("study analyze", study.StudyAnalyzeConfig, "study.analyze",
            "turn a study's answers into preferences with honest intervals",
            "reposer study analyze answers=study/answers.db pack=study out=preferences"),
    Command("checkpoint import", checkpoint.CheckpointImportConfig, "checkpoint",
            "turn the authors' inpainter.pth and refiner.pth into a checkpoint",
            "reposer checkpoint import inpainter=inpainter.pth refiner=refiner.pth out=checkpoint"),
    Command("runs show", run.ShowConfig, "runs.show", "tell a run's progress, totals and failures",
            "reposer runs show renders", first="url"),
]  # fmt: skip

USAGE = "usage: reposer COMMAND [--config FILE] [--print-config] [--dry-run] [dotted.key=value ...]"


# What the system says of a path that a person gave wrong.
MISTAKES = (FileNotFoundError, NotADirectoryError, IsADirectoryError, FileExistsError,
            PermissionError)  # fmt: skip


class UsageError(ValueError):
    """A wrong argument; the message is one line."""


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
        print(f"reposer: {stopped}", file=sys.stderr)
        return 143
    except KeyboardInterrupt:
        print("reposer: interrupted; the same command resumes", file=sys.stderr)
        return 130
    except Exception as error:
        cause = getattr(error, "cause", None)  # Ray wraps what a worker raised
        known = cause if isinstance(cause, Exception) else error
        if os.environ.get("REPOSER_TRACEBACK") or not isinstance(known, ValueError | OSError):
            raise
        text = str(known)
        if isinstance(known, OSError) and known.filename:
            text = f"{known.filename}: {known.strerror}"
        print(f"reposer: {' '.join(text.split())}", file=sys.stderr)
        return 2 if isinstance(known, (ValueError, *MISTAKES)) else 1


def _main(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(f"reposer {version('reposer')}")
        return 0
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    command, rest = _find(arguments)
    if "--help" in rest or "-h" in rest:
        print(_help(command))
        return 0
    flags = {"--print-config", "--dry-run"} & set(rest)
    config = _config(command, [a for a in rest if a not in flags])
    if "--print-config" in flags:
        print(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), end="")
        return 0
    do: Callable[..., int] = import_module(f"pipelines.{command.module}").run
    if "--dry-run" not in flags:
        return do(config)
    if "dry" not in inspect.signature(do).parameters:
        raise UsageError(f"{command.words} has no --dry-run")
    return do(config, dry=True)


def _find(arguments: list[str]) -> tuple[Command, list[str]]:
    for command in COMMANDS:
        words = command.words.split()
        if arguments[: len(words)] == words:
            return command, arguments[len(words) :]
    names = [command.words for command in COMMANDS]
    near = difflib.get_close_matches(" ".join(arguments[:2]), names, 1, 0.5) or (
        difflib.get_close_matches(arguments[0], names, 1, 0.4)
    )
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"no command {arguments[0]!r}{hint} (commands: {', '.join(names)})")


def _config(command: Command, arguments: list[str]) -> BaseModel:
    """The validated config: the file's values, overridden by those on the line."""
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
        raise UsageError(_one_line(command, error)) from None


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
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _one_line(command: Command, error: ValidationError) -> str:
    problems = []
    keys = [key for key, _, _ in _fields(command.config)]
    for detail in error.errors():
        # A union adds its members' names to the place, a list adds indices: neither is a key.
        key = ".".join(str(p) for p in detail["loc"] if str(p).isidentifier())
        match detail["type"]:
            case "missing" if isinstance(detail["loc"][-1], int):
                problems.append(f"{key}: {len(detail['input'])} values are too few")
            case "extra_forbidden":
                near = difflib.get_close_matches(key, keys, 1, 0.5)
                hint = f", did you mean {near[0]}?" if near else f" (keys: {', '.join(keys)})"
                problems.append(f"unknown key {key}{hint}")
            case _ if not key:
                problems.append(detail["msg"].removeprefix("Value error, "))
            case "missing":
                problems.append(f"{key}= is missing")
            case _:
                said = detail["msg"].removeprefix("Value error, ")
                problems.append(f"{key}={detail['input']}: {said[0].lower()}{said[1:]}")
    return f"{command.words}: " + "; ".join(dict.fromkeys(problems))


def _fields(config: type[BaseModel], prefix: str = "") -> list[tuple[str, str, str]]:
    """Each key of a config, its default and its description."""
    rows = []
    for name, field in config.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            rows += _fields(field.annotation, f"{prefix}{name}.")
        else:
            default = (
                "required"
                if field.is_required()
                else yaml.safe_dump(
                    field.default if not isinstance(field.default, tuple) else list(field.default),
                    default_flow_style=True,
                ).split("\n")[0]
            )
            rows.append((prefix + name, default, field.description or ""))
    return rows


def _overview() -> str:
    width = max(len(command.words) for command in COMMANDS)
    lines = [f"  {command.words:{width}}  {command.about}" for command in COMMANDS]
    return "\n".join([USAGE, "", *lines, "", "reposer COMMAND --help lists a command's keys"])


def _help(command: Command) -> str:
    rows = _fields(command.config)
    width = max(len(key) for key, _, _ in rows)
    lines = [f"  {key:{width}}  {about} [{default}]" for key, default, about in rows]
    return "\n".join(
        [f"reposer {command.words}: {command.about}", "", f"  {command.example}", "", *lines]
    )
