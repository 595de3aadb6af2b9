"""The command line, as a person types it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.cli import COMMANDS, main
from tests.helpers.catalogs import rows_of, write_catalog, write_pairs
from workers.data.tables import SCHEMAS


def wrong(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a wrong call prints; checks its exit code."""
    assert main(list(arguments)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_help_shows_every_command_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    overview = capsys.readouterr().out
    for command in COMMANDS:
        assert command.words in overview
        assert main([*command.words.split(), "--help"]) == 0
        text = capsys.readouterr().out
        assert command.example in text
        assert all(field in text for field in command.config.model_fields)


def test_every_example_parses(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        words = command.example.split()[1:]
        assert main([*words, "--print-config"]) == 0
        assert yaml.safe_load(capsys.readouterr().out)


def test_the_line_overrides_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "render.yaml"
    file.write_text("catalog: s3://a/b\nout: here\nimage: {format: png, quality: 80}\n")
    call = ["render", "--config", str(file), "image.format=webp", "execution.engine=local"]
    assert main([*call, "--print-config"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["catalog"] == "s3://a/b"
    assert config["image"] == {"format": "webp", "quality": 80}
    assert config["execution"]["engine"] == "local"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rendr"], "did you mean 'render'?"),
        (["render", "catalog=a", "out=b", "modle=c"], "unknown key modle, did you mean model?"),
        (["render", "out=b"], "catalog= is missing"),
        (["render", "catalog=a", "out=b", "image.quality=500"], "image.quality=500"),
        (["render", "catalog=a", "out=b", "execution.engine=spark"], "'ray' or 'local'"),
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
    assert "needs pairs=" in wrong(capsys, *call)
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
        (["render", "catalog=a", "out=b", "background=[1,2]"], "background: 2 values are too few"),
        (["render", "catalog=a", "out=b", "background=[1,2,300]"], "background=300"),
        (["render", "catalog=a", "out="], "out=: a path or URL wanted"),
        (["extract", "input=a", "out=b", "size=8"], "size=8: input should be"),
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
