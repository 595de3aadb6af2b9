"""A driver to be killed: `python -m tests.faults.driver CONFIG MODEL [POINT MARKER WHOSE]`.

CONFIG is a render config as JSON, MODEL an expression over `tests.faults.models`. POINT is where
the process kills itself, once: `after plan`, `before put` or `after put`; WHOSE is `driver`, or
`worker` for the actor that commits. WAIT_SECONDS in the environment says how long it waits for a
storage.
"""

import os
import sys
from dataclasses import replace

from configs.render import RenderConfig
from pipelines import render
from pipelines.cli import guarded
from pipelines.runs import execute
from tests.faults import models


def main(config: RenderConfig, model: str, point: str, marker: str, whose: str) -> int:
    """Render; the exit code is the command's."""
    load_model = eval(model, dict(vars(models)))
    plan, job = render.prepare(config, load_model)
    if point == "after plan":
        execute.finished_shards = lambda *a: models.die() if models.once(marker) else {}
    elif whose == "driver":
        models.arm(point, marker)
    elif point:
        job = replace(job, row_id=models.Armed(job.row_id, point, marker))
    execute.WAIT_SECONDS = float(os.environ.get("WAIT_SECONDS", execute.WAIT_SECONDS))
    execute.execute(job, plan, config)
    return 0


if __name__ == "__main__":
    text, expression, *rest = sys.argv[1:]
    settings = RenderConfig.model_validate_json(text)
    sys.exit(guarded(lambda: main(settings, expression, *(rest or ("", "", "")))))
