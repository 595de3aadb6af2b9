"""What a run makes of its storage's faults, and what a store does beneath it."""

import os
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.cli import main
from pipelines.runs.lifecycle import read_manifest
from pipelines.runs.plan import read_plan
from tests.faults import storage
from tests.faults.harness import Proof
from tests.faults.proxy import KINDS, Proxy, proxy
from tests.helpers.catalogs import rows_of
from tests.helpers.evaluations import evaluate, write_folders
from tests.helpers.load import stretch
from tests.helpers.marks import needs_root
from workers.data.retrying import CredentialsError, StorageUnavailable, retry_policy, retrying
from workers.data.storage import Store, list_files
from workers.shards.keys import Key
from workers.shards.rows import failed_render, render_id
from workers.shards.shard import Job, Rows, Worker
from workers.shards.supervise import Limits, Supervisor

pytestmark = pytest.mark.s3
slow = pytest.mark.slow
ENGINES = ["local", "ray"]


@pytest.fixture
def url(s3_url: str) -> str:
    """An empty URL on S3."""
    return f"{s3_url}/{uuid.uuid4().hex}"


@pytest.fixture
def between(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """This process's S3 behind a proxy that does nothing yet; a second's wait."""
    monkeypatch.setattr(retry_policy, "wait_seconds", 1.0)
    monkeypatch.setattr(retry_policy, "on_wait", lambda said: None)
    with (
        proxy(os.environ["AWS_ENDPOINT_URL"], share=0, seconds=0.2) as made,
        storage.endpoint(AWS_ENDPOINT_URL=made.url),
    ):
        yield made


def whole(proof: Proof) -> None:
    """Every planned row is there once, and none has failed."""
    assert proof.whole, proof
    assert proof.failed == {}, proof


# A store, through the proxy


def test_a_store_is_whole_behind_a_broken_network(
    between: Proxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_policy, "wait_seconds", 60.0)
    between.kinds, between.share = KINDS, 0.2

    @settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.binary(max_size=300_000), min_size=1, max_size=3))
    def round_trips(contents: list[bytes]) -> None:
        store = Store(f"{url}/{uuid.uuid4().hex}")
        for n, data in enumerate(contents):
            store.put(f"t/ä {n}.bin", data)
            assert store.create(f"c/{n}", data) or store.read(f"c/{n}") == data
            assert not store.create(f"c/{n}", b"another")
            assert store.read(f"c/{n}") == store.read(f"t/ä {n}.bin") == data
            with store.open(f"t/ä {n}.bin") as file:
                assert file.read() == data
        assert [(f.name, f.size) for f in store.list("t")] == [
            (f"t/ä {n}.bin", len(data)) for n, data in enumerate(contents)
        ]

    round_trips()
    assert between.injected.total() > 0.05 * between.requests


def test_of_16_that_create_one_wins(between: Proxy, url: str) -> None:
    for kinds in ((), ("409", "slow")):
        between.kinds, between.share = kinds, 0.3
        store, start = Store(f"{url}/{len(kinds)}"), threading.Barrier(16)

        def race(n: int, store: Store = store, start: threading.Barrier = start) -> bool:
            start.wait()
            return store.create("plan.json", str(n).encode())

        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(race, range(16)))
        assert won.count(True) == 1
        assert store.read("plan.json") == str(won.index(True)).encode()


def test_a_list_has_all_pages(between: Proxy, url: str) -> None:
    store = Store(url)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: store.put(f"t/{n:04d}", b"1"), range(1100)))
    between.kinds, between.share = ("503", "short"), 0.2
    assert [file.name for file in store.list("t")] == [f"t/{n:04d}" for n in range(1100)]


@slow
def test_an_upload_in_parts_is_whole_or_absent(between: Proxy, url: str) -> None:
    store, data = Store(url), os.urandom(101 * 2**20)
    between.kinds, between.share = ("503",), 1
    with pytest.raises(StorageUnavailable):
        store.put("t/large", data)
    between.share = 0
    assert store.list("t") == []
    between.kinds, between.share = ("lost", "404", "cut"), 0.3
    store.put("t/large", data)
    between.share = 0
    assert [file.size for file in store.list("t")] == [len(data)]
    assert store.read("t/large") == data


def test_a_refused_picture_is_one_failed_pair(between: Proxy, url: str) -> None:
    generated, reference = write_folders(url, count=3)
    refused = Store(generated).list()[1].name
    between.kinds, between.share, between.where = ("403",), 1, refused.partition("__")[0]
    call = [f"generated={generated}", f"reference={reference}", "metrics=[l1]", f"out={url}/out"]
    assert evaluate(*call, "max_failed_fraction=0.5") == 0
    between.share = 0
    rows = {row["generated"]: row for row in rows_of(f"{url}/out", "scores")}
    assert [name for name, row in rows.items() if row["status"] == "failed"] == [refused]
    assert rows[refused]["error_type"] == "StorageError"
    assert "the S3 server denies access" in rows[refused]["error_message"]


def test_an_outage_does_not_read_as_absence(
    between: Proxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.data.retrying.ATTEMPTS", 1)
    monkeypatch.setattr(retry_policy, "wait_seconds", 0.0)
    store = Store(url)
    for n in range(4):
        store.put(f"photos/{n}/a.jpg", b"1")
    between.kinds, between.share = ("503",), 1
    for request in (
        lambda: store.exists("photos/0/a.jpg"),
        lambda: store.list("photos"),
        lambda: store.read("photos/0/a.jpg"),
    ):
        with pytest.raises(StorageUnavailable):
            request()
    between.share = 0.6  # of the folders that a glob lists, some fail
    for _ in range(3):
        try:
            assert len(list_files(f"{url}/photos/*/*.jpg").files) == 4
        except StorageUnavailable:
            continue


def test_a_refusal_is_no_damage_and_no_absence(between: Proxy, url: str) -> None:
    between.kinds, between.share = ("400",), 1
    for read in (read_plan, read_manifest):
        with pytest.raises(CredentialsError):
            read(Store(url))


def test_expired_credentials_are_told(between: Proxy, url: str) -> None:
    between.kinds, between.share = ("400",), 1
    with pytest.raises(CredentialsError, match="renew AWS_SESSION_TOKEN"):
        Store(url).list()


@dataclass(frozen=True)
class Waiting:
    """Makes a worker whose every row waits for the storage."""

    seconds: float

    def __call__(self) -> Worker:
        return self._rows

    def _rows(self, keys: Sequence[Key]) -> Iterator[Rows]:
        for key in keys:
            retrying("a store", lambda: time.sleep(self.seconds))
            yield {"renders": [{"render_id": key[0]}]}


def test_a_row_that_waits_for_its_storage_does_not_hang() -> None:
    seconds = 1.5 * stretch()  # beside the worker's pulse, which is four a second
    job = Job(("renders",), Waiting(2 * seconds), render_id, failed_render)
    worker = Supervisor(job, Limits(row_seconds=seconds, memory_bytes=4e9, attempts=1), print)
    try:
        assert list(worker([("a", "b")])) == [{"renders": [{"render_id": "a"}]}]
    finally:
        worker.stop()


# Runs, in processes of their own


def test_a_run_is_whole_behind_a_broken_network(url: str) -> None:
    whole(storage.struck(url, *KINDS))


@slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_outlives_each_fault(url: str, kind: str) -> None:
    whole(storage.struck(url, kind))


@slow
def test_a_run_on_ray_is_whole_behind_a_broken_network(url: str) -> None:
    whole(storage.struck(url, *KINDS, engine="ray"))


@slow
@pytest.mark.parametrize("away", [3, 10])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_that_comes_back_is_waited_for(engine: str, away: float) -> None:
    whole(storage.server_killed(engine, away))


@slow
@pytest.mark.parametrize("kind", ["503", "silent"])
def test_no_row_is_blamed_for_an_outage(url: str, kind: str) -> None:
    whole(storage.silent_for_longer_than_a_row(url, kind, 40))


@slow
@pytest.mark.parametrize("engine", ENGINES)
def test_an_outage_for_good_ends_a_run_that_can_be_resumed(url: str, engine: str) -> None:
    whole(storage.away_for_good(url, engine))


@slow
@pytest.mark.parametrize("engine", ENGINES)
def test_no_row_is_blamed_for_expired_credentials(url: str, engine: str) -> None:
    whole(storage.expired(url, engine))


@pytest.mark.parametrize("what", storage.MISTAKES)
def test_mistakes_are_told_in_one_line(
    url: str, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(retry_policy, "wait_seconds", 0.0)
    remedy, environment = storage.MISTAKES[what]
    start = time.monotonic()
    with storage.endpoint(**environment):
        assert main(["runs", "show", url]) in (1, 2)
    assert time.monotonic() - start < 20
    (line,) = capsys.readouterr().err.splitlines()
    assert remedy in line


@slow
@pytest.mark.parametrize("what", storage.MISTAKES)
def test_a_run_with_a_mistake_ends_in_seconds(url: str, what: str) -> None:
    proof, seconds = storage.mistake(url, what)
    whole(proof)
    assert seconds < 30, proof


@slow
def test_a_server_that_never_answers_is_told(url: str) -> None:
    proof, seconds = storage.never_answered(url)
    whole(proof)
    assert seconds < 90, proof


@needs_root
@slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_full_disk_ends_a_run_that_can_be_resumed(tmp_path, engine: str) -> None:
    whole(storage.full_disk(str(tmp_path), engine))


@needs_root
@slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_read_only_output_is_told(tmp_path, engine: str) -> None:
    whole(storage.read_only(str(tmp_path), engine))
