"""The answers to a study: one SQLite file, in which an accepted answer stays.

Each answer is synced to the disk before it is acknowledged, so a killed process loses none; the
question's id is the key, so no question has two.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from workers.data.tables import SCHEMAS

T = TypeVar("T")
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    trial_id TEXT PRIMARY KEY,
    participant TEXT NOT NULL,
    choice INTEGER NOT NULL,
    seconds REAL,
    answered_at INTEGER NOT NULL -- ms since the epoch
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS participants (
    code TEXT PRIMARY KEY,
    browser TEXT NOT NULL, -- that answers for the participant
    agreed_at INTEGER NOT NULL -- ms since the epoch
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS study (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Answer(NamedTuple):
    """A participant's answer to a question."""

    trial_id: str
    participant: str
    choice: int
    seconds: float | None


class Answers:
    """The file, of one study. Not for several threads at once; several processes may share it."""

    def __init__(self, path: Path, study: str | None = None):
        """Open the file, or make it; ValueError if it is of another study, or no such file."""
        if study is None and not path.is_file():
            raise FileNotFoundError(2, "no such file of answers", str(path))
        self.path = path
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        try:
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA synchronous=FULL")
            self.db.executescript(_TABLES)
            if study is not None:
                self.db.execute(
                    "INSERT INTO study SELECT ? WHERE NOT EXISTS (SELECT * FROM study)", [study]
                )
                if self.db.execute("SELECT id FROM study").fetchone()[0] != study:
                    raise ValueError(
                        f"{path} holds the answers to another study: use another answers="
                    )
        except (sqlite3.DatabaseError, ValueError) as error:
            self.db.close()
            if isinstance(error, ValueError):
                raise
            raise ValueError(f"{path}: no file of answers ({error})") from error

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def claim(self, code: str, browser: str, take_over: bool = False) -> bool:
        """Let a browser answer for a participant, unless another does; whether it may now."""
        keep = "browser = excluded.browser" if take_over else "browser = browser"
        row = self.db.execute(
            f"INSERT INTO participants VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET {keep} "
            "RETURNING browser",
            [code, browser, _now()],
        ).fetchone()
        return row[0] == browser

    def browser(self, code: str) -> str | None:
        """The browser that answers for a participant."""
        row = self.db.execute("SELECT browser FROM participants WHERE code = ?", [code]).fetchone()
        return row and row[0]

    def record(self, answers: list[Answer]) -> list[int]:
        """Keep answers, all in one synced transaction; returns the choices that stand.

        A question that has an answer keeps it.
        """
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            self.db.executemany(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(*answer, _now()) for answer in answers],
            )
            return [
                self.db.execute(
                    "SELECT choice FROM answers WHERE trial_id = ?", [answer.trial_id]
                ).fetchone()[0]
                for answer in answers
            ]

    def answered(self, code: str) -> list[str]:
        """The ids of the questions that a participant has answered."""
        found = self.db.execute("SELECT trial_id FROM answers WHERE participant = ?", [code])
        return [trial_id for (trial_id,) in found]

    def responses(self) -> pa.Table:
        """All answers, as the table `responses`, in the order they came."""
        found = self.db.execute(
            "SELECT trial_id, participant, choice, seconds, answered_at, 'server' FROM answers "
            "ORDER BY answered_at, trial_id"
        ).fetchall()
        schema = SCHEMAS["responses"]
        columns = zip(*found, strict=True) if found else [[] for _ in schema]
        arrays = [pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=schema)


class Recorder:
    """The file of answers, for concurrent requests: answers that come together share a sync."""

    def __init__(self, answers: Answers):
        self.answers = answers
        self.thread = ThreadPoolExecutor(1)  # SQLite's; requests go on meanwhile
        self.waiting: list[tuple[Answer, asyncio.Future[int]]] = []
        self.writer: asyncio.Task[None] | None = None

    async def call(self, work: Callable[..., T], *arguments: Any) -> T:
        """Call something that reads or writes the file."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, work, *arguments)

    async def record(self, answer: Answer) -> int:
        """Keep an answer; returns the choice that stands, once it is on the disk."""
        stands: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.waiting.append((answer, stands))
        if self.writer is None or self.writer.done():
            self.writer = asyncio.create_task(self._write())
        return await stands

    async def _write(self) -> None:
        while self.waiting:
            batch, self.waiting = self.waiting, []
            try:
                choices = await self.call(self.answers.record, [answer for answer, _ in batch])
            except Exception as error:  # such as a full disk: the browsers are told, and repeat
                for _, stands in batch:
                    if not stands.done():
                        stands.set_exception(error)
                continue
            for (_, stands), choice in zip(batch, choices, strict=True):
                if not stands.done():  # the browser may have gone
                    stands.set_result(choice)


def _now() -> int:
    return time.time_ns() // 1_000_000
