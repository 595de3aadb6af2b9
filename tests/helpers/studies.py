"""Studies, their server as a process of its own, and participants, for tests."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.fields import ImageFormat
from pipelines.cli import main
from tests.helpers.pictures import pictures
from workers.data.images import encode
from workers.data.storage import Store

PNG = ImageFormat(format="png")
SERVE = "import sys; from pipelines.cli import main; sys.exit(main(sys.argv[1:]))"


def write_methods(
    folder: Path, count: int = 4, size: int = 48, names: Sequence[str] = ("OURS", "DSC")
) -> str:
    """N_METHOD.png, N_target.png and N_source.png of noisy pictures."""
    folder.mkdir()
    truth, sources = pictures(3, count, size, size), pictures(7, count, size, size)
    rng = np.random.default_rng(5)
    for n in range(count):
        for k, name in enumerate(names):
            noisy = truth[n] + rng.normal(0, 10 * (k + 1), truth[n].shape)
            (folder / f"{n}_{name}.png").write_bytes(
                encode(np.clip(noisy, 0, 255).astype(np.uint8), PNG)
            )
        (folder / f"{n}_target.png").write_bytes(encode(truth[n], PNG))
        (folder / f"{n}_source.png").write_bytes(encode(sources[n], PNG))
    return str(folder)


def build(*arguments: str) -> int:
    """The exit code of `reposer study build`."""
    return main(["study", "build", *arguments])


def small_study(folder: Path, *arguments: str, count: int = 4, **methods: Any) -> Path:
    """A study of few questions, built from noisy pictures."""
    source = write_methods(folder / "methods", count, **methods)
    small = ["participants=4", "practice=1", "sentinels=1", "repeats=1"]
    given = {argument.partition("=")[0] for argument in arguments}
    small = [argument for argument in small if argument.partition("=")[0] not in given]
    assert build(f"side_by_side={source}", f"out={folder}/study", *small, *arguments) == 0
    return folder / "study"


def table(study: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a table of a study."""
    return pq.read_table(study / name).to_pylist()


def codes(study: Path) -> list[str]:
    """The participants' codes, by slot."""
    with (study / "participants.csv").open() as file:
        return [row["code"] for row in csv.DictReader(file)]


def session(study: Path, code: str) -> list[dict[str, Any]]:
    """A participant's questions, as the pack holds them."""
    return json.loads((study / "pack" / "sessions" / f"{code}.json").read_text())["trials"]


class Server:
    """A process of `reposer study serve`."""

    def __init__(self, study: Path, *arguments: str):
        self.study, self.arguments = study, arguments
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, after a kill on the port it had; returns when it answers."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, "study", "serve", f"pack={self.study}",
             f"port={self.port}", *self.arguments],
            stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent.parent,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert self.process.stdout
        said = ""
        for line in self.process.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                break
        found = re.search(r"study +(http://127\.0\.0\.1:(\d+))/", said)
        admin = re.search(r"progress +(http\S+)", said)
        assert found, said
        assert admin, said
        self.url, self.admin, self.port = found[1], admin[1], int(found[2])
        self.token = self.admin.partition("#")[2]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(30)
        assert self.process.stdout
        self.process.stdout.close()
        return code

    def answers(self) -> list[dict[str, Any]]:
        """The rows of `responses`, as the admin downloads them."""
        status, data = self.ask("/api/admin/responses.parquet", token=self.token)
        assert status == 200
        return pq.read_table(pa.BufferReader(data)).to_pylist()

    def ask(
        self,
        path: str,
        value: Any = None,
        token: str = "",
        data: bytes | None = None,
        **headers: str,
    ) -> tuple[int, bytes]:
        """GET, or POST a value as JSON; returns status and body."""
        data = json.dumps(value).encode() if value is not None else data
        request = urllib.request.Request(
            self.url + path,
            data,
            {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                **{name.replace("_", "-"): text for name, text in headers.items()},
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def post(self, path: str, code: str, **value: Any) -> tuple[int, dict[str, Any]]:
        """POST as a participant's browser does; returns status and JSON."""
        status, body = self.ask(path, {"browser": "b", **value}, token=code)
        return status, json.loads(body)


@contextmanager
def serving(study: Path, *arguments: str) -> Iterator[Server]:
    """A server on a free port, stopped at the end."""
    server = Server(study, *arguments)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def list_files(url: str) -> dict[str, bytes]:
    """All files below a URL."""
    store = Store(url)
    return {file.name: store.read(file.name) for file in store.list()}
