"""Lists of pairs as the field of virtual try-on writes them: `person cloth` a line, no header."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipelines import render
from pipelines.runs.plan import RunError
from tests.helpers.catalogs import StandIn, rows_of, write_catalog, write_pairs
from tests.helpers.runs import config, run

VITON = [f"{n:06d}_0" for n in range(8)]
HD = [f"{n:05d}_00" for n in range(6)]


def write_list(path: Path, lines: Sequence[str], end: str = "\n") -> str:
    path.write_bytes((end.join(lines) + end).encode())
    return str(path)


def rendered(folder: Path, **values: object) -> list[tuple[str, str]]:
    """(source, pose) of a run's rows."""
    out = f"{folder}/out-{len(list(folder.glob('out-*')))}"
    run(config(folder, out=out, execution={"engine": "local"}, **values))
    return [(row["source_id"], row["pose_id"]) for row in rows_of(out)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("blank", [" ", "\t", "   "])
def test_the_person_comes_first_and_the_garment_second(
    end: str, blank: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """VITON-HD's list: its names are those of people, under image/ and under cloth/ alike."""
    write_catalog(f"{tmp_path}/catalog", 6, ids=HD)
    lines = [f"{HD[0]}.jpg{blank}{HD[3]}.jpg", f"{HD[1]}.jpg{blank}{HD[2]}.jpg"]
    url = write_list(tmp_path / "test_pairs.txt", lines, end)
    assert rendered(tmp_path, poses=None, pairs=url) == [(HD[2], HD[1]), (HD[3], HD[0])]
    said = (
        "column 1 is the person (pose), column 2 the garment (source), which is the field's order"
    )
    assert f"render: test_pairs.txt: {said}\n" in capsys.readouterr().err
    turned = rendered(tmp_path, poses=None, pairs=url, pairs_header="from,to")
    assert turned == [(HD[0], HD[3]), (HD[1], HD[2])]
    told = capsys.readouterr().err
    assert "column 1 is the garment (source), column 2 the person (pose)\n" in told
    assert "field" not in told


def test_the_catalogs_tell_the_columns_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalog(f"{tmp_path}/catalog", 2, ids=VITON[:2])
    write_catalog(f"{tmp_path}/models", 2, ids=VITON[2:4])
    pairs = [(VITON[0], VITON[2]), (VITON[1], VITON[3])]
    for n, turn in enumerate((1, -1)):
        lines = [" ".join(f"{name}.jpg" for name in pair[::turn]) for pair in pairs]
        url = write_list(tmp_path / f"{n}.txt", lines)
        assert rendered(tmp_path, poses=f"{tmp_path}/models", pairs=url) == pairs
        first = ("the garment (source)", "the person (pose)")[::turn][0]
        told = capsys.readouterr().err
        assert f"render: {n}.txt: column 1 is {first}, column 2 " in told
        assert "field" not in told


def test_product_photographs_are_refused_and_their_wearers_named(tmp_path: Path) -> None:
    """VITON's and DressCode's lists pair a person with a garment that nobody wears."""
    write_catalog(f"{tmp_path}/catalog", 8, ids=VITON)
    url = write_list(tmp_path / "test_pairs.txt", ["000001_0.jpg 000004_1.jpg"])
    with pytest.raises(RunError) as error:
        render.prepare(config(tmp_path, poses=None, pairs=url), StandIn)
    said = str(error.value)
    assert "test_pairs.txt: none of its garments, such as '000004_1.jpg', is a usable" in said
    assert "not from a product photograph without a person" in said
    assert said.endswith("list photographs of people, such as '000004_0', who wears it")
    url = write_list(tmp_path / "other.txt", ["000001_0.jpg shirt.jpg"])
    with pytest.raises(RunError, match=r"list photographs of people$"):
        render.prepare(config(tmp_path, poses=None, pairs=url), StandIn)


def test_a_product_photograph_among_people_is_a_failed_row(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 8, ids=VITON)
    lines = ["000001_0.jpg 000002_0.jpg", "000001_0.jpg 000004_1.jpg"]
    url = write_list(tmp_path / "test_pairs.txt", lines)
    settings = config(tmp_path, poses=None, pairs=url, execution={"engine": "local"})
    run(settings)
    failed = {row["source_id"]: row["error_message"] for row in rows_of(settings.out)}
    assert failed["000002_0"] is None
    assert "no row '000004_1.jpg' in images" in failed["000004_1.jpg"]


@pytest.mark.parametrize("headed", [True, False])
def test_a_list_of_two_columns_that_are_one_is_called_paired(
    headed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalog(f"{tmp_path}/catalog", 6, ids=HD)
    own = (
        write_pairs(tmp_path / "own.csv", [(name, f"{name}.jpg") for name in HD])
        if headed
        else write_list(tmp_path / "own.csv", [f"{name}.jpg {name}.jpg" for name in HD])
    )
    assert rendered(tmp_path, poses=None, pairs=own) == [(name, name) for name in HD]
    said = "render: own.csv: paired: every person gets their own clothes\n"
    assert said in capsys.readouterr().err
    mixed = write_pairs(tmp_path / "mixed.csv", [(HD[0], HD[0]), (HD[0], HD[1])])
    rendered(tmp_path, poses=None, pairs=mixed)
    assert "paired" not in capsys.readouterr().err


def test_a_line_of_another_number_of_names_is_named(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 6, ids=HD)
    url = write_list(
        tmp_path / "l.txt", [f"{HD[0]}.jpg {HD[1]}.jpg", "", f"{HD[0]}.jpg my hat.jpg"]
    )
    with pytest.raises(ValueError, match=r"l\.txt: line 3 holds 3 names.*want a CSV `from,to`"):
        render.prepare(config(tmp_path, poses=None, pairs=url), StandIn)
