"""The command that measures a GPU, run on a CPU in small."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.gpu.__main__ import SECTIONS, main

QUICK = ("card", "render", "encode", "trace", "bundled")


def measured(tmp_path: Path, *sections: str) -> dict[str, Any]:
    file = tmp_path / "gpu.json"
    main(["--cpu", "--trace", "--json", str(file), "--only", *sections])
    found = json.loads(file.read_text())
    assert {name: section["ended"] for name, section in found.items()} == dict.fromkeys(
        sections, "complete"
    )
    assert not [row for section in found.values() for row in section["rows"] if "failed" in row]
    return {name: section["rows"] for name, section in found.items()}


def test_networks_are_measured(tmp_path: Path) -> None:
    found = measured(tmp_path, *QUICK)
    apart = {row["what"]: row["psnr_db"] for row in found["render"] if "psnr_db" in row}
    assert apart["fp32"] > 120
    assert apart["fp16"] > 60
    assert all(row["company"] == 0 for row in found["render"] if "company" in row)
    rates = [row["images_s"] for row in found["render"] if "batch" in row]
    assert len(rates) == 3
    assert min(rates) > 0


@pytest.mark.slow
def test_everything_is_measured(tmp_path: Path) -> None:
    found = measured(tmp_path, *(name for name in SECTIONS if name not in QUICK))
    assert all(row["ok"] == row["rows"] for row in found["runs"] if "rows" in row)
    assert found["memory"][0]["survived"]
    for row in found["metrics"]:
        assert row.get("max", row.get("max_of_mean")) < 1e-5
