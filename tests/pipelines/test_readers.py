"""The tables in other software: its rules, its packages, and the dataset card."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.conftest import ROOT
from tests.helpers import stand_ins
from tests.helpers.catalogs import write_catalog
from tests.helpers.pages import Page
from tests.helpers.runs import config, run
from tests.pipelines.test_examples import ELSEWHERE
from workers.data.tables import SCHEMAS, parquet_bytes

# What Spark reads from Parquet: physical types, and what may be made of them. It has no unsigned
# numbers of its own, no nanoseconds and no 16-bit floats.
SPARK = {
    ("BOOLEAN", "NONE"),
    ("INT32", "NONE"),
    ("INT32", "INT"),  # of 8 or 16 bits, signed
    ("INT64", "NONE"),
    ("INT64", "TIMESTAMP"),
    ("FLOAT", "NONE"),
    ("DOUBLE", "NONE"),
    ("BYTE_ARRAY", "NONE"),
    ("BYTE_ARRAY", "STRING"),
}
PACKAGES = ("datasets", "pillow", "polars")


@pytest.mark.parametrize("name", SCHEMAS)
def test_spark_reads_every_type(name: str) -> None:
    file = pq.ParquetFile(io.BytesIO(parquet_bytes(SCHEMAS[name].empty_table())))
    columns = [file.schema.column(i) for i in range(len(file.schema.names))]
    for column in columns:
        logical = str(column.logical_type)
        kind = re.match(r"\w+", logical)
        assert kind, logical
        assert (column.physical_type, kind[0].upper()) in SPARK, (column.path, logical)
        assert "isSigned=false" not in logical, column.path
        assert "nanoseconds" not in logical, column.path
    paths = [column.path for column in columns]
    assert len({path.lower() for path in paths}) == len(paths)  # Spark folds case
    assert not [path for path in paths if re.search(r"[ ,;{}()\n\t=]", path)]


def test_the_card_names_the_tables_alone(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 3, bad=[1])
    run(config(tmp_path, execution={"engine": "local"}, max_failed_fraction=1))
    card = (tmp_path / "out" / "README.md").read_text()
    _, head, body = card.split("---\n", 2)
    assert yaml.safe_load(head) == {
        "pretty_name": "render",
        "size_categories": ["n<1K"],
        "configs": [{"config_name": "renders", "data_files": "renders/*.parquet", "default": True}],
    }
    assert "6 rows made by `reposer render`, and 3 that failed" in body
    for column in SCHEMAS["renders"].names:
        assert f"| {column} |" in body
    assert str(tmp_path) not in card  # it may be published


def test_image_columns_say_so() -> None:
    for name, schema in SCHEMAS.items():
        images = [
            f.name for f in schema if pa.types.is_struct(f.type) and f.type.names[0] == "bytes"
        ]
        assert (b"huggingface" in schema.metadata) == bool(images), name


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the packages which are too large for the suite's own environment."""
    folder = tmp_path_factory.mktemp("readers")
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv is not installed beside this Python; make setup installs it")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    packages = [uv, "pip", "install", "--quiet", "--python", folder / "bin/python", *PACKAGES]
    if (done := subprocess.run(packages, capture_output=True, text=True)).returncode:
        pytest.skip(f"{', '.join(PACKAGES)} cannot be installed: {done.stderr.strip()[-200:]}")
    return folder / "bin/python"


EXAMPLES = [
    block.text
    for block in Page(ROOT / "docs" / "readers.md").blocks()
    if any(words in block.text for words in ELSEWHERE)
]
BEFORE = {"ray": 'import ray; ray.init("local", num_cpus=1, include_dashboard=False)'}
CHECKS = {
    "polars": 'assert dict(per_source.iter_rows()) == {"p000": 1, "p002": 1}',
    "datasets": "assert len(rows) == 2 and picture.size == (64, 64), (rows, picture)",
    "ray": "assert good == 2 and rows.count() == 3",
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("package", CHECKS)
def test_the_examples_read_a_run(
    package: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    stand_ins.rendered(tmp_path)
    (example,) = [text for text in EXAMPLES if re.search(rf"(import|from) {package}\b", text)]
    python = sys.executable if package == "ray" else request.getfixturevalue("python")
    environment = {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "PATH": "/usr/bin:/bin",
    }
    code = f"{BEFORE.get(package, '')}\n{example}\n{CHECKS[package]}\n"
    done = subprocess.run(
        [python, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
