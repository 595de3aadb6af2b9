"""One self-contained HTML page a run: no script, no request, pictures inside."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader


def run_page(
    url: str,
    manifest: dict[str, Any],
    failures: Sequence[dict[str, Any]],
    titles: Sequence[str],
    samples: Sequence[tuple[str, Sequence[bytes]]],
) -> str:
    """The page of a run.

    `failures` are dicts of kind, rows and (the first) message; `samples` are captions with one
    encoded picture (JPEG) a title.
    """
    return render_page(
        "run_page.html",
        url=url,
        command=manifest["command"],
        totals=manifest["totals"],
        timings=manifest["timings"],
        failures=failures,
        titles=titles,
        samples=[
            {"caption": caption, "pictures": [inline(p) for p in pictures]}
            for caption, pictures in samples
        ],
        made_by=json.dumps({k: manifest[k] for k in ("identity", "versions")}, indent=2),
    )


def render_page(template: str, **values: object) -> str:
    """A template of this folder, filled."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=loader)
    return environment.get_template(template).render(values)


def inline(jpeg: bytes) -> str:
    """A picture as a URL that holds it."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
