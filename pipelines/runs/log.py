"""What a command tells on stderr while it works: a line an event.

With REPOSER_LOG=json in the environment each line is a JSON object.
"""

import json
import os
import sys
from datetime import UTC, datetime

from rich.console import Console

console = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)


def as_json() -> bool:
    """Whether events are wanted as JSON."""
    return os.environ.get("REPOSER_LOG", "").lower() == "json"


def log(message: str, level: str = "info", **facts: object) -> None:
    """Tell an event; `facts` are further fields of its JSON object."""
    if not as_json():
        console.print(message, markup=False)
        return
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    event = {"time": now, "level": level, "message": message, **facts}
    print(json.dumps(event, ensure_ascii=False), file=sys.stderr, flush=True)
