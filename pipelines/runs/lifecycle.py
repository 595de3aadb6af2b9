"""A run's life at its URL: opened by its plan, resumed, counted, finished by its manifest.

`plan.json` is created if there is none. Running the same command again resumes the run; another
command, config, input or model is refused, naming what differs. The files in the tables' folders
are the only record of progress.
"""

import json
from collections import Counter
from typing import Any

from pipelines.runs.dataset_card import CARD, dataset_card
from pipelines.runs.outline import MANIFEST, PLAN, RunError, count_rows, read_manifest
from pipelines.runs.plan import KEYS, Plan, read_plan, versions
from workers.data.storage import Store
from workers.shards.names import file_name

POSES = "poses"  # where a run of render keeps a run of its own: the poses that it makes first


def open_run(store: Store, plan: Plan) -> Plan:
    """Write the plan of a new run, or resume the run of the same plan.

    Returns `plan` itself where the run is new, else the plan that is there. Raises RunError, naming
    what differs, where the folder holds another run.
    """
    if not has_begun(store, PLAN, "run"):
        # Before plan.json, which names it. Another driver writes the same bytes, or another file.
        store.put(plan.keys_file, plan.keys.to_parquet())
        if store.create(PLAN, plan.to_json()):
            return plan
    written = read_plan(store)
    refuse_another(store, (written.command, written.identity), (plan.command, plan.identity))
    return written


def has_begun(store: Store, file: str, kind: str) -> bool:
    """Whether a URL holds `file`, with which a run of the kind begins.

    Raises RunError where it holds other files instead.
    """
    files = [found.name for found in store.list() if not found.name.startswith(KEYS)]
    names = [name for name in files if not name.startswith(f"{POSES}/")]
    if names and file not in names:
        raise RunError(
            f"{store.url} is not empty ({names[0]}) and holds no {kind}; use another out="
        )
    return file in names


def refuse_another(
    store: Store, written: tuple[str, dict[str, Any]], wanted: tuple[str, dict[str, Any]]
) -> None:
    """RunError, naming what differs, unless a URL's run has the wanted command and identity."""
    if written[0] != wanted[0]:
        raise RunError(f"{store.url} holds a run of {written[0]}; use another out=")
    old, new = _flat(written[1]), _flat(wanted[1])
    differences = [
        f"{key}: {old.get(key, 'absent')} there, {new.get(key, 'absent')} now"
        for key in sorted(old | new)
        if old.get(key) != new.get(key)
    ]
    if differences:
        raise RunError(
            f"{store.url} holds another run ({'; '.join(differences)}); use another out="
        )


def finish(store: Store, plan: Plan, timings: dict[str, Any]) -> dict[str, Any]:
    """Check that every planned row is there once; write dataset card and manifest, return this."""
    reports = list(count_rows(store, plan, plan.names))
    rows = sum(r.rows for r in reports)
    planned = {file_name(table, shard) for shard in plan.names for table in plan.tables}
    for table in plan.tables:
        for file in store.list(table):
            if file.name not in planned:
                raise RunError(f"{store.url}/{file.name} is not this run's: move it elsewhere")
    if rows != plan.rows:
        raise RunError(f"{store.url} holds {rows} rows of {plan.rows} planned")
    failures = sum((r.failed for r in reports), Counter[str]())
    totals = {
        "rows": rows,
        "ok": rows - failures.total(),
        "failed": failures.total(),
        "failures": dict(failures.most_common()),
        "shards": len(plan.lengths),
    }
    manifest = {
        "command": plan.command,
        "plan": plan.hash,
        "identity": plan.identity,
        "totals": totals,
        "timings": timings,
        "versions": versions(),
    }
    store.put(CARD, dataset_card(plan, totals).encode())
    store.put(MANIFEST, json.dumps(manifest, indent=2).encode())
    store.sweep()
    return manifest


def finished_run(url: str, command: str) -> Plan:
    """The plan of a finished run of a command; RunError where there is none."""
    store = Store(url)
    plan = read_plan(store)
    if plan.command != command:
        raise RunError(f"{url} holds a run of {plan.command}, a run of {command} is wanted")
    if read_manifest(store) is None:
        raise RunError(f"{url} is not finished; run its command again first")
    return plan


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat |= _flat(item, f"{prefix}{key}.")
        else:
            flat[prefix + key] = item
    return flat
