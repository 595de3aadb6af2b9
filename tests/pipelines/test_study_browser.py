"""The participants' pages in a real browser."""

import csv
import json
import os
import re
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.helpers.studies import Server, codes, serving, session, small_study, table

CHROMIUM = os.environ.get("REPOSER_CHROMIUM") or shutil.which("chromium") or ""
REST = 400  # ms: a question takes no answer sooner
PATIENCE = 30_000  # ms: a busy machine's server starts slowly

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no chromium (set REPOSER_CHROMIUM)")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_study(tmp_path_factory.mktemp("built"), size=96)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture
def server(built: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(built, f"answers={tmp_path}/answers.db") as running:
        yield running


Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Opens pages, each in a browser profile of its own; errors on them fail the test."""
    contexts, troubles = [], []

    def open_page(url: str, **options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def started(opened: Opened, server: Server, code: str) -> Page:
    """A participant's page, behind the consent."""
    page = opened(f"{server.url}/#{code}")
    page.get_by_role("button", name="I agree").click()
    return page


def answer(page: Page, numbers: Iterable[int], key: str) -> None:
    """Answer questions by a key."""
    for number in numbers:
        asked(page, number)
        page.keyboard.press(key)


def asked(page: Page, number: int) -> None:
    """Wait until a question is shown and takes answers."""
    expect(page.locator(".progress span")).to_have_text(re.compile(rf"uestion {number} of 7$"))
    page.wait_for_timeout(REST)


def thanked(page: Page) -> None:
    expect(page.locator("h1")).to_have_text("Thank you!")


def choices(server: Server, code: str) -> list[int]:
    """A participant's answers in the order of the questions."""
    given = {r["trial_id"]: r["choice"] for r in server.answers() if r["participant"] == code}
    assert len(given) == len([r for r in server.answers() if r["participant"] == code])
    return [given[t["id"]] for t in session(server.study, code) if t["id"] in given]


def test_a_session_by_keyboard(server: Server, built: Path, opened: Opened) -> None:
    code = codes(built)[0]
    page = opened(f"{server.url}/#{code}")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your code")).to_be_focused()
    expect(page.get_by_label("Your code")).to_have_value(code)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for number, key in enumerate(["ArrowLeft", "ArrowRight", "1", "2", "Tab", "Digit2", "1"], 1):
        asked(page, number)
        expect(page.locator("h2")).to_be_focused()
        if key == "Tab":  # as a page without keys of its own
            page.keyboard.press("Tab")
            page.keyboard.press("Tab")
            page.keyboard.press("Space")
        else:
            page.keyboard.press(key)
    thanked(page)
    assert choices(server, code) == [0, 1, 0, 1, 1, 1, 0]
    assert all(REST / 1000 <= row["seconds"] < 60 for row in server.answers())


def test_a_session_by_touch_on_a_phone(server: Server, built: Path, opened: Opened) -> None:
    code = codes(built)[1]
    phone = {
        "viewport": {"width": 360, "height": 640},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    }
    page = opened(f"{server.url}/", **phone)
    page.get_by_label("Your code").fill(f" {code[:4].upper()}-{code[4:8]}-{code[8:]}")
    page.get_by_role("button", name="I agree").tap()
    for number in range(1, 8):
        asked(page, number)
        boxes = [picture.bounding_box() for picture in page.locator(".trial img").all()]
        assert len(boxes) == 3
        for box in boxes:  # all on the screen, none too small to judge
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
            assert box["y"] + box["height"] <= 640
            assert min(box["width"], box["height"]) >= 140
        page.get_by_role("button", name=f"Picture {number % 2 + 1}").tap()
    thanked(page)
    assert choices(server, code) == [1, 0, 1, 0, 1, 0, 1]


def test_a_reload_goes_on_where_it_was(server: Server, built: Path, opened: Opened) -> None:
    code = codes(built)[2]
    page = started(opened, server, code)
    answer(page, (1, 2, 3), "1")
    asked(page, 4)
    page.reload()
    answer(page, (4, 5, 6, 7), "2")
    thanked(page)
    assert choices(server, code) == [0, 0, 0, 1, 1, 1, 1]
    page.reload()
    thanked(page)


def test_a_double_click_is_one_answer(server: Server, built: Path, opened: Opened) -> None:
    code = codes(built)[0]
    page = opened(f"{server.url}/#{code}")
    page.get_by_role("button", name="I agree").dblclick()
    for number in range(1, 8):
        asked(page, number)
        box = page.get_by_role("button", name="Picture 2").bounding_box()
        assert box
        page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        if number == 1:
            page.keyboard.press("1")  # too soon for the next question
    thanked(page)
    assert choices(server, code) == [1] * 7


def test_a_killed_server_loses_nothing(server: Server, built: Path, opened: Opened) -> None:
    code = codes(built)[0]
    page = started(opened, server, code)
    answer(page, (1, 2, 3), "1")
    asked(page, 4)
    server.stop(signal.SIGKILL)
    page.keyboard.press("2")
    status = page.get_by_role("status")
    expect(status).to_contain_text("No connection. What you have answered is safe")
    page.keyboard.press("1")  # the answer has been given
    server.start()
    for number in (5, 6, 7):
        asked(page, number)
        expect(status).to_have_text("")
        page.keyboard.press("2")
    thanked(page)
    assert choices(server, code) == [0, 0, 0, 1, 1, 1, 1]


def test_two_participants_at_once(server: Server, built: Path, opened: Opened) -> None:
    pages = {code: opened(f"{server.url}/#{code}") for code in codes(built)[:2]}
    for page in pages.values():
        page.get_by_role("button", name="I agree").click()
    for number in range(1, 8):
        for key, page in zip("12", pages.values(), strict=True):
            asked(page, number)
            page.keyboard.press(key)
    for choice, (code, page) in enumerate(pages.items()):
        thanked(page)
        assert choices(server, code) == [choice] * 7


def test_one_code_in_two_browsers(server: Server, built: Path, opened: Opened) -> None:
    code = codes(built)[0]
    first = opened(f"{server.url}/#{code}")
    first.get_by_role("button", name="I agree").click()
    asked(first, 1)
    first.keyboard.press("1")
    second = opened(f"{server.url}/#{code}")
    second.get_by_role("button", name="I agree").click()
    expect(second.get_by_role("alert")).to_contain_text("open in another browser")
    second.get_by_role("button", name="Continue here").click()
    asked(second, 2)
    asked(first, 2)
    first.keyboard.press("1")  # comes too late
    expect(first.locator("h1")).to_have_text("Open elsewhere")
    second.keyboard.press("2")
    asked(second, 3)
    assert choices(server, code) == [0, 1]


def test_a_wrong_code_is_told(server: Server, opened: Opened) -> None:
    page = opened(f"{server.url}/#wrong")
    page.get_by_role("button", name="I agree").click()
    expect(page.get_by_role("alert")).to_have_text("This code is not known: check its letters.")
    expect(page.get_by_label("Your code")).to_be_focused()


def test_the_admins_page(server: Server, built: Path, opened: Opened, tmp_path: Path) -> None:
    code = codes(built)[0]
    server.post("/api/session", code)
    server.post("/api/answers", code, trial_id=session(built, code)[0]["id"], choice=1, seconds=2)
    page = opened(server.admin)
    expect(page.locator("#totals")).to_have_text("1 of 28 answers; 0 of 4 participants are done.")
    expect(page.locator("tbody tr").first).to_contain_text("1 of 7")
    expect(page.get_by_role("link").first).to_have_attribute("href", f"{server.url}/#{code}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "responses.parquet")
    (row,) = table(tmp_path, "responses.parquet")
    assert (row["participant"], row["choice"], row["seconds"]) == (code, 1, 2.0)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hosted(built: Path, tmp_path: Path) -> Path:
    """A copy of the study that a test may change."""
    return shutil.copytree(built, tmp_path / "hosted")


@pytest.fixture
def file_host(hosted: Path) -> Iterator[str]:
    """A plain file host: no API, and another origin than any study's server."""
    host = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(hosted)))
    thread = threading.Thread(target=host.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{host.server_port}"
    host.shutdown()
    thread.join()
    host.server_close()


def test_the_static_pack_on_a_plain_file_host(
    file_host: str, built: Path, opened: Opened, tmp_path: Path
) -> None:
    code = codes(built)[3]
    page = opened(f"{file_host}/pack/#{code}")
    page.get_by_role("button", name="I agree").click()
    for number in range(1, 8):
        asked(page, number)
        if number == 4:
            page.reload()
            asked(page, number)
        page.keyboard.press("ArrowRight" if number > 4 else "ArrowLeft")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the answers").click()
    assert download.value.suggested_filename == f"answers-{code}.json"
    download.value.save_as(tmp_path / "answers.json")
    rows = json.loads((tmp_path / "answers.json").read_text())
    assert [row["trial_id"] for row in rows] == [t["id"] for t in session(built, code)]
    assert [row["choice"] for row in rows] == [0, 0, 0, 0, 1, 1, 1]
    assert {row["participant"] for row in rows} == {code}
    assert all(row["seconds"] > 0 and row["answered_at"].endswith("Z") for row in rows)
    unknown = opened(f"{file_host}/pack/#unknown")
    unknown.get_by_role("button", name="I agree").click()
    expect(unknown.get_by_role("alert")).to_contain_text("This code is not known")


def test_the_template_for_mechanical_turk(
    file_host: str, hosted: Path, built: Path, opened: Opened
) -> None:
    template = (built / "mturk" / "template.html").read_text()
    row = next(csv.DictReader((built / "mturk" / "input.csv").read_text().splitlines()))
    row["base"] = f"{file_host}/pack/images/"
    filled = re.sub(r"\$\{(\w+)\}", lambda match: row[match[1]], template)
    # Amazon's own elements, which only add the submit button, are not loaded.
    filled = filled.replace(
        "https://assets.crowd.aws/crowd-html-elements.js", "data:text/javascript,"
    )
    (hosted / "hit.html").write_text(filled)
    preview = opened(f"{file_host}/hit.html?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE")
    preview.get_by_role("button", name="I agree").click()
    expect(preview.get_by_role("status")).to_have_text("Please accept the HIT first.")
    page = opened(f"{file_host}/hit.html?assignmentId=A1")
    page.get_by_role("button", name="I agree").click()
    for number in range(1, 8):
        asked(page, number)
        page.keyboard.press("12"[number % 2])
    expect(page.locator("#submit")).to_be_visible()
    fields = dict(
        page.evaluate(
            "[...document.forms, ...document.querySelectorAll('input')]"
            ".map(field => [field.name, field.value])"
        )
    )
    assert [fields[f"choice_{n}"] for n in range(1, 8)] == list("1010101")
    assert all(float(fields[f"seconds_{n}"]) > 0 for n in range(1, 8))
    assert Counter(row[f"trial_{n}"] for n in range(1, 8)) == dict.fromkeys(
        (t["id"] for t in session(built, codes(built)[0])), 1
    )


def test_the_pages_can_be_read_by_everyone(server: Server, built: Path, opened: Opened) -> None:
    """Names, languages, labels, contrast and focus, as WCAG 2 AA asks for them."""
    page = opened(f"{server.url}/#{codes(built)[0]}")
    assert page.evaluate("document.documentElement.lang") == "en"
    page.get_by_role("button", name="I agree").click()
    asked(page, 1)
    assert page.locator("img:not([alt])").count() == 0
    assert page.get_by_role("progressbar", name="answered").count() == 1
    ratios = page.evaluate(
        """() => [...document.querySelectorAll(".trial *")].filter((e) => e.childElementCount === 0
             && e.textContent.trim()).map((e) => {
          const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
          const light = (rgb) => { const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number).map(channel);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          return 1.05 / (light(getComputedStyle(e).color) + 0.05); })"""
    )
    assert len(ratios) >= 5
    assert min(ratios) >= 4.5  # on white
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "4px"
    with_labels = page.get_by_role("button")
    assert [with_labels.nth(n).get_attribute("type") for n in range(2)] == ["button"] * 2
