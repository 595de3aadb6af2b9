"""Injects every fault, and prints what became of the rows: the table of docs/reliability.md."""

import os
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults import processes, storage
from tests.faults.harness import Proof, table
from tests.faults.proxy import KINDS
from tests.helpers.s3_server import seaweedfs

Scenario = Callable[[str], Proof]


def on_both_stores() -> Iterator[Scenario]:
    """Scenarios that mean the same on local disk and on S3."""
    for point in processes.WORKER_POINTS:
        yield lambda url, p=point: processes.worker_killed(url, p)
    for point in processes.DRIVER_POINTS[:2]:
        yield lambda url, p=point: processes.driver_killed(url, "ray", p)
    for point in processes.DRIVER_POINTS:
        yield lambda url, p=point: processes.driver_killed(url, "local", p)
    for engine, grace in (("ray", 25), ("ray", 0), ("local", 25)):
        yield lambda url, e=engine, g=grace: processes.driver_stopped(url, e, g)
    yield processes.two_drivers


def on_clusters_of_their_own() -> Iterator[Scenario]:
    """Scenarios that start and end nodes."""
    yield processes.node_lost
    yield lambda url: processes.node_joins(url)[0]
    yield lambda url: processes.cluster_scales(url)[0]


def rows_that_end_workers() -> Iterator[Scenario]:
    """Rows that do what they must not, with the default limits."""
    for how in processes.POISONS:
        yield lambda url, h=how: processes.poison(url, h)


def of_s3() -> Iterator[Scenario]:
    """What S3 does; a scenario with actors starts its own Ray, which inherits its address."""
    for kinds in (*([kind] for kind in KINDS), KINDS):
        yield lambda url, k=kinds: storage.struck(url, *k)
    yield lambda url: storage.struck(url, *KINDS, engine="ray")
    yield lambda url: storage.silent_for_longer_than_a_row(url, "503", 40)
    for engine in ("local", "ray"):
        yield lambda url, e=engine: storage.server_killed(e, 10)
        yield lambda url, e=engine: storage.away_for_good(url, e)
        yield lambda url, e=engine: storage.expired(url, e)
    for what in storage.MISTAKES:
        yield lambda url, w=what: storage.mistake(url, w)[0]
    yield lambda url: storage.never_answered(url)[0]


def of_disks() -> Iterator[Scenario]:
    """What local disks do; only root can mount them."""
    for engine in ("local", "ray") if os.geteuid() == 0 else ():
        yield lambda folder, e=engine: storage.full_disk(folder, e)
        yield lambda folder, e=engine: storage.read_only(folder, e)


def main() -> int:
    """Run all of them; returns 1 when one was not as it should be."""
    proofs: list[Proof] = []
    broken = 0
    with seaweed_and_folders() as (local, s3):

        def run(scenarios: Iterator[Scenario], *stores: Callable[[], str]) -> None:
            nonlocal broken
            for scenario in scenarios:
                for store in stores:
                    start = time.monotonic()
                    try:
                        proofs.append(scenario(store()))
                        print(f"{proofs[-1]} ({time.monotonic() - start:.0f} s)", file=sys.stderr)
                        broken += not proofs[-1].whole
                    except Exception:
                        broken += 1
                        traceback.print_exc()

        with processes.cluster():
            run(on_both_stores(), local, s3)
            run(rows_that_end_workers(), local)
        run(on_clusters_of_their_own(), local, s3)
        run(of_s3(), s3)
        run(of_disks(), local)
    print(table(proofs))
    return int(broken > 0)


@contextmanager
def seaweed_and_folders() -> Iterator[tuple[Callable[[], str], Callable[[], str]]]:
    """Makers of fresh URLs, on local disk and on an S3 server."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "s3").mkdir()
        bucket = stack.enter_context(seaweedfs(folder / "s3"))
        yield lambda: str(folder / uuid.uuid4().hex), lambda: f"{bucket}/{uuid.uuid4().hex}"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
