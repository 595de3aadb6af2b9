"""A crowd takes part in a study at once, on loopback: `python -m bench.study`.

Every participant is a task with a connection of its own; what the server acknowledged is compared
with what it holds in the end.
"""

import asyncio
import contextlib
import io
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import aiohttp
import numpy as np
import pyarrow.parquet as pq

from bench.engines import SAMPLE
from bench.machine import machine
from configs.fields import ImageFormat
from pipelines.cli import main as reposer
from workers.data.catalog import Catalog
from workers.data.images import encode

PARTICIPANTS, PAIRS = 200, 10
SERVE = "import sys; from pipelines.cli import main; sys.exit(main(sys.argv[1:]))"


def main() -> None:
    """Print latencies and totals, of people who think for a second and of people who do not."""
    print(f"{PARTICIPANTS} participants at once; {machine()}")
    with tempfile.TemporaryDirectory() as folder:
        study = _build(Path(folder))
        for thinking in (1.0, 0.0):
            _take_part(study, thinking)


def _build(folder: Path) -> Path:
    """A study of two spoiled copies of the sample's photographs."""
    (folder / "methods").mkdir()
    catalog = Catalog(str(SAMPLE))
    for n, image_id in enumerate(catalog.images.ids.to_pylist()[:PAIRS]):
        pixels = catalog.photograph(image_id)
        for name, shown in (("target", pixels), ("A", pixels // 2), ("B", 255 - pixels)):
            data = encode(np.ascontiguousarray(shown), ImageFormat(format="png"))
            (folder / "methods" / f"{n}_{name}.png").write_bytes(data)
    with contextlib.redirect_stdout(io.StringIO()):
        done = reposer(
            [
                "study",
                "build",
                f"side_by_side={folder}/methods",
                f"out={folder}/study",
                f"participants={PARTICIPANTS}",
                "reuse=true",
                f"n_pairs={PAIRS}",
            ]
        )
    assert done == 0
    return folder / "study"


def _take_part(study: Path, thinking: float) -> None:
    answers = study.parent / f"answers-{thinking}.db"
    command = ["study", "serve", f"pack={study}", f"answers={answers}", "port=0", "rate=10000"]
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, *command], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout
    said: dict[str, str] = {}
    while not (line := server.stdout.readline()).startswith("Ctrl-C"):
        said[line.split()[0]] = line.split()[1]
    try:
        asyncio.run(
            _crowd(said["study"].rstrip("/"), said["progress"].partition("#")[2], study, thinking)
        )
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
        server.stdout.close()


async def _crowd(url: str, token: str, study: Path, thinking: float) -> None:
    codes = [line.split(",")[1] for line in (study / "participants.csv").read_text().split()[1:]]
    waits: dict[str, list[float]] = {"open a session": [], "a picture": [], "an answer": []}
    start = time.monotonic()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector) as http:
        given = await asyncio.gather(*(_participant(http, c, thinking, waits) for c in codes))
        seconds = time.monotonic() - start
        async with http.get("/api/admin/responses.parquet", headers=_bearer(token)) as response:
            rows = pq.read_table(io.BytesIO(await response.read())).to_pylist()
    acknowledged = {trial: choice for answers in given for trial, choice in answers.items()}
    kept = {row["trial_id"]: row["choice"] for row in rows}
    doubled = sum(count - 1 for count in Counter(row["trial_id"] for row in rows).values())
    lost = sum(kept.get(trial) != choice for trial, choice in acknowledged.items())
    print(
        f"  thinking {thinking:g} s: {len(rows)} answers in {seconds:.1f} s "
        f"({len(rows) / seconds:.0f}/s); {lost} lost, {doubled} doubled"
    )
    assert (lost, doubled, len(rows)) == (0, 0, len(acknowledged))
    for what, values in waits.items():
        cuts = statistics.quantiles(values, n=100)
        print(
            f"    {what:16} median {cuts[49] * 1e3:7.1f} ms   95 % {cuts[94] * 1e3:7.1f} ms   "
            f"99 % {cuts[98] * 1e3:7.1f} ms   most {max(values) * 1e3:7.1f} ms"
        )


async def _participant(
    http: aiohttp.ClientSession, code: str, thinking: float, waits: dict[str, list[float]]
) -> dict[str, int]:
    """A session as the page goes through it; returns what was acknowledged."""
    rng = random.Random(code)

    async def ask(what: str, path: str, value: dict | None = None) -> dict:
        begun = time.monotonic()
        method = "GET" if value is None else "POST"
        async with http.request(method, path, json=value, headers=_bearer(code)) as response:
            assert response.status == 200, (path, response.status)
            body = await (response.read() if value is None else response.json())
        waits[what].append(time.monotonic() - begun)
        return body if isinstance(body, dict) else {}

    await asyncio.sleep(rng.random() * thinking)
    session = await ask("open a session", "/api/session", {"browser": "b"})
    given, loaded = {}, set()
    for trial in session["trials"]:
        for name in {*trial["above"], *trial["options"]} - loaded:
            await ask("a picture", f"/images/{name}")
            loaded.add(name)
        await asyncio.sleep(thinking * rng.uniform(0.5, 1.5))
        answer = {"browser": "b", "trial_id": trial["id"], "choice": rng.randrange(2)}
        stands = await ask("an answer", "/api/answers", {**answer, "seconds": thinking})
        given[stands["trial_id"]] = stands["choice"]
    return given


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


if __name__ == "__main__":
    main()
