"""A proxy that stands in front of an S3 server and does to requests what networks do.

It passes on the path as it came, byte for byte, and the Host header, so that the requests' AWS
signatures stay valid.
"""

import asyncio
import io
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from yarl import URL

# Answers in the server's name: kind -> status, code and message.
ANSWERS = {
    "503": (503, "SlowDown", "Please reduce your request rate."),
    "429": (429, "TooManyRequests", "Too many requests."),
    "409": (409, "ConditionalRequestConflict", "A conflicting operation is in progress."),
    "404": (404, "NoSuchUpload", "The specified upload does not exist."),
    "403": (403, "AccessDenied", "Access Denied."),
    "400": (400, "ExpiredToken", "The provided token has expired."),
}
METHODS = {  # that a kind strikes, where it does not strike all
    "cut": {"PUT"},  # the connection drops inside the body
    "lost": {"PUT", "POST", "DELETE"},  # carried out, and the answer lost
    "short": {"GET"},  # half of the body, though all was announced
    "409": {"PUT"},
    "404": {"POST"},
}
# "slow" answers after `seconds`, "silent" never does.
KINDS = ("503", "429", "cut", "lost", "slow", "short")
XML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message>'
    "<Resource>/</Resource><RequestId>0</RequestId></Error>"
)
HOP = {"connection", "keep-alive", "transfer-encoding"}  # headers that are the connection's own


class Proxy:
    """What strikes which share of the requests: may be changed while it runs."""

    def __init__(self, upstream: str, kinds: Sequence[str], share: float, seconds: float):
        self.upstream, self.kinds, self.share, self.seconds = upstream, kinds, share, seconds
        self.url = ""
        self.where = ""  # what the paths contain that are struck
        self.requests = 0
        self.struck: list[tuple[str, str, str]] = []  # kind, method and path
        self.random = random.Random(1)

    @property
    def injected(self) -> Counter[str]:
        """How often each kind has struck."""
        return Counter(kind for kind, _, _ in self.struck)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Pass a request on, or strike it."""
        self.requests += 1
        if "Expect" in request.headers and request.transport:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        kinds = [
            k
            for k in self.kinds
            if request.method in METHODS.get(k, {request.method}) and self.where in request.raw_path
        ]
        kind = self.random.choice(kinds) if kinds and self.random.random() < self.share else ""
        if kind:
            self.struck.append((kind, request.method, request.raw_path))
        if kind in ANSWERS:
            status, code, message = ANSWERS[kind]
            await request.content.read()
            return web.Response(
                status=status, text=XML.format(code, message), content_type="application/xml"
            )
        if kind == "cut":
            await request.content.read((request.content_length or 0) // 2)
            return self._hang_up(request)
        if kind in ("slow", "silent"):
            await asyncio.sleep(self.seconds if kind == "slow" else 3600)
        return await self._passed_on(request, kind)

    async def _passed_on(self, request: web.BaseRequest, kind: str) -> web.StreamResponse:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in {*HOP, "expect"}}
        url = URL(self.upstream + request.raw_path, encoded=True)
        try:
            sent = io.BytesIO(body) if (body := await request.content.read()) else None
            async with self.session.request(
                request.method, url, headers=headers, data=sent, allow_redirects=False
            ) as theirs:
                body = await theirs.read()
        except ClientError:  # the server is away
            return self._hang_up(request)
        if kind == "lost":
            return self._hang_up(request)
        kept = {k: v for k, v in theirs.headers.items() if k.lower() not in HOP}
        if request.method != "HEAD":
            kept["Content-Length"] = str(len(body))
        response = web.StreamResponse(status=theirs.status, reason=theirs.reason, headers=kept)
        await response.prepare(request)
        await response.write(body[: len(body) // 2] if kind == "short" else body)
        if kind == "short" and body:
            await asyncio.sleep(0.01)  # what was written is on its way
            return self._hang_up(request)
        await response.write_eof()
        return response

    def _hang_up(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.transport:
            request.transport.abort()
        return web.Response()

    async def serve(self, ready: threading.Event) -> None:
        """Listen on loopback until `stop`."""
        self.loop, self.done = asyncio.get_running_loop(), asyncio.Event()
        server = web.ServerRunner(web.Server(self.answer, access_log=None), shutdown_timeout=0)
        own = ["User-Agent", "Content-Type", "Accept", "Accept-Encoding"]  # not to be added
        async with ClientSession(
            auto_decompress=False, timeout=ClientTimeout(60), skip_auto_headers=own
        ) as self.session:
            await server.setup()
            await web.TCPSite(server, "127.0.0.1", 0).start()
            self.url = "http://{}:{}".format(*server.addresses[0])
            ready.set()
            await self.done.wait()
            await server.cleanup()

    def stop(self) -> None:
        """Hang up, from another thread."""
        self.loop.call_soon_threadsafe(self.done.set)


@contextmanager
def proxy(upstream: str, *kinds: str, share: float = 0.2, seconds: float = 1.0) -> Iterator[Proxy]:
    """A proxy in a thread; its `url` is the endpoint, `injected` counts what it did."""
    made, ready = Proxy(upstream, kinds, share, seconds), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(made.serve(ready)), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield made
    finally:
        made.stop()
        thread.join(10)
