"""What storages do: S3 throttles, breaks off, falls silent or is gone; disks are full.

Scenarios of S3 take an empty URL on the server that AWS_ENDPOINT_URL names, those of disks an
empty local folder; their drivers must start their own Ray, for they hand it their environment.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from s3fs import S3FileSystem

from configs.render import RenderConfig
from tests.faults.harness import Driver, Proof, proof, shards, until, world
from tests.faults.proxy import KINDS, proxy
from tests.helpers.environment import environment
from tests.helpers.s3_server import SeaweedFS
from workers.data.storage import Store

WHAT = {
    "503": "answers 503 SlowDown",
    "429": "answers 429",
    "cut": "hangs up inside a PUT",
    "lost": "loses the answer to a PUT that it carried out",
    "slow": "answers 1 s late",
    "short": "truncates the body of a GET",
}
ALL = len(KINDS)


def struck(url: str, *kinds: str, engine: str = "local") -> Proof:
    """Every fifth request of a run fails, in one way or in all."""
    config = world(url, execution={"engine": engine, "workers": 2})
    start = time.monotonic()
    with proxy(os.environ["AWS_ENDPOINT_URL"], *kinds) as between:
        code, said = Driver(config, "StandIn", AWS_ENDPOINT_URL=between.url).wait(300)
        assert code == 0, said
        assert len(between.injected) >= min(3, len(kinds)), between.injected
    counts = ", ".join(f"{n} {kind}" for kind, n in sorted(between.injected.items()))
    count = f"engine={engine}, of {between.requests} requests: {counts}"
    fault = "S3 does all of these" if len(kinds) == ALL else f"S3 {WHAT[kinds[0]]}"
    return proof(fault, count, config, time.monotonic() - start)


def server_killed(engine: str, away: float) -> Proof:
    """SIGKILL of SeaweedFS in mid-run; it comes back on its folder."""
    with server_of_its_own() as server:
        config = world(f"{server.url}/run", execution={"engine": engine, "workers": 2})
        driver = Driver(config, "Slow(0.3)")
        until(lambda: len(shards(config)) > 1)
        server.kill()
        start = time.monotonic()
        time.sleep(away)
        server.start()
        code, said = driver.wait()
        assert code == 0, said
        done = f"SIGKILL in mid-run, started again {away:g} s later, engine={engine}"
        return proof("SeaweedFS is killed", done, config, time.monotonic() - start)


def silent_for_longer_than_a_row(url: str, kind: str, away: float) -> Proof:
    """The catalog cannot be read for longer than row_timeout: no row is to blame.

    Only where `away` outlasts a worker's start does this tell: another may come too late to see it.
    """
    config = world(url, execution={"row_timeout": 3, "workers": 2})
    with proxy(os.environ["AWS_ENDPOINT_URL"], share=0) as between:
        driver = Driver(config, "StandIn", AWS_ENDPOINT_URL=between.url)
        until(lambda: planned(config))
        between.kinds, between.where, between.share = [kind], "/catalog/", 1
        until(lambda: between.struck, 150, "no worker has read the catalog")
        time.sleep(away)
        between.share = 0
        start = time.monotonic()
        code, said = driver.wait()
        assert code == 0, said
    done = f"{away:g} s without an answer ({kind}) to workers that read, row_timeout=3"
    return proof("S3 is away for longer than row_timeout", done, config, time.monotonic() - start)


def away_for_good(url: str, engine: str) -> Proof:
    """S3 stays away for longer than a run waits."""
    config = world(url, execution={"engine": engine, "workers": 2})
    with proxy(os.environ["AWS_ENDPOINT_URL"], "503", share=0) as between:
        driver = Driver(config, "Slow(0.3)", AWS_ENDPOINT_URL=between.url, WAIT_SECONDS="5")
        until(lambda: len(shards(config)) > 1)
        between.share = 1
        line, seconds = refused(driver, 1)
    assert "the storage does not answer" in line, line
    done = f"503 for longer than a run waits (5 s), engine={engine}: exit 1 after {seconds:.0f} s"
    return again("S3 is away for good", done, config)


# What a person gets wrong, what the one line says of it, and the environment that does it.
MISTAKES = {
    "a wrong secret": ("rejects AWS_SECRET_ACCESS_KEY", {"AWS_SECRET_ACCESS_KEY": "wrong"}),
    "an unknown key id": ("does not know AWS_ACCESS_KEY_ID", {"AWS_ACCESS_KEY_ID": "stranger"}),
    "no credentials": (
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
    ),
    "a key id without its secret": (
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        {"AWS_SECRET_ACCESS_KEY": ""},
    ),
    "nobody at the address": ("check AWS_ENDPOINT_URL", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}),
    "an address that is no URL": ("AWS_ENDPOINT_URL is no URL", {"AWS_ENDPOINT_URL": "seaweed:x"}),
}


def mistaken(url: str, what: str, remedy: str, **environment: str) -> tuple[Proof, float]:
    """A wrong address or credentials; returns also the seconds until the run has said so."""
    config = world(url, execution={"engine": "local"})
    line, seconds = refused(Driver(config, "StandIn", **environment))
    assert remedy in line, line
    return again(what, f"told in {seconds:.1f} s: “{remedy}”", config), seconds


def mistake(url: str, what: str) -> tuple[Proof, float]:
    """One of MISTAKES."""
    remedy, environment = MISTAKES[what]
    return mistaken(url, what, remedy, **environment)


def never_answered(url: str) -> tuple[Proof, float]:
    """Somebody listens, takes the first request and says nothing."""
    with proxy(os.environ["AWS_ENDPOINT_URL"], "silent", share=1) as between:
        return mistaken(
            url,
            "the server takes requests and never answers",
            "the storage does not answer",
            AWS_ENDPOINT_URL=between.url,
        )


def expired(url: str, engine: str) -> Proof:
    """The credentials expire in mid-run: no row is to blame."""
    config = world(url, execution={"engine": engine, "workers": 2})
    with proxy(os.environ["AWS_ENDPOINT_URL"], "400", share=0) as between:
        driver = Driver(config, "StandIn", AWS_ENDPOINT_URL=between.url)
        until(lambda: planned(config))
        between.where, between.share = "/catalog/", 1
        line, seconds = refused(driver)
    assert "AWS_SESSION_TOKEN" in line, line
    done = f"400 ExpiredToken from the plan on, engine={engine}: ended after {seconds:.0f} s"
    return again("the credentials expire", done, config)


def full_disk(folder: str, engine: str) -> Proof:
    """The disk has room for some of the shards; then for all."""
    with tmpfs(folder, "256k") as disk:
        config = world(folder, out=f"{disk}/out", execution={"engine": engine, "workers": 2})
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(200 * 1024))
        line, _ = refused(Driver(config, "StandIn"), 1)
        assert "no space left on the device; free some and run again" in line, line
        some = len(shards(config))
        assert 0 < some < 12
        assert not list(Path(config.out).glob(".writing-*"))
        ballast.unlink()
        done = f"full after {some} of 12 shards, engine={engine}: exit 1; freed, run again"
        return again("a full disk", done, config)


def read_only(folder: str, engine: str) -> Proof:
    """The output cannot be written, at the run's begin and after it was begun."""
    with tmpfs(folder, "16m") as disk:
        config = world(folder, out=f"{disk}/out", execution={"engine": engine, "workers": 2})
        seconds = []
        for begun in (False, True):
            if begun:
                driver = Driver(config, "Slow(0.3)")
                until(lambda: len(shards(config)) > 1)
                driver.kill()
            _remount(disk, "ro")
            line, took = refused(Driver(config, "StandIn"))
            assert "the file system is read-only" in line, line
            seconds.append(took)
            _remount(disk, "rw")
        told = f"told in {seconds[0]:.0f} s, resumed in {seconds[1]:.0f} s, engine={engine}"
        return again("a read-only output", told, config)


def planned(config: RenderConfig) -> bool:
    """Whether a run has its plan."""
    return Store(config.out).exists("plan.json")


def refused(driver: Driver, wanted: int | None = None) -> tuple[str, float]:
    """The one line with which a driver fails, and the seconds it took."""
    start = time.monotonic()
    code, said = driver.wait()
    assert code in ((1, 2) if wanted is None else (wanted,)), (code, said)
    lines = [line for line in said.splitlines() if line.startswith("reposer: ")]
    assert len(lines) == 1, said
    assert "Traceback" not in said, said
    return lines[0], time.monotonic() - start


def again(fault: str, done: str, config: RenderConfig) -> Proof:
    """The same command, without the fault."""
    start = time.monotonic()
    code, said = Driver(config, "StandIn").wait()
    assert code == 0, said
    return proof(fault, done, config, time.monotonic() - start)


@contextmanager
def server_of_its_own() -> Iterator[SeaweedFS]:
    """A SeaweedFS that may be killed, as this process's S3."""
    with tempfile.TemporaryDirectory() as folder:
        server = SeaweedFS(Path(folder))
        with endpoint(**server.environment):
            server.start()
            try:
                yield server
            finally:
                server.stop()


@contextmanager
def endpoint(**variables: str) -> Iterator[None]:
    """Another S3 for this process."""
    try:
        with environment(**variables):
            S3FileSystem.clear_instance_cache()
            yield
    finally:
        S3FileSystem.clear_instance_cache()


@contextmanager
def tmpfs(folder: str, size: str) -> Iterator[Path]:
    """A small disk; only root can make one."""
    disk = Path(folder, "disk")
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def _remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", disk], check=True)
