"""A lease: at most one process at a time works on a URL, and another may succeed a dead one.

The lease of a URL is a list of terms, `lease/00000001.json`, `lease/00000002.json` and so on; the
last one counts. To take the lease is to create the next term once the last is released or expired.
This needs nothing but create-only puts:

- A term is created once and never removed. So of all processes that find the last term over, one
  creates the next, and nothing has to be overwritten or deleted.
- Only its owner writes a term. If that comes too late, the term is no longer the last.
- The owner relies on its term until the last expiry that it has stored. Others wait until then and
  `skew` seconds more. Two processes can hold the lease only if their clocks differ by more than
  `skew`; then the owner finds the next term when it renews.

No lease on a storage can hold back a write that its owner sent before it learnt that it had lost
the lease. Runs are idempotent, so that costs work done twice, never doubled rows.

Terms stay as a record of who worked when: 300 bytes for each time that the lease was taken.
"""

import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from configs.fields import Frozen
from workers.data.storage import Store

FOLDER = "lease"
SKEW_SECONDS = 30.0  # by which two machines' clocks may differ; with NTP it is far below one


class LeaseTaken(ValueError):  # noqa: N818 - the name says what happened
    """Another process holds the lease; the message is one line."""


class LeaseLost(OSError):  # noqa: N818 - the name says what happened
    """The lease could not be renewed in time; the message is one line."""


class Term(Frozen):
    """One term of the lease, as its file holds it."""

    owner: str
    host: str
    pid: int
    id: str  # random, because process ids come again
    since: datetime
    expires: datetime  # put off by the owner as long as it lives
    released: bool = False


class Lease:
    """A lease that this process holds, renewed by a thread of `held`."""

    def __init__(self, store: Store, name: str, term: Term, until: float, seconds: float):
        self.store, self.name, self.term, self.until = store, name, term, until
        self.seconds = seconds
        self.trouble = ""

    @property
    def lost(self) -> bool:
        """Whether another process may hold the lease by now."""
        # The monotonic clock is never set back, but stands still while the machine sleeps.
        return time.monotonic() >= self.until or _now() >= self.term.expires

    def ensure(self) -> None:
        """Raise LeaseLost where the lease is lost; to be called before results are published."""
        if self.lost:
            raise LeaseLost(
                f"{self.store.url}: the lease of {self.term.owner} was lost"
                f"{self.trouble and f' ({self.trouble})'}, another process may be at work on it; "
                "the same command resumes"
            )

    def renew(self) -> None:
        """Put off the expiry, unless the lease is lost."""
        until = time.monotonic() + self.seconds
        term = self.term.model_copy(update={"expires": _now() + timedelta(seconds=self.seconds)})
        self.store.put(self.name, _json(term))
        if (last := _last(self.store)) != self.name:
            self.until, self.trouble = 0.0, f"{last} was taken: the machines' clocks differ"
        elif not self.lost:  # an answer after the expiry is too late: others may have seen it
            self.term, self.until = term, until

    def keep(self, ended: Event) -> None:
        """Renew at each third of the lease's length until `ended`."""
        while not ended.wait(self.seconds / 3) and not self.lost:
            try:
                self.renew()
            except Exception as error:  # the next attempt may come in time, or the lease expires
                self.trouble = f"{type(error).__name__}: {error}"

    def release(self) -> None:
        """Let others take the lease at once."""
        with suppress(OSError, ValueError):  # storage is away: the lease expires
            self.store.put(self.name, _json(self.term.model_copy(update={"released": True})))


@contextmanager
def held(store: Store, owner: str, seconds: float, skew: float = SKEW_SECONDS) -> Iterator[Lease]:
    """Hold the lease of a store's URL within; it is renewed, and released at the end.

    `owner` tells people who holds it. The lease of a dead owner expires after `seconds` and may be
    taken `skew` seconds later. Raises LeaseTaken when another process holds it, and LeaseLost at
    the end when it was lost within; call `ensure`, too, just before results are published.
    """
    lease = _take(store, owner, seconds, skew)
    ended = Event()
    renewer = Thread(target=lease.keep, args=(ended,), name="lease", daemon=True)
    renewer.start()
    try:
        yield lease
        lease.ensure()
    finally:
        ended.set()
        renewer.join()  # or its put could undo the release
        lease.release()


def _take(store: Store, owner: str, seconds: float, skew: float) -> Lease:
    process = {"owner": owner, "host": socket.gethostname(), "pid": os.getpid()}
    while True:
        last, number = _last(store), 0
        if last:
            _refuse_unless_over(store, last, skew)
            number = int(last.removeprefix(f"{FOLDER}/").removesuffix(".json"))
        name = f"{FOLDER}/{number + 1:08d}.json"
        until, now = time.monotonic() + seconds, _now()
        expires = now + timedelta(seconds=seconds)
        term = Term(**process, id=uuid.uuid4().hex, since=now, expires=expires)
        # `create` also returns False when the file was written and the answer got lost.
        if store.create(name, _json(term)) or _read(store, name).id == term.id:
            return Lease(store, name, term, until, seconds)


def _refuse_unless_over(store: Store, name: str, skew: float) -> None:
    term = _read(store, name)
    over = term.expires + timedelta(seconds=skew)
    if not term.released and _now() <= over:
        raise LeaseTaken(
            f"{store.url} is being worked on by {term.owner} (process {term.pid} on {term.host}) "
            f"since {_said(term.since)}; its lease expires at {_said(term.expires)} unless it "
            f"lives and renews it, and is free by itself from {_said(over)}"
        )


def _last(store: Store) -> str:
    return max((file.name for file in store.list(FOLDER)), default="")


def _read(store: Store, name: str) -> Term:
    return Term.model_validate_json(store.read(name))


def _json(term: Term) -> bytes:
    return term.model_dump_json().encode()


def _said(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")


def _now() -> datetime:
    return datetime.now(UTC)
