"""`reposer study serve`: a study over HTTP, its answers in one SQLite file."""

import asyncio
import csv
import ipaddress
import json
import os
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web

from configs.study import StudyServeConfig
from pipelines.runs.plan import RunError
from pipelines.study.answer_store import Answers
from pipelines.study.files import ANSWERS, MANIFEST, PACK, PARTICIPANTS, TOKEN
from pipelines.study.server import Pack, StudyServer
from workers.data.storage import READERS, Store


def run(config: StudyServeConfig) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    pack = open_pack(config.pack)
    path = _answers_file(config)
    answers = Answers(path, pack.study["id"])
    try:
        asyncio.run(_serve(config, pack, answers))
    finally:
        answers.close()
    return 0


def open_pack(url: str) -> Pack:
    """The study at a URL, without its key; RunError where there is none, or half of one."""
    store = Store(url)
    if not store.exists(MANIFEST):
        raise RunError(f"{url} holds no finished study: `study build` makes one")
    rows = csv.DictReader(store.read(PARTICIPANTS).decode().splitlines())
    codes = [row["code"] for row in rows]
    with ThreadPoolExecutor(READERS) as pool:
        files = pool.map(lambda code: store.read(f"{PACK}/sessions/{code}.json"), codes)
        sessions = dict(zip(codes, files, strict=True))
    images = {file.name.rpartition("/")[2] for file in store.list(f"{PACK}/images")}
    pack = Pack(store, json.loads(store.read(f"{PACK}/study.json")), sessions, frozenset(images))
    if missing := pack.shown - images:
        raise RunError(f"{url}/{PACK}/images/{min(missing)} is not there: build the study again")
    return pack


def _answers_file(config: StudyServeConfig) -> Path:
    url = (config.answers or f"{config.pack}/{ANSWERS}").removeprefix("file://")
    if "://" in url:
        raise RunError(f"answers={url}: a local file wanted")
    path = Path(url)
    if not path.parent.is_dir():
        raise RunError(f"answers={url}: there is no folder {path.parent}")
    return path


def _admin_token(path: Path) -> str:
    """The token in a file that only its owner reads; made once, so that links stay good."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(token := secrets.token_urlsafe(24))
    return token


async def _serve(config: StudyServeConfig, pack: Pack, answers: Answers) -> None:
    token = _admin_token(answers.path.with_name(TOKEN))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(StudyServer(pack, answers, token, config.rate).app(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, config.host, config.port)
        await site.start()
        host = f"[{config.host}]" if ":" in config.host else config.host
        port = runner.addresses[0][1]
        print(f"study      http://{host}:{port}/ ({len(pack.sessions)} participants)")
        print(f"progress   http://{host}:{port}/admin#{token}")
        print(f"answers    {answers.path}")
        if not _is_loopback(config.host):
            print("note       answers and codes travel unencrypted: put a proxy with TLS before it")
        print("Ctrl-C stops it; the same command resumes", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
