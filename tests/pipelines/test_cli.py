"""The command line, as a person types it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import BaseModel

from configs.fields import identity_of
from eval.metrics.registry import METRICS
from pipelines.cli import main
from pipelines.cli.arguments import find_command, read_config
from pipelines.cli.commands import COMMANDS, TASKS, Command
from pipelines.cli.keys import RENAMED, keys_of
from tests.conftest import ROOT
from tests.helpers.catalogs import rows_of, write_catalog, write_pairs
from tests.helpers.commands import wrong
from workers.data.tables import SCHEMAS


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a call that is done prints."""
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


# --- help

EVERY = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)


def test_the_overview_groups_commands_by_task(capsys: pytest.CaptureFixture[str]) -> None:
    overview = printed(capsys, "--help")
    places = [overview.index(f"\n{task}:\n") for task in TASKS]
    assert places == sorted(places)
    assert all(f"\n  {c.words} " in overview and c.about in overview for c in COMMANDS)
    assert max(map(len, overview.splitlines())) <= 100


@EVERY
def test_help_shows_every_key_with_type_and_default(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, *command.words.split(), "--help")
    assert command.example in text
    assert max(map(len, text.splitlines())) <= 100
    lines = text.splitlines()
    keys = keys_of(command.config)
    elsewhere = tuple(f"{key.name}." for key in keys if key.command)
    for key in keys:
        if key.name.startswith(elsewhere):
            continue
        name = key.name if key.type else f"{key.name}.*"
        (line,) = [line for line in lines if line.startswith(f"  {name} ")]
        assert key.type.split()[0] in line if key.type else key.about.split()[0] in line
        assert key.about.endswith((".", "?")), f"{key.name} is not described in a sentence"


def test_help_shows_required_keys_first_and_those_of_all_runs_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = printed(capsys, "render", "--help")
    order = ["required:", "  catalog ", "optional:", "  model ", "output and execution:", "  out "]
    places = [text.index(f"\n{words}") for words in order]
    assert places == sorted(places)
    for words in (
        "integer from 1 to 100; default 95",
        "jpeg, png or webp; default jpeg",
        "ray or local; default ray",
        "list of 3 integers from 0 to 255",
    ):
        assert words in text


def test_help_names_all_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "evaluate", "--help")
    assert all(name in text for name in METRICS)


@EVERY
def test_defaults_of_nested_keys_are_those_that_help_shows(command: Command) -> None:
    for field in command.config.model_fields.values():
        if isinstance(field.default, BaseModel):
            assert field.default == type(field.default)()


# --- examples


def example(command: Command, *more: str) -> list[str]:
    return [*command.example.split()[1:], *more]


@EVERY
def test_every_example_is_valid(command: Command) -> None:
    found, rest = find_command(example(command))
    assert found == command
    assert read_config(found, rest)


def test_examples_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    local, steps = "execution.engine=local", ["steps=1", "batch=2", "width=4", "precision=float32"]
    smaller = {
        "synthesize": ["items=2", "views=2", "size=64", local],
        "render": [local],
        "evaluate": ["bootstrap.replicates=100", local],
        "runs show": [],
        "study build": ["practice=0", "sentinels=0", "repeats=0", "participants=2"],
        "train inpainter": ["texture_size=40", local, *steps],
        "train generator": ["discriminator_width=4", local, *steps],
    }
    calls = {command.words: example(command) for command in COMMANDS}
    for words, more in smaller.items():
        assert main([*calls[words], *more]) == 0


# --- a config that is printed


@EVERY
def test_a_printed_config_is_the_same_config(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "printed.yaml"
    file.write_text(printed(capsys, *example(command, "--print-config")))
    first = read_config(*find_command(example(command)))
    again = read_config(command, ["--config", str(file)])
    assert again == first
    assert identity_of(again) == identity_of(first)


def test_a_printed_benchmark_can_be_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "printed.yaml"
    full = ["--config", f"{ROOT}/configs/benchmark/full.yaml", "out=/b"]
    file.write_text(printed(capsys, "benchmark", *full, "--print-config"))
    call = ["benchmark", "--config", str(file), "seed=7"]
    config = read_config(*find_command(call))
    assert config == read_config(*find_command(["benchmark", *full, "seed=7"]))


def test_a_printed_config_resumes_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["synthesize", "items=1", "views=1", "size=64", f"out={tmp_path}/world"]
    call += ["execution.engine=local"]
    file = tmp_path / "printed.yaml"
    file.write_text(printed(capsys, *call, "--print-config"))
    assert main(call) == 0
    plan = (tmp_path / "world" / "plan.json").read_bytes()
    assert main(["synthesize", "--config", str(file)]) == 0
    assert (tmp_path / "world" / "plan.json").read_bytes() == plan


def test_identities_stay_what_they_were() -> None:
    """Runs that were begun before are resumed: these keys decide them, and no others."""
    kept = {
        "render": "background catalog image lookup model pairs poses",
        "synthesize": "fabrics image items seed size stock uv uv_noise views",
        "extract": "crop densepose extractor flip_v input lookup margin max_pixels size uv",
        "evaluate": "bootstrap catalog compare date force generated method methods metrics "
        "reference renders side_by_side split strips",
        "train inpainter": "augmentation batch catalog decay extend_body first_guess held_out "
        "initial keep_seen learning_rate losses pairs precision seed steps texture_size variant "
        "width",
    }
    for command in COMMANDS:
        if command.words in kept:
            config = read_config(*find_command(example(command)))
            assert sorted(identity_of(config)) == kept[command.words].split()


# --- mistakes


def test_renamed_keys_are_told_by_their_new_names(capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "inpainter", "catalog=a", "out=b"]
    for old in ("engine", "processes", "ray_address", "loaders", "attempts"):
        assert f"unknown key {old}: use {RENAMED[old]}" in wrong(capsys, *train, f"{old}=1")
    build = ["study", "build", "runs=[a]", "out=b"]
    said = wrong(capsys, *build, "pairs=3", "views=2", "image=png")
    assert "unknown key pairs: use n_pairs" in said
    assert "unknown key views: use participants_per_pair" in said
    assert "image=png: its keys are image.format, image.quality" in said
    benchmark = ["benchmark", "variant=full", "out=b"]
    said = wrong(capsys, *benchmark, "weights=w", "inpainter.engine=ray")
    assert "use metric_weights" in said
    assert "use inpainter.execution.engine" in said


def test_the_line_overrides_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "render.yaml"
    file.write_text("catalog: s3://a/b\nout: here\nimage: {format: png, quality: 80}\n")
    call = ["render", "--config", str(file), "image.format=webp", "execution.engine=local"]
    assert main([*call, "--print-config"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["catalog"] == "s3://a/b"
    assert config["image"] == {"format": "webp", "quality": 80, "alpha": False}
    assert config["execution"]["engine"] == "local"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rendr"], "did you mean 'render'?"),
        (["render", "catalog=a", "out=b", "modle=c"], "unknown key modle, did you mean model?"),
        (["render", "out=b"], "catalog= is missing"),
        (["render", "catalog=a", "out=b", "image.quality=500"], "image.quality=500"),
        (["render", "catalog=a", "out=b", "execution.engine=spark"], "expected ray or local"),
        (["render", "catalog=a", "out=b", "workers=2"], "did you mean execution.workers?"),
        (["render", "catalog=a", "out=b", "execution=ray"], "its keys are execution.engine, "),
        (["render", "execution=ray", "execution.workers=2"], "are both given"),
        (["benchmark", "variant=full", "out=b", "inpainter=3"], "keys of `reposer train inpain"),
        (["benchmark", "variant=full", "out=b", "generator.execution=3"], "its keys are gen"),
        (["benchmark", "variant=fool", "out=b"], "variant=fool: expected full, no-deform,"),
        (["render", "catalog"], "'catalog' is not key=value"),
        (["render", "--config", "absent.yaml"], "absent.yaml: No such file"),
        (["runs", "show", "nowhere"], "nowhere holds no run"),
        (["render", "catalog=nowhere", "poses=nowhere", "out=o"], "nowhere: no catalog there"),
        (["extract", "input=nowhere", "out=o"], "nowhere: no such folder"),
        (["demo", "--dry-run"], "demo has no --dry-run"),
    ],
)
def test_mistakes_get_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in wrong(capsys, *arguments)


def test_mistakes_in_files_name_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = f"{tmp_path}/catalog"
    ids = write_catalog(catalog, 2)
    call = ["render", f"catalog={catalog}", f"out={tmp_path}/o"]
    assert "needs poses=" in wrong(capsys, *call)
    columns = tmp_path / "columns.csv"
    columns.write_text("source,target\na,b\n")
    assert f"{columns}: wants columns from,to" in wrong(capsys, *call, f"pairs={columns}")
    gap = tmp_path / "gap.csv"
    gap.write_text(f"from,to\n{ids[0]},{ids[1]}\n{ids[0]},\n")
    assert f"{gap}: pair 2 lacks from or to" in wrong(capsys, *call, f"pairs={gap}")
    twice = write_pairs(tmp_path / "twice.csv", [(ids[0], ids[1])] * 2)
    assert f"{twice}: the pair p000,p001 stands there twice" in wrong(
        capsys, *call, f"pairs={twice}"
    )
    pairs = write_pairs(tmp_path / "p.csv", [(ids[0], ids[1])])
    model = wrong(capsys, *call, f"pairs={pairs}", f"model={tmp_path}/nothing")
    assert f"model={tmp_path}/nothing: not a checkpoint" in model
    assert not Path(tmp_path, "o").exists()


def test_damaged_catalogs_name_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = tmp_path / "catalog"
    call = ["render", f"catalog={catalog}", f"poses={catalog}", f"out={tmp_path}/o"]
    write_catalog(str(catalog), 2)
    table = catalog / "uv_maps" / "00000-of-00001.parquet"
    whole = pq.read_table(table)
    pq.write_table(whole.drop_columns("layout"), table)
    assert f"{table}: lacks the columns layout" in wrong(capsys, *call)
    pq.write_table(pa.concat_tables([whole, whole]), table)
    said = wrong(capsys, *call)
    assert f"{catalog}: image_id 'p000' stands twice, in row 1 of uv_maps/" in said
    table.write_bytes(b"no table")
    assert f"{table}: not a readable Parquet file" in wrong(capsys, *call)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["render", "catalog=a", "out=b", "background=[1,2"], "'[1,2' is not a YAML list"),
        (
            ["render", "catalog=a", "out=b", "background=[1,2]"],
            "background=[1, 2]: expected list of 3 integers from 0 to 255",
        ),
        (
            ["render", "catalog=a", "out=b", "background=[1,2,300]"],
            "background=[1, 2, 300]: expected list of 3",
        ),
        (["render", "catalog=a", "out="], "out=: a path or URL wanted"),
        (
            ["extract", "input=a", "out=b", "size=8"],
            "size=8: expected native or integer from 32 to 4096",
        ),
        (["extract", "input=nowhere.csv", "out=b"], "nowhere.csv: No such file"),
        (["checkpoint", "import", "inpainter=x", "refiner=y", "out=z"], "x"),
    ],
)
def test_more_mistakes_get_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in wrong(capsys, *arguments)


def test_dotted_keys_in_a_file_are_nested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("catalog: c\nout: o\nexecution.workers: 2\nexecution.engine: local\n")
    assert main(["render", "--config", str(file), "--print-config"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["execution"]["workers"] == 2


def test_tables_are_read_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = f"{tmp_path}/catalog"
    write_catalog(catalog, 2, prefix="NA")
    call = ["render", f"catalog={catalog}", "execution.engine=local", "model=symmetry"]
    spaced = tmp_path / "spaced.csv"
    spaced.write_text("\ufefffrom, to\nNA000, NA001\n")
    assert main([*call, f"pairs={spaced}", f"out={tmp_path}/o"]) == 0
    assert [row["render_id"] for row in rows_of(f"{tmp_path}/o")] == ["NA000__NA001"]
    capsys.readouterr()
    shifted = tmp_path / "shifted.csv"
    shifted.write_text("from,to\nNA000,NA001,x\n")
    said = wrong(capsys, *call, f"pairs={shifted}", f"out={tmp_path}/p")
    assert f"{shifted}: a row has more fields than the header" in said


def test_what_lies_in_out_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog, out = f"{tmp_path}/catalog", tmp_path / "out"
    ids = write_catalog(catalog, 2)
    pairs = write_pairs(tmp_path / "p.csv", [(ids[0], ids[1])])
    call = ["render", f"catalog={catalog}", f"pairs={pairs}", f"out={out}"]
    call += ["execution.engine=local"]
    out.mkdir()
    (out / "index.html").write_text("mine")
    assert f"{out} is not empty (index.html) and holds no run" in wrong(capsys, *call)
    assert (out / "index.html").read_text() == "mine"
    (out / "index.html").unlink()
    assert main(call) == 0
    capsys.readouterr()
    shard = next((out / "renders").iterdir())
    data = shard.read_bytes()
    (out / "renders" / "copy.parquet").write_bytes(data)
    (out / "manifest.json").unlink()
    assert main(call) == 2
    assert "copy.parquet is not this run's" in capsys.readouterr().err
    (out / "renders" / "copy.parquet").unlink()
    shard.write_bytes(data[:-100])
    assert main(call) == 2
    assert f"{shard} is damaged" in capsys.readouterr().err
    shard.unlink()
    assert main(call) == 0
    assert len(rows_of(str(out))) == 1
    (out / "plan.json").write_text("{")
    assert main(["runs", "show", str(out)]) == 2
    assert "the plan is damaged" in capsys.readouterr().err


def test_one_bad_row_of_a_catalog_fails_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = tmp_path / "catalog"
    ids = write_catalog(str(catalog), 3)
    table = catalog / "uv_maps" / "00000-of-00001.parquet"
    rows = pq.read_table(table).to_pylist()
    rows[1]["uv"] = None
    pq.write_table(pa.Table.from_pylist(rows, SCHEMAS["uv_maps"]), table)
    pairs = write_pairs(tmp_path / "p.csv", [(ids[0], t) for t in ids])
    call = ["render", f"catalog={catalog}", f"pairs={pairs}", f"out={tmp_path}/o"]
    assert main([*call, "execution.engine=local", "max_failed_fraction=0.5"]) == 0
    assert [r["status"] for r in rows_of(f"{tmp_path}/o")] == ["ok", "failed", "ok"]
