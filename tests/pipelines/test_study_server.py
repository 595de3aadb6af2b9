"""`reposer study serve` as a process: what it takes, what it refuses, and what it keeps."""

import http.client
import json
import signal
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.study.answer_store import Answer, Answers
from pipelines.study.server import Limiter
from tests.helpers.commands import wrong
from tests.helpers.studies import Server, codes, list_files, serving, session, small_study


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study, for tests that do not change it."""
    return small_study(tmp_path_factory.mktemp("built"))


@pytest.fixture
def server(built: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(built, f"answers={tmp_path}/answers.db", "rate=100") as running:
        yield running


def raw(server: Server, request: bytes) -> bytes:
    """The answer to bytes that no well-behaved client would send."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(65536)


def test_a_session_from_first_to_last_answer(server: Server, built: Path) -> None:
    code = codes(built)[0]
    status, opened = server.post("/api/session", code)
    assert status == 200
    assert opened == {"trials": session(built, code), "answered": []}
    for n, trial in enumerate(opened["trials"]):
        answer = {"trial_id": trial["id"], "choice": n % 2, "seconds": n + 0.5}
        assert server.post("/api/answers", code, **answer) == (
            200,
            {"trial_id": trial["id"], "choice": n % 2},
        )
    _, opened = server.post("/api/session", code.upper())  # typed by hand
    assert set(opened["answered"]) == {trial["id"] for trial in opened["trials"]}
    rows = server.answers()
    assert [(r["trial_id"], r["choice"], r["seconds"]) for r in rows] == [
        (trial["id"], n % 2, n + 0.5) for n, trial in enumerate(opened["trials"])
    ]
    assert {(r["participant"], r["source"]) for r in rows} == {(code, "server")}
    status, body = server.ask("/api/admin", token=server.token)
    progress = json.loads(body)["participants"]
    assert [p["answered"] for p in progress] == [7, 0, 0, 0]
    assert progress[0]["median_seconds"] == 3.5


def test_a_question_has_one_answer(server: Server, built: Path) -> None:
    code = codes(built)[0]
    trial = session(built, code)[0]["id"]
    server.post("/api/session", code)
    with ThreadPoolExecutor(8) as pool:
        posts = [
            pool.submit(server.post, "/api/answers", code, trial_id=trial, choice=n % 2)
            for n in range(16)
        ]
        stood = {json.dumps(post.result()) for post in posts}
    assert len(stood) == 1  # every one is told the same
    (row,) = server.answers()
    assert json.loads(stood.pop())[1]["choice"] == row["choice"]


def test_forged_and_broken_posts_change_nothing(server: Server, built: Path) -> None:
    mine, other = codes(built)[:2]
    server.post("/api/session", mine)
    trial, foreign = session(built, mine)[0]["id"], session(built, other)[0]["id"]
    good = {"trial_id": trial, "choice": 1, "seconds": 1.0}
    for change, status, said in [
        ({"trial_id": foreign}, 404, "no question of this participant"),
        ({"trial_id": "0" * 16}, 404, "no question of this participant"),
        ({"trial_id": ["a"]}, 404, "no question of this participant"),
        ({"choice": 2}, 400, "choice: 0 to 1 wanted"),
        ({"choice": -1}, 400, "choice: 0 to 1 wanted"),
        ({"choice": True}, 400, "choice: 0 to 1 wanted"),
        ({"choice": "1; DROP TABLE answers"}, 400, "choice: 0 to 1 wanted"),
        ({"seconds": -1}, 400, "seconds: a number"),
        ({"seconds": float("nan")}, 400, "seconds: a number"),
        ({"seconds": 1e9}, 400, "seconds: a number"),
        ({"browser": ""}, 400, "browser: 1 to 64 letters"),
        ({"browser": "x" * 65}, 400, "browser: 1 to 64 letters"),
        ({"browser": "another"}, 409, "open in another browser"),
    ]:
        found, value = server.post("/api/answers", mine, **good | change)
        assert (found, said in value["error"]) == (status, True), (change, value)
    for data, status in [
        (b"{", 400),
        (b"[]", 400),
        (b"[" * 4000, 400),
        (b"\xff", 400),
        (b" " * 5000, 413),
        (b"x" * 10**6, 413),
    ]:
        assert server.ask("/api/answers", token=mine, data=data)[0] == status
    form = "application/x-www-form-urlencoded"
    assert server.ask("/api/answers", good, token=mine, Content_Type=form)[0] == 415
    for token in ("", "wrong", other[:-1], "../" + mine, "é"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", "/api/answers", json.dumps(good), headers)
        assert connection.getresponse().status == 403
        connection.close()
    assert server.answers() == []
    assert server.post("/api/answers", mine, **good)[0] == 200
    assert len(server.answers()) == 1


def test_only_the_packs_files_are_served(server: Server, built: Path) -> None:
    for name, kind in [
        ("/", "text/html"),
        ("/index.html", "text/html"),
        ("/style.css", "text/css"),
        ("/page.js", "javascript"),
        ("/study.json", "json"),
    ]:
        assert server.ask(name)[0] == 200, (name, kind)
    assert json.loads(server.ask("/study.json")[1])["answers"] == "server"
    for name, data in list_files(f"{built}/pack/images").items():
        assert server.ask(f"/images/{name}") == (200, data)
    secret = codes(built)[0]
    for path in [
        "/design.json", "/participants.csv", "/trials/00000-of-00001.parquet", "/admin.token",
        "/answers.db", "/images/", "/images/..", "/images/../design.json", "/pack/study.json",
        "/images/..%2f..%2fdesign.json", "/images/%2e%2e/%2e%2e/design.json", "/..%2fdesign.json",
        "/images/..%5c..%5cdesign.json", "//design.json", "/images//etc/passwd", "/../design.json",
        f"/sessions/{secret}.json", "/%00", "/images/%00.png", "/favicon.ico", "/api/session",
        "/images/" + "a" * 3000,
    ]:  # fmt: skip
        answer = raw(
            server, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        status = int(answer.split()[1])
        assert 400 <= status < 500, (path, answer[:80])
        assert b"fingerprint" not in answer
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        answer = raw(server, f"{method} /api/answers HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert int(answer.split()[1]) == 405
    assert int(raw(server, b"no http at all\r\n\r\n").split()[1]) == 400


def test_every_answer_bears_the_security_headers(server: Server) -> None:
    for path in ("/", "/page.js", "/nothing", "/api/admin"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", path)
        headers = connection.getresponse().headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers
        assert "Set-Cookie" not in headers
        assert headers["Server"] == "reposer"
        connection.close()


def test_the_admins_pages_want_the_token(server: Server, built: Path) -> None:
    for path in ("/api/admin", "/api/admin/responses.parquet"):
        for token in ("", codes(built)[0], server.token[:-1], server.token + "x"):
            assert server.ask(path, token=token)[0] == 403
        assert server.ask(path, token=server.token)[0] == 200
    status, page = server.ask("/admin")
    assert status == 200
    assert codes(built)[0].encode() not in page
    token_file = built.parent  # never beside the pack's files that are served
    assert not list(token_file.glob("admin.token"))
    path = Path(server.arguments[0].partition("=")[2]).with_name("admin.token")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_code_that_is_open_elsewhere_may_be_taken_over(server: Server, built: Path) -> None:
    code = codes(built)[0]
    trials = [trial["id"] for trial in session(built, code)]
    assert server.post("/api/session", code, browser="desk")[0] == 200
    assert server.post("/api/answers", code, browser="desk", trial_id=trials[0], choice=1)[0] == 200
    status, value = server.post("/api/session", code, browser="phone")
    assert status == 409
    assert "open in another browser" in value["error"]
    status, value = server.post("/api/session", code, browser="phone", take_over=True)
    assert (status, value["answered"]) == (200, trials[:1])
    assert server.post("/api/answers", code, browser="desk", trial_id=trials[1], choice=1)[0] == 409
    assert (
        server.post("/api/answers", code, browser="phone", trial_id=trials[1], choice=0)[0] == 200
    )
    assert Counter(row["trial_id"] for row in server.answers()) == dict.fromkeys(trials[:2], 1)


def test_too_many_requests_are_refused(built: Path, tmp_path: Path) -> None:
    mine, other = codes(built)[:2]
    with serving(built, f"answers={tmp_path}/a.db", "rate=0.5") as server:
        wrong_codes = [server.post("/api/session", "wrong")[0] for _ in range(6)]
        assert wrong_codes == [403, 403, 429, 429, 429, 429]
        mine_now = [server.post("/api/session", mine)[0] for _ in range(4)]
        assert mine_now == [200, 200, 429, 429]
        assert server.post("/api/session", other)[0] == 200  # each has a share of its own


def test_a_limiter_fills_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    limiter = Limiter(rate=2)
    assert [limiter.allows("a") for _ in range(10)] == [True] * 8 + [False] * 2
    now[0] = 1.0
    assert [limiter.allows("a") for _ in range(3)] == [True, True, False]
    now[0] = 1000.0
    assert [limiter.allows("a") for _ in range(10)] == [True] * 8 + [False] * 2


def test_what_was_acknowledged_survives_a_kill(built: Path, tmp_path: Path) -> None:
    with serving(built, f"answers={tmp_path}/answers.db", "rate=1000") as server:
        acknowledged = {}
        for round_ in range(3):
            for slot, code in enumerate(codes(built)):
                server.post("/api/session", code)
                for trial in session(built, code)[round_ * 2 : round_ * 2 + 2]:
                    choice = (slot + round_) % 2
                    assert (
                        server.post("/api/answers", code, trial_id=trial["id"], choice=choice)[0]
                        == 200
                    )
                    acknowledged[trial["id"]] = choice
            assert server.stop(signal.SIGKILL) == -signal.SIGKILL
            token = server.token
            server.start()
            assert server.token == token  # the admin's link stays good
        assert {r["trial_id"]: r["choice"] for r in server.answers()} == acknowledged
        assert len(server.answers()) == len(acknowledged) == 24
        assert server.stop() == 0
    rows = Answers(tmp_path / "answers.db").responses().to_pylist()
    assert {r["trial_id"]: r["choice"] for r in rows} == acknowledged


def test_a_crowd_answers_at_once(built: Path, tmp_path: Path) -> None:
    with serving(built, f"answers={tmp_path}/answers.db", "rate=1000") as server:

        def take_part(code: str) -> dict[str, int]:
            server.post("/api/session", code)
            given = {}
            for n, trial in enumerate(session(built, code)):
                status, value = server.post(
                    "/api/answers", code, trial_id=trial["id"], choice=n % 2
                )
                assert status == 200
                given[value["trial_id"]] = value["choice"]
            return given

        with ThreadPoolExecutor(16) as pool:  # four browsers of each participant
            given = list(pool.map(take_part, codes(built) * 4))
        rows = {row["trial_id"]: row["choice"] for row in server.answers()}
        assert len(server.answers()) == len(rows) == 28
        for session_ in given:
            assert session_.items() <= rows.items()


def test_what_cannot_be_served_gets_one_line(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve = ["study", "serve", "port=0"]
    said = wrong(capsys, *serve, f"pack={tmp_path}")
    assert "holds no finished study: `study build` makes one" in said
    Answers(tmp_path / "other.db", "another").close()
    said = wrong(capsys, *serve, f"pack={built}", f"answers={tmp_path}/other.db")
    assert "other.db holds the answers to another study" in said
    (tmp_path / "text.db").write_text("no database, " * 100)
    said = wrong(capsys, *serve, f"pack={built}", f"answers={tmp_path}/text.db")
    assert "text.db: no file of answers" in said
    said = wrong(capsys, *serve, f"pack={built}", "answers=s3://bucket/answers.db")
    assert "a local file wanted" in said
    said = wrong(capsys, *serve, f"pack={built}", f"answers={tmp_path}/no/answers.db")
    assert f"there is no folder {tmp_path}/no" in said
    copy = small_study(tmp_path)
    next((copy / "pack" / "images").iterdir()).unlink()
    said = wrong(capsys, *serve, f"pack={copy}")
    assert "is not there: build the study again" in said


def test_a_port_in_use_is_told(built: Path, tmp_path: Path, server: Server) -> None:
    arguments = ["study", "serve", f"pack={built}", f"answers={tmp_path}/b.db"]
    assert main([*arguments, f"port={server.port}"]) == 1


def test_answers_are_synced_before_they_are_acknowledged(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "answers.db", "study")
    assert answers.record([Answer("t1", "c", 1, 0.5), Answer("t1", "c", 0, 9.0)]) == [1, 1]
    settings = [
        answers.db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    ]
    assert settings == ["wal", 2]  # 2: FULL
    with sqlite3.connect(tmp_path / "answers.db") as other:
        assert other.execute("SELECT trial_id, choice FROM answers").fetchall() == [("t1", 1)]
    other.close()
    answers.close()
    with pytest.raises(FileNotFoundError):
        Answers(tmp_path / "absent.db")
    assert not (tmp_path / "absent.db").exists()
