"""The dataset card of a finished run: `README.md` beside its tables, as Hugging Face reads it.

Its head names the files of each table, so that `datasets.load_dataset` of the run's folder, or of
a copy on the Hub, opens the tables and nothing else.
"""

from typing import Any

import pyarrow as pa
import yaml

from pipelines.runs.outline import Outline
from pipelines.runs.plan import Plan
from workers.data.tables import SCHEMAS

CARD = "README.md"
# The Hub's own names of sizes, by the number of rows below which they hold.
SIZES = {
    10**3: "n<1K",
    10**4: "1K<n<10K",
    10**5: "10K<n<100K",
    10**6: "100K<n<1M",
    10**7: "1M<n<10M",
    10**8: "10M<n<100M",
}
TEXT = """
# {command}

{ok:,} rows made by `reposer {command}`, and {failed:,} that failed: their `status` is `failed`, and
`error_type` and `error_message` say why. `manifest.json` and `plan.json` say how they were made.

```python
from datasets import load_dataset

rows = load_dataset("FOLDER", "{main}", split="train")  # of this file
```
"""


def dataset_card(plan: Plan | Outline, totals: dict[str, Any]) -> str:
    """The card of a run, of its plan and the totals of its manifest."""
    main = plan.tables[-1]
    tables = [
        {"config_name": name, "data_files": f"{name}/*.parquet"}
        | ({"default": True} if name == main else {})
        for name in plan.tables
    ]
    size = next((name for rows, name in SIZES.items() if plan.rows < rows), "n>100M")
    head = {"pretty_name": plan.command, "size_categories": [size], "configs": tables}
    text = TEXT.format(command=plan.command, main=main, **totals)
    columns = "".join(_columns(name, SCHEMAS[name]) for name in plan.tables)
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n{text}{columns}"


def _columns(name: str, schema: pa.Schema) -> str:
    """The columns of a table, and what its schema says of them."""
    about = {
        key.decode().removeprefix("reposer."): value.decode()
        for key, value in (schema.metadata or {}).items()
        if key.startswith(b"reposer.") and key != b"reposer.schema_version"
    }
    lines = [f"\n## {name}\n", "| column | type | |", "|---|---|---|"]
    for field in schema:
        values = (field.metadata or {}).get(b"values", b"").decode()
        said = about.pop(field.name, values).replace("|", "\\|")
        lines.append(f"| {field.name} | {str(field.type).replace('|', ' ')} | {said} |")
    notes = [f"- {key}: {value}".replace("|", "\\|") for key, value in about.items()]
    return "\n".join([*lines, *(["", *notes] if notes else []), ""])
