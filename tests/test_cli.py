"""The command line, as a person types it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.cli import COMMANDS, main
from tests.catalogs import write_catalog, write_pairs


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
    assert f"{gap}: row 3 lacks from or to" in wrong(capsys, *call, f"pairs={gap}")
    twice = write_pairs(tmp_path / "twice.csv", [(ids[0], ids[1])] * 2)
    assert "1 row ids occur twice" in wrong(capsys, *call, f"pairs={twice}")
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
    assert f"{catalog}: image_id 'p000' twice" in wrong(capsys, *call)
    table.write_bytes(b"no table")
    assert f"{table}: not a Parquet file" in wrong(capsys, *call)
