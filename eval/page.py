"""One self-contained HTML page a run: no script, no request, pictures inside."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment

TEMPLATE = Path(__file__).with_name("run_page.html")


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
    environment = Environment(autoescape=True, trim_blocks=True)
    return environment.from_string(TEMPLATE.read_text()).render(
        url=url,
        command=manifest["command"],
        totals=manifest["totals"],
        timings=manifest["timings"],
        failures=failures,
        titles=titles,
        samples=[
            {"caption": caption, "pictures": [_inline(p) for p in pictures]}
            for caption, pictures in samples
        ],
        made_by=json.dumps({k: manifest[k] for k in ("identity", "versions")}, indent=2),
    )


def _inline(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
