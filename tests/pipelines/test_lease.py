import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.runs import lease
from pipelines.runs.lease import Lease, LeaseLost, LeaseTaken, Term, held
from tests.helpers.leases import Contender, contenders
from tests.helpers.load import stretch
from workers.data.storage import Store

RACERS = 8


def dead_term(store: Store, number: int = 1, ago: float = 3600.0) -> None:
    """Leave the term of an owner that died: it expired `ago` seconds ago."""
    expires = datetime.now(UTC) - timedelta(seconds=ago)
    term = Term(owner="dead", host="h", pid=1, id=uuid.uuid4().hex, since=expires, expires=expires)
    store.put(f"lease/{number:08d}.json", term.model_dump_json().encode())


def terms(store: Store) -> list[str]:
    return [file.name for file in store.list("lease")]


def work(store: Store, seconds: float, within: Callable[[Lease], None] = Lease.ensure) -> None:
    with held(store, "worker", seconds) as mine:
        within(mine)


def race(url: str) -> list[Lease]:
    """The leases that racing threads got; none is released before all have tried."""
    barrier = threading.Barrier(RACERS)

    def take(stack: ExitStack) -> Lease | None:
        store = Store(url)
        barrier.wait()
        try:
            return stack.enter_context(held(store, "racer", 60))
        except LeaseTaken:
            return None

    with ThreadPoolExecutor(RACERS) as pool, ExitStack() as all_of_them:
        stacks = [all_of_them.enter_context(ExitStack()) for _ in range(RACERS)]
        return [won for won in pool.map(take, stacks) if won]


def test_one_of_many_racers_wins_a_free_lease_and_a_dead_owners(store_url: str) -> None:
    store, n = Store(store_url), 0
    for _ in range(20 if store.local else 1):  # SeaweedFS: see below
        n += 1
        assert [won.name for won in race(store_url)] == [f"lease/{n:08d}.json"]
        dead_term(store, n := n + 1)
        n += 1
        assert [won.name for won in race(store_url)] == [f"lease/{n:08d}.json"]


def test_one_of_many_processes_succeeds_a_dead_owner(store_url: str) -> None:
    # SeaweedFS takes a second for creates of one name that come at once.
    urls = [f"{store_url}/{n}" for n in range(1 if store_url.startswith("s3") else 12)]
    for url in urls:
        dead_term(Store(url))
    with contenders(RACERS, urls, seconds=60, skew=30) as racers:
        for racer in racers:
            racer.go_on()
        tries = [racer.tries() for racer in racers]
    for of_one_url in zip(*tries, strict=True):
        assert of_one_url.count("held") == 1
        assert sum("is being worked on by contender" in said for said in of_one_url) == RACERS - 1


def test_a_refusal_says_who_and_until_when_and_a_release_frees_at_once(store_url: str) -> None:
    store = Store(store_url)
    with held(store, "evaluate 2026-07-01", 60) as mine:
        with (
            pytest.raises(
                LeaseTaken,
                match=r"evaluate 2026-07-01 \(process \d+ on .+ since .+ "
                r"expires at .+ free by itself from",
            ) as refusal,
            held(store, "another", 60),
        ):
            pass
        assert "\n" not in str(refusal.value)
        assert not mine.lost
    with held(store, "another", 60) as theirs:
        assert theirs.name == "lease/00000002.json"


def test_the_lease_is_released_when_the_work_fails(tmp_path) -> None:
    store = Store(str(tmp_path))
    with pytest.raises(KeyError), held(store, "one", 60):
        raise KeyError
    with held(store, "another", 60):
        pass


def test_a_live_owner_keeps_the_lease_beyond_its_length(store_url: str) -> None:
    store, busy = Store(store_url), stretch()
    end = time.monotonic() + 3 * busy
    with held(store, "long", 1.5 * busy, skew=0.1) as mine:
        while time.monotonic() < end:
            with pytest.raises(LeaseTaken), held(store, "another", 1, skew=0.1):
                pass
            time.sleep(0.05)
        mine.ensure()
    assert len(terms(store)) == 1


@contextmanager
def owner_of(url: str) -> Iterator[Contender]:
    """A process that holds the lease of a URL, for a second at a time."""
    with contenders(1, [url], seconds=1, skew=0.3) as (owner,):
        owner.go_on()
        assert owner.tries() == ["held"]
        yield owner


def test_a_killed_owner_is_succeeded_once_its_lease_expires(store_url: str) -> None:
    store = Store(store_url)
    with owner_of(store_url) as owner:
        owner.send(signal.SIGKILL)
        killed = time.monotonic()
        while True:
            try:
                with held(store, "heir", 60, skew=0.3):
                    break
            except LeaseTaken:
                time.sleep(0.02)
    # Between a third of the lease and all of it was left, and the allowance for the clocks.
    assert 0.3 < time.monotonic() - killed < 10


def test_a_suspended_owner_learns_that_it_lost(store_url: str) -> None:
    store = Store(store_url)
    with owner_of(store_url) as owner:
        owner.send(signal.SIGSTOP)
        time.sleep(1.4)
        with held(store, "heir", 60, skew=0.3) as heir:
            owner.send(signal.SIGCONT)
            owner.go_on()
            assert "the lease of contender was lost" in owner.says()
            assert max(terms(store)) == heir.name  # what the loser wrote last changed nothing
            heir.ensure()


def test_an_owner_that_cannot_renew_learns_it(tmp_path, monkeypatch) -> None:
    store = Store(str(tmp_path))

    def away(name: str, data: bytes) -> None:
        raise OSError("the storage does not answer")

    def cut_off(mine: Lease) -> None:
        monkeypatch.setattr(store, "put", away)
        mine.ensure()
        time.sleep(1.2 * seconds)
        assert mine.lost

    seconds = 0.3 * stretch()
    with pytest.raises(LeaseLost, match="the storage does not answer"):
        work(store, seconds, cut_off)
    with pytest.raises(LeaseTaken):  # within the allowance for the clocks
        work(Store(store.url), 60)


def test_a_renewal_answered_too_late_does_not_count(tmp_path, monkeypatch) -> None:
    store = Store(str(tmp_path))
    put = store.put

    def renew_late(mine: Lease) -> None:
        def late(name: str, data: bytes) -> None:
            put(name, data)
            mine.until = time.monotonic()

        monkeypatch.setattr(store, "put", late)
        mine.renew()

    with pytest.raises(LeaseLost):
        work(store, 60, renew_late)


def test_a_created_term_whose_answer_got_lost_is_held(tmp_path, monkeypatch) -> None:
    store = Store(str(tmp_path))
    create = store.create
    monkeypatch.setattr(store, "create", lambda name, data: create(name, data) and False)
    with held(store, "deaf", 60) as mine:
        mine.ensure()
    assert terms(store) == [mine.name]


@pytest.mark.parametrize(("seconds_ahead", "taken"), [(20, True), (-3600, True), (40, False)])
def test_a_clock_may_be_wrong_by_the_allowance(
    tmp_path, monkeypatch, seconds_ahead: float, taken: bool
) -> None:
    store = Store(str(tmp_path))
    dead_term(store, ago=0)
    now = datetime.now(UTC) + timedelta(seconds=seconds_ahead)
    monkeypatch.setattr(lease, "_now", lambda: now)
    if taken:
        with pytest.raises(LeaseTaken):
            work(store, 60)
    else:
        work(store, 60)


def test_an_owner_finds_out_when_a_wrong_clock_took_its_lease(tmp_path) -> None:
    store = Store(str(tmp_path))

    def robbed(mine: Lease) -> None:
        dead_term(store, 2)
        time.sleep(0.6 * seconds)
        assert mine.lost

    seconds = 0.9 * stretch()
    with pytest.raises(LeaseLost, match=r"lease/00000002.json was taken: the machines' clocks"):
        work(store, seconds, robbed)


def test_a_clock_set_back_does_not_prolong_a_lease(tmp_path, monkeypatch) -> None:
    now = datetime.now(UTC)

    def set_back(mine: Lease) -> None:
        monkeypatch.setattr(lease, "_now", lambda: now - timedelta(hours=1))
        mine.until = time.monotonic()

    with pytest.raises(LeaseLost):
        work(Store(str(tmp_path)), 60, set_back)
