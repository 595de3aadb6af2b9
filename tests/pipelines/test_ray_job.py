"""`ray job submit`, as docs/operations.md has it, on a cluster of two nodes that wants a token."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.faults.harness import until
from tests.helpers.catalogs import rows_of, write_catalog
from tests.helpers.two_nodes import BIN, two_nodes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ITEMS = 20  # 400 rows
SECONDS = 600  # until a state that is waited for; a busy machine takes minutes
SUBMIT = ("submit", "--working-dir", ".", "--", "reposer", "render", "--config", "render.yaml")


@pytest.fixture(scope="module")
def dashboard() -> Iterator[str]:
    """The URL of a cluster that takes jobs."""
    with two_nodes() as url:
        until(lambda: job(url, "submit", "--", "true").returncode == 0, SECONDS)
        yield url


def command(dashboard: str, verb: str, *arguments: str) -> list[str]:
    """A call of `ray job`."""
    return [f"{BIN}/ray", "job", verb, "--address", dashboard, *arguments]


def job(
    dashboard: str, *words: str, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Call `ray job`; what it says is its stdout."""
    return subprocess.run(
        command(dashboard, *words),
        cwd=folder,
        env=os.environ | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_without_the_token_a_job_is_refused(dashboard: str) -> None:
    done = job(dashboard, "submit", "--", "true", RAY_AUTH_MODE="disabled")
    assert done.returncode != 0
    assert "token" in done.stdout.splitlines()[-1]


def test_the_same_line_resumes_what_a_stopped_job_left(dashboard: str, tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", ITEMS, size=128)
    out, said = tmp_path / "renders", tmp_path / "said"
    keys = {"catalog": f"{tmp_path}/catalog", "poses": f"{tmp_path}/catalog", "out": str(out)}
    keys |= {"model": "bundled", "shard_rows": 8, "execution": {"workers": 2}}
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "render.yaml").write_text(yaml.safe_dump(keys))

    def made() -> dict[str, float]:
        return {file.name: file.stat().st_mtime for file in out.glob("renders/*.parquet")}

    with said.open("w") as file:
        first = subprocess.Popen(command(dashboard, *SUBMIT), cwd=folder, stdout=file, stderr=file)
    try:
        until(lambda: made() or first.poll() is not None, SECONDS)
        (name,) = set(re.findall(r"raysubmit_\w+", said.read_text()))
        job(dashboard, "stop", "--no-wait", name)
        until(lambda: "stopped" in job(dashboard, "status", name).stdout, SECONDS)
    finally:
        first.kill()
        first.wait()
    before, rows = made(), rows_of(str(out))
    assert 0 < len(rows) < 400, said.read_text()
    again = job(dashboard, *SUBMIT, folder=folder)
    assert again.returncode == 0, again.stdout
    (left,) = re.findall(rf"resuming {out}, (\d+) of 400 rows left", again.stdout)
    assert 0 < int(left) <= 400 - len(rows)
    assert before.items() <= made().items()  # they were not made again
    rows = rows_of(str(out))
    assert len({row["render_id"] for row in rows}) == len(rows) == 400
    assert {row["status"] for row in rows} == {"ok"}
