"""One self-contained HTML page a run: no script, no request, pictures inside."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader

Shown = tuple[str, Sequence[bytes]]  # a caption, and pictures


class Grid(NamedTuple):
    """Encoded pictures (JPEG) in rows and columns, which begin with a caption and a picture each.

    None where there is no picture.
    """

    columns: Sequence[tuple[str, bytes | None]]
    rows: Sequence[tuple[tuple[str, bytes | None], Sequence[bytes | None]]]


def run_page(
    url: str,
    manifest: dict[str, Any],
    failures: Sequence[dict[str, Any]],
    titles: Sequence[str],
    samples: Sequence[Shown],
    asked: dict[str, Any] | None = None,
    matrix: Grid | None = None,
) -> str:
    """The page of a run.

    `failures` are dicts of kind, rows and (the first) message; `samples` are captions with one
    encoded picture (JPEG) a title. `asked` is a dict of a question to a person, advice, titles and
    samples of its own, and lines to be copied. `matrix` are renders, by source and target pose.
    """
    return render_page(
        "run_page.html",
        url=url,
        command=manifest["command"],
        totals=manifest["totals"],
        timings=manifest["timings"],
        failures=failures,
        titles=titles,
        samples=_inlined(samples),
        asked=asked and {**asked, "samples": _inlined(asked["samples"])},
        matrix=matrix and _inlined_grid(matrix),
        made_by=json.dumps({k: manifest[k] for k in ("identity", "versions")}, indent=2),
    )


def _inlined(samples: Sequence[Shown]) -> list[dict[str, Any]]:
    return [{"caption": caption, "pictures": [inline(p) for p in row]} for caption, row in samples]


def _inlined_grid(grid: Grid) -> dict[str, Any]:
    def head(caption: str, picture: bytes | None) -> dict[str, Any]:
        return {"caption": caption, "picture": picture and inline(picture)}

    return {
        "columns": [head(*column) for column in grid.columns],
        "rows": [
            {"head": head(*first), "cells": [cell and inline(cell) for cell in cells]}
            for first, cells in grid.rows
        ],
    }


def render_page(template: str, **values: object) -> str:
    """A template of this folder, filled."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=loader)
    return environment.get_template(template).render(values)


def inline(jpeg: bytes) -> str:
    """A picture as a URL that holds it."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
