"""Runs in processes of their own, and the count of what their tables hold afterwards."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from configs.render import RenderConfig
from pipelines.runs.plan import read_plan
from tests.conftest import ROOT
from tests.helpers.catalogs import rows_of, write_catalog
from workers.data.storage import Store
from workers.shards.rows import render_id

ITEMS = 6  # 36 pairs in 9 shards


@dataclass(frozen=True)
class Proof:
    """What was done to a run, and what became of its rows. A row of docs/reliability.md."""

    fault: str
    done: str
    store: str  # local | s3
    planned: int
    after: int
    doubled: int
    lost: int
    failed: dict[str, int]
    seconds: float  # from the fault to the complete table

    @property
    def whole(self) -> bool:
        """Whether every planned row is there once."""
        return self.after == self.planned and not self.doubled and not self.lost


def world(folder: str, poison: str | None = None, **values: object) -> RenderConfig:
    """A catalog in `folder`, and the config of a run that renders each item in each pose.

    With `poison` the last item's pose is of that kind, and one row renders it.
    """
    ids = write_catalog(f"{folder}/catalog", ITEMS, poison={ITEMS - 1: poison} if poison else {})
    keys = {"catalog": f"{folder}/catalog", "poses": f"{folder}/catalog", "out": f"{folder}/out"}
    if poison:
        pairs = [(s, t) for s in ids for t in ids[:-1]]
        pairs.insert(len(pairs) // 2, (pairs[len(pairs) // 2][0], ids[-1]))
        text = "from,to\n" + "".join(f"{s},{t}\n" for s, t in pairs)
        Store(folder).put("pairs.csv", text.encode())
        keys["pairs"] = f"{folder}/pairs.csv"
    return RenderConfig.model_validate(keys | {"shard_rows": 4, **values})


def proof(fault: str, done: str, config: RenderConfig, seconds: float) -> Proof:
    """Count the rows of a run against its plan."""
    planned = set(map(render_id, read_plan(Store(config.out)).keys))
    rows = rows_of(config.out)
    found = Counter(row["render_id"] for row in rows)
    failures = Counter(row["error_type"] for row in rows if row["status"] != "ok")
    store = "local" if Store(config.out).local else "s3"
    return Proof(
        fault,
        done,
        store,
        len(planned),
        len(rows),
        len(rows) - len(found),
        len(planned - set(found)),
        dict(failures),
        round(seconds, 1),
    )


class Driver:
    """`reposer render` with a stand-in model, in a process of its own.

    `model` is an expression over `tests.faults.models`, such as `Slow(0.1)`; `arm` names a point
    of that module at which the driver kills itself.
    """

    def __init__(self, config: RenderConfig, model: str, *options: str, **environment: str):
        import os

        arguments = [config.model_dump_json(), model, *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.driver", *arguments],
            cwd=ROOT,
            env=os.environ | environment,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def wait(self, seconds: float = 300) -> tuple[int, str]:
        """Its exit code, and what it said on stderr."""
        said = self.process.communicate(timeout=seconds)[1]
        return self.process.returncode, said

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()


def until(condition: Callable[[], object], seconds: float = 120, what: str = "") -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what or "the condition did not come true")
        time.sleep(0.05)


def shards(config: RenderConfig) -> list[str]:
    """The committed files of a run."""
    return [file.name for file in Store(config.out).list("renders")]


def table(proofs: Sequence[Proof]) -> str:
    """Proofs as Markdown."""
    lines = [
        "| fault | what was done | store | rows planned | after | doubled | lost | failed "
        "| seconds to recover |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for p in proofs:
        failed = ", ".join(f"{n} {kind}" for kind, n in p.failed.items()) or "0"
        lines.append(
            f"| {p.fault} | {p.done} | {p.store} | {p.planned} | {p.after} | {p.doubled} "
            f"| {p.lost} | {failed} | {p.seconds} |"
        )
    return "\n".join(lines)


def marker(folder: str, name: str) -> str:
    """A path that does not exist yet, on local disk: what happened once is written there."""
    path = Path(folder, f"marker-{name}")
    return str(path)
