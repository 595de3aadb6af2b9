"""The examples of README and docs/ run, and what these say of files, headings and keys is true."""

import importlib.util
import inspect
import io
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from pipelines.cli import main
from tests.conftest import ROOT
from tests.helpers import stand_ins
from tests.helpers.pages import LANGUAGES, Block, Page, commands

PAGES = {
    str(path.relative_to(ROOT)): Page(path)
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
LINKING = {**PAGES, "deploy/README.md": Page(ROOT / "deploy" / "README.md")}

# Examples that are not run, but held against the schema, by what marks them.
PARSED = {
    "extractor=densepose": "wants the model zoo's weights",
    "extractor=prnet": "wants PRNet's data",
    "extractor=facemesh": "wants MediaPipe's face",
    "layout=face468": "wants MediaPipe's face",
    "catalog=faces": "wants its catalog",
    "reposer benchmark": "trains for hours",
    "ray_address=": "wants a cluster",
    "metrics=[fid,kid]": "wants Inception's weights",
}
# Examples that only the slow test runs, by how they begin, and the keys that shorten them there.
SLOW = {
    "reposer demo": [],
    "reposer extract input=PHOTOS extractor=bodyfit": [],
    "reposer render catalog=catalog poses=bundled model=bundled size=1024": [],  # of its catalog
    "reposer synthesize items=20": ["items=3", "views=3", "size=64"],
    "reposer train inpainter": ["steps=2", "width=4", "batch=2", "texture_size=40"],
    "reposer train generator": ["steps=2", "width=4", "batch=2", "discriminator_width=4"],
    "reposer extract input=world extractor=keypoints size=native": [],  # with what these train
    "reposer train poser": ["steps=2", "width=8", "batch=2", "parts=8", "grid=16"],
    "reposer render catalog=test": [],  # by the models that these train
}
# Examples that the slow test runs as they are, the fast one with these keys.
SHORTER = {
    "reposer synthesize": ["items=3", "size=64"],
    "reposer evaluate renders=": ["metrics=[ssim_dsc,l1]"],
}
# What examples import and the suite does not; tests/pipelines/test_readers.py runs these.
ELSEWHERE = ("import polars", "from datasets import", "import ray\n")
OTHERS = {"ray"}  # programs whose examples are not looked into
NOT_KEYS = {"dotted.key", "row_group_size", "weights_only"}  # pyarrow's and torch's


def stand_in(page: str, folder: Path, bucket: str, request: pytest.FixtureRequest) -> None:
    """Make what the examples of a page name and do not make themselves."""
    for room in ("assets", "configs"):
        (folder / room).symlink_to(ROOT / room)
    makers: dict[str, list[Callable[[Path], None]]] = {
        "README.md": [stand_ins.authors, stand_ins.skeletons, stand_ins.faces],
        "docs/checkpoint.md": [stand_ins.authors],
        "docs/evaluate.md": [
            stand_ins.methods,
            stand_ins.listed_pairs,
            partial(stand_ins.images, sides=["IMAGES"]),
        ],
        "docs/extract.md": [stand_ins.fitted, stand_ins.videos],
        "docs/faces.md": [stand_ins.faces],
        "docs/operations.md": [stand_ins.schedule],
        "docs/parsings.md": [stand_ins.parsings],
        "docs/render.md": [stand_ins.catalogs, stand_ins.skeletons],
        "docs/runs.md": [stand_ins.catalogs],
        "docs/skeletons.md": [stand_ins.skeletons],
        "docs/study.md": [
            stand_ins.methods,
            stand_ins.survey,
            partial(stand_ins.images, sides=["A", "B", "C"]),
            stand_ins.catalogs,
            partial(stand_ins.runs, named=["ours", "theirs"]),
        ],
        "docs/synthesize.md": [stand_ins.across],
        "docs/readers.md": [stand_ins.rendered],
    }
    if page in ("README.md", "docs/extract.md", "docs/parsings.md"):
        stand_ins.photographs(folder, request.getfixturevalue("lookup"))
    for make in makers.get(page, []):
        make(folder)
    if "s3://b/" in PAGES[page].text:
        stand_ins.remote_catalogs(bucket)


@pytest.fixture
def run_page(
    tmp_path: Path,
    s3_url: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., None]:
    """Runs every example of a page, in its order, in one folder."""

    def run(page: str, slow: bool) -> None:
        bucket = f"{s3_url}/{uuid.uuid4().hex}"
        stand_in(page, tmp_path, bucket, request)
        monkeypatch.chdir(tmp_path)
        for block in PAGES[page].blocks():
            assert block.language in LANGUAGES, f"{page}:{block.line}: no known language"
            try:
                run_block(block, bucket, slow)
            except Exception as error:
                raise AssertionError(f"{page}:{block.line}: {block.text}") from error

    return run


@pytest.mark.s3
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("page", [name for name, page in PAGES.items() if page.blocks()])
def test_examples_run(page: str, run_page: Callable[..., None]) -> None:
    run_page(page, slow=False)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.s3
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    "page",
    ["README.md", "docs/evaluate.md", "docs/extract.md", "docs/parsings.md", "docs/train.md"],
)
def test_slow_examples_run(page: str, run_page: Callable[..., None]) -> None:
    run_page(page, slow=True)


def run_block(block: Block, bucket: str, slow: bool) -> None:
    if block.language == "python":
        if any(words in block.text for words in ELSEWHERE):
            compile(block.text, "example", "exec")
            return
        exec(compile(block.text, "example", "exec"), {})
    elif block.language == "yaml":
        yaml.safe_load(block.text)
    elif block.language == "sh":
        for words in commands(block):
            check(words[0], [word.replace("s3://b", bucket) for word in words[1:]], slow)


def check(program: str, words: list[str], slow: bool) -> None:
    """Run a command, or see that it could be run."""
    if program == "reposer":
        reposer(words, slow)
    elif program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif program == "python":
        assert words[0] == "-m"
        assert importlib.util.find_spec(words[1])
        assert all((ROOT / word).exists() for word in words if word.endswith(".py"))
    else:
        assert program in OTHERS


def reposer(words: list[str], slow: bool) -> None:
    line = " ".join(["reposer", *words])
    if {"--help", "--dry-run"} & set(words):
        assert main(words) == 0
        return
    config = resolved(words)
    shorter = of_line(SLOW, line)
    if any(mark in line for mark in PARSED) or (shorter is not None and not slow):
        return
    if words[:2] == ["study", "serve"]:  # it would serve until it is stopped
        stand_ins.take_part(Path(config["pack"]))
        return
    local = ["execution.engine=local"] if "execution" in config else []
    keys = shorter if slow else of_line(SHORTER, line)
    assert main([*words, *local, *(keys or [])]) == 0


def of_line(keys: dict[str, list[str]], line: str) -> list[str] | None:
    """The keys that belong to a command."""
    return next((keys[begins] for begins in keys if line.startswith(begins)), None)


def resolved(words: list[str]) -> dict[str, Any]:
    """A command's config, after it was held against the schema."""
    out = io.StringIO()
    with redirect_stdout(out):
        assert main([*words, "--print-config"]) == 0, words
    return yaml.safe_load(out.getvalue())


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].text.splitlines()) <= 150


def test_the_readme_leads_to_every_page() -> None:
    linked = {link.partition("#")[0] for link in PAGES["README.md"].links()}
    assert PAGES.keys() - linked == {"README.md"}


@pytest.mark.parametrize("page", LINKING)
def test_links_lead_somewhere(page: str) -> None:
    for link in LINKING[page].links():
        name, _, fragment = link.partition("#")
        target = (LINKING[page].path.parent / name).resolve() if name else LINKING[page].path
        assert target.exists(), link
        assert not fragment or fragment in Page(target).anchors(), link


def test_the_files_that_pages_name_are_there() -> None:
    rooms = [path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."]
    rooms = [room for room in rooms if (ROOT / room / "__init__.py").exists()] + ["deploy", "docs"]
    path = re.compile(rf"(?:{'|'.join(rooms)})/[\w./-]*")
    named = {span for page in LINKING.values() for span in page.spans() if path.fullmatch(span)}
    assert len(named) > 50
    assert not [name for name in sorted(named) if not (ROOT / name).exists()]


def test_the_keys_that_pages_name_are_there() -> None:
    known = {key for module in config_modules() for key in keys_of(module)}
    groups = {key.partition(".")[0] for key in known if "." in key}
    named = set()
    for page in PAGES.values():
        for span in page.spans():
            key = re.match(r"([a-z_0-9]+(?:\.[a-z_0-9]+)*)(=|$)", span)
            if key and (key[2] or ("." in key[1] and key[1].partition(".")[0] in groups)):
                named.add(key[1])
    assert len(named) > 30
    assert not sorted(named - known - NOT_KEYS)


def config_modules() -> Iterator[Any]:
    for path in sorted((ROOT / "configs").glob("*.py")):
        yield import_module(f"configs.{path.stem}")


def keys_of(module: Any) -> Iterator[str]:
    """The dotted keys of a module's configs."""
    for _, config in inspect.getmembers(module, inspect.isclass):
        if issubclass(config, BaseModel):
            yield from fields(config)


def fields(config: type[BaseModel]) -> Iterator[str]:
    for name, field in config.model_fields.items():
        yield name
        for kind in (field.annotation, *get_args(field.annotation)):
            if inspect.isclass(kind) and issubclass(kind, BaseModel):
                yield from (f"{name}.{key}" for key in fields(kind))
