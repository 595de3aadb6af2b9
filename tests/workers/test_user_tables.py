"""Tables as spreadsheets of many countries and systems write them."""

from pathlib import Path

import pandas as pd
import pytest

from workers.data.user_tables import read_csv, read_pairs

PAIRS = [("é 1", "b,c"), ("ü", "d")]


def write(path: Path, separator: str, encoding: str) -> str:
    frame = pd.DataFrame(PAIRS, columns=["from", "to"])
    text = frame.to_csv(index=False, sep=separator, lineterminator="\r\n")
    path.write_bytes(text.encode(encoding))
    return str(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt"])
def test_separator_and_encoding_are_recognised(
    tmp_path: Path, separator: str, encoding: str, suffix: str
) -> None:
    url = write(tmp_path / f"pairs{suffix}", separator, encoding)
    assert list(read_pairs(url).itertuples(index=False, name=None)) == PAIRS
    assert list(read_csv(url).itertuples(index=False, name=None)) == PAIRS


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("sep=;\nfrom;to\na;b\n", [("a", "b")]),
        ("from,to,note;x\na,b,c;d;e\n", [("a", "b")]),
        ('"from","to"\n"a;1","b;2"\n', [("a;1", "b;2")]),
        ("note;from;to\n1,5;a;b\n", [("a", "b")]),
        ('from, "to"\na, "b,c"\n d ,e\n', [("a", "b,c"), ("d", "e")]),
        ("from,to\n a,b \na,b\n", [(" a", "b "), ("a", "b")]),
        ("from;to;;\n;;;\na;b;;\n;;;\n;;;\n", [("a", "b")]),
    ],
)
def test_what_a_table_says(tmp_path: Path, text: str, pairs: list[tuple[str, str]]) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    found = read_pairs(f"{tmp_path}/pairs.csv")
    assert list(found.itertuples(index=False, name=None)) == pairs


def test_a_spreadsheet_is_to_be_saved_as_csv(tmp_path: Path) -> None:
    (tmp_path / "pairs.xlsx").write_bytes(b"PK\3\4")
    with pytest.raises(ValueError, match=r"pairs\.xlsx: .*save a spreadsheet as CSV"):
        read_pairs(f"{tmp_path}/pairs.xlsx")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"source;target\na;b\n", "wants columns from,to, has source,target (separated by semicol"),
        (b"source,to\na,b\n", "wants columns from,to, has source,to (separated by commas)"),
        (b"from|to\na|b\n", "has from|to (separated by commas)"),
        (b"from,to\n  ,b\n", "pair 1 lacks from or to"),
        (b"from,to\na,b,c\n", "more fields than the header"),
        (b"\xff\xfe\x00\x00f\x00\x00\x00", "no text in UTF-8, UTF-16 or cp1252"),
        (b"from,to\n\x81,b\n", "no text in UTF-8, UTF-16 or cp1252"),
        (b"", "not a readable table"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "pairs.csv").write_bytes(data)
    with pytest.raises(ValueError, match=r"pairs\.csv") as caught:
        read_pairs(f"{tmp_path}/pairs.csv")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
