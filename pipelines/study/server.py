"""The HTTP side of `reposer study serve`.

A participant's code and the admin's token are sent as bearer tokens and never as cookies, so no
other site can act for their owners. Only the page and the pictures of the pack are served and, with
the admin's token, progress and answers.
"""

import asyncio
import hmac
import json
import logging
import mimetypes
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from aiohttp import web

from eval.study.pages import LABELS, POLICY, asset
from pipelines.study.answer_store import Answer, Answers, Recorder
from pipelines.study.files import PACK
from workers.data.storage import Store
from workers.data.tables import parquet_bytes

POST_BYTES = 4096  # at most
BURST_SECONDS = 4.0  # the requests of so many seconds may come at once
ADDRESSES = 10_000  # whose wrong codes are counted
DAY = 86_400.0  # seconds: no answer takes longer
HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "reposer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

PAGE = frozenset({"index.html", "style.css", "session.js", "page.js"})
ADMIN_PAGE = frozenset({"admin.html", "admin.css", "admin.js"})
ELSEWHERE = "With this code the study is open in another browser, too. What is answered is kept."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Pack:
    """What is served: a study without its key."""

    store: Store
    study: dict[str, Any]  # study.json
    sessions: dict[str, bytes]  # by code, JSON
    images: frozenset[str]

    @cached_property
    def questions(self) -> dict[str, list[str]]:
        """The ids of a participant's questions, by code."""
        return {
            code: [trial["id"] for trial in json.loads(session)["trials"]]
            for code, session in self.sessions.items()
        }

    @cached_property
    def owner(self) -> dict[str, str]:
        """Whose question it is, by id."""
        return {trial_id: code for code, ids in self.questions.items() for trial_id in ids}

    @cached_property
    def shown(self) -> frozenset[str]:
        """The images that questions name."""
        return frozenset(
            name
            for session in self.sessions.values()
            for trial in json.loads(session)["trials"]
            for name in [*trial["above"], *trial["options"]]
        )

    @cached_property
    def places(self) -> int:
        """How many answers a question has."""
        first = json.loads(next(iter(self.sessions.values())))["trials"][0]
        return len(LABELS) if self.study["labels"] else len(first["options"])


class Limiter:
    """Limits the requests of each name to a rate, with short bursts."""

    def __init__(self, rate: float):
        self.rate, self.most = rate, max(1.0, rate * BURST_SECONDS)
        self.left: dict[str, tuple[float, float]] = {}  # requests, and when that was

    def allows(self, name: str) -> bool:
        """Count a request; whether it may pass."""
        now = time.monotonic()
        if len(self.left) > ADDRESSES:
            self.left.clear()
        left, then = self.left.get(name, (self.most, now))
        left = min(self.most, left + (now - then) * self.rate)
        self.left[name] = (left - 1 if left >= 1 else left, now)
        return left >= 1


class StudyServer:
    """The handlers, and what they share."""

    def __init__(self, pack: Pack, answers: Answers, token: str, rate: float):
        self.pack, self.token = pack, token
        self.recorder = Recorder(answers)
        self.participants, self.strangers = Limiter(rate), Limiter(rate)

    def app(self) -> web.Application:
        """The application with all its routes."""
        app = web.Application(client_max_size=POST_BYTES, middlewares=[_errors_as_json])
        app.on_response_prepare.append(_set_headers)
        app.router.add_get("/", self.page)
        app.router.add_get("/study.json", self.study)
        app.router.add_get("/images/{name}", self.image)
        app.router.add_post("/api/session", self.session)
        app.router.add_post("/api/answers", self.answer)
        app.router.add_get("/admin", self.page)
        app.router.add_get("/api/admin", self.progress)
        app.router.add_get("/api/admin/responses.parquet", self.responses)
        app.router.add_get("/{name}", self.page)
        return app

    async def page(self, request: web.Request) -> web.Response:
        """A file of the participants' page, or of the admin's."""
        name = request.match_info.get("name", "")
        name = {"/": "index.html", "/admin": "admin.html"}.get(request.path, name)
        if name in ADMIN_PAGE:
            data = asset(name)
        elif name in PAGE:
            data = await asyncio.to_thread(self.pack.store.read, f"{PACK}/{name}")
        else:
            raise web.HTTPNotFound(reason="there is no such page")
        return _file(name, data, "no-cache")

    async def image(self, request: web.Request) -> web.Response:
        """A picture that the pack holds."""
        name = request.match_info["name"]
        if name not in self.pack.images:
            raise web.HTTPNotFound(reason="there is no such picture")
        data = await asyncio.to_thread(self.pack.store.read, f"{PACK}/images/{name}")
        return _file(name, data, "private, max-age=604800, immutable")

    async def study(self, _: web.Request) -> web.Response:
        """What the page shows, and that answers go to this server."""
        return _json({**self.pack.study, "answers": "server"})

    async def session(self, request: web.Request) -> web.Response:
        """A participant's questions, and which of them are answered."""
        code, value = self._participant(request), await _posted(request)
        answers, take_over = self.recorder.answers, value.get("take_over") is True
        if not await self.recorder.call(answers.claim, code, _browser(value), take_over):
            raise web.HTTPConflict(reason=ELSEWHERE)
        answered = await self.recorder.call(answers.answered, code)
        return _json({**json.loads(self.pack.sessions[code]), "answered": answered})

    async def answer(self, request: web.Request) -> web.Response:
        """Keep an answer; returns the one that stands, since a question is answered once."""
        code, value = self._participant(request), await _posted(request)
        trial_id, choice, seconds = (value.get(k) for k in ("trial_id", "choice", "seconds"))
        if not isinstance(trial_id, str) or self.pack.owner.get(trial_id) != code:
            raise web.HTTPNotFound(reason="this is no question of this participant")
        if type(choice) is not int or not 0 <= choice < self.pack.places:
            raise web.HTTPBadRequest(reason=f"choice: 0 to {self.pack.places - 1} wanted")
        if seconds is not None and (
            type(seconds) not in (int, float) or not 0 <= seconds <= DAY  # also of NaN
        ):
            raise web.HTTPBadRequest(reason="seconds: a number of seconds, or null, wanted")
        if await self.recorder.call(self.recorder.answers.browser, code) != _browser(value):
            raise web.HTTPConflict(reason=ELSEWHERE)
        stands = await self.recorder.record(Answer(trial_id, code, choice, seconds))
        return _json({"trial_id": trial_id, "choice": stands})

    async def progress(self, request: web.Request) -> web.Response:
        """How far each participant is."""
        self._admin(request)
        found = await self.recorder.call(self.recorder.answers.responses)
        mine: dict[str, list[dict[str, Any]]] = {code: [] for code in self.pack.sessions}
        for row in found.to_pylist():
            mine[row["participant"]].append(row)
        rows = [
            {
                "slot": slot,
                "code": code,
                "questions": len(ids),
                "answered": len(mine[code]),
                "median_seconds": _median([row["seconds"] for row in mine[code]]),
                "last": mine[code][-1]["answered_at"].isoformat() if mine[code] else None,
            }
            for slot, (code, ids) in enumerate(self.pack.questions.items())
        ]
        return _json({"participants": rows})

    async def responses(self, request: web.Request) -> web.Response:
        """All answers so far, as Parquet."""
        self._admin(request)
        table = await self.recorder.call(self.recorder.answers.responses)
        return _file("responses.parquet", parquet_bytes(table), "no-store")

    def _participant(self, request: web.Request) -> str:
        """The code that a request bears."""
        code = _bearer(request).lower()
        if code not in self.pack.sessions:
            self._refuse(request, "This code is not known: check its letters.")
        if not self.participants.allows(code):
            raise web.HTTPTooManyRequests(reason="too many requests: wait a little")
        return code

    def _admin(self, request: web.Request) -> None:
        if not hmac.compare_digest(_bearer(request).encode(), self.token.encode()):
            self._refuse(request, "the token in the address is wrong: take it from `study serve`")

    def _refuse(self, request: web.Request, reason: str) -> NoReturn:
        if not self.strangers.allows(request.remote or ""):
            raise web.HTTPTooManyRequests(reason="too many wrong codes: wait a little")
        raise web.HTTPForbidden(reason=reason)


async def _posted(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; forms, which any site may send, are refused."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(reason="application/json wanted")
    try:
        value = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(reason="not JSON") from None
    if not isinstance(value, dict):
        raise web.HTTPBadRequest(reason="a JSON object wanted")
    return value


def _median(seconds: list[float | None]) -> float | None:
    known = [s for s in seconds if s is not None]
    return statistics.median(known) if known else None


def _browser(value: dict[str, Any]) -> str:
    browser = value.get("browser")
    if not isinstance(browser, str) or not 0 < len(browser) <= 64:
        raise web.HTTPBadRequest(reason="browser: 1 to 64 letters wanted")
    return browser


def _bearer(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _json(value: dict[str, Any], status: int = 200) -> web.Response:
    return web.json_response(value, status=status, headers={"Cache-Control": "no-store"})


def _file(name: str, data: bytes, cache: str) -> web.Response:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return web.Response(body=data, content_type=kind, headers={"Cache-Control": cache})


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _json({"error": error.reason}, error.status)
    except ConnectionError:  # the browser has gone
        raise
    except Exception:
        logging.getLogger(__name__).exception("%s %s", request.method, request.path)
        return _json({"error": "the server failed; try again"}, 500)


async def _set_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
