"""`reposer benchmark`: its configs, its verdicts, and a variant from worlds to report."""

from pathlib import Path

import pandas as pd
import pytest

from configs.benchmark import BenchmarkConfig
from configs.train import TrainGeneratorConfig
from eval.benchmark import MARGIN, PERCEPTUAL, VARIANTS, tables, verdicts
from eval.statistics import Summary
from eval.tables import markdown
from pipelines.cli import main
from pipelines.cli.arguments import find_command, read_config
from tests.conftest import ROOT
from tests.helpers.catalogs import rows_of

CONFIGS = ROOT / "configs" / "benchmark"


# --- configs


def resolved(*arguments: str) -> BenchmarkConfig:
    command, rest = find_command(["benchmark", *arguments])
    config = read_config(command, rest)
    assert isinstance(config, BenchmarkConfig)
    return config


def test_each_variant_has_a_config_of_one_recipe():
    files = {file.stem: file for file in CONFIGS.glob("*.yaml")}
    assert set(files) == {*VARIANTS, "common", "faces", "keypoints", "native", "tryon"}
    configs = {name: resolved("--config", str(files[name]), "out=/b") for name in VARIANTS}
    assert all(config.variant == name for name, config in configs.items())
    assert all(config.worlds == configs["full"].worlds for config in configs.values())
    assert configs["symmetry"].generator is None
    assert configs["no-textures"].inpainter is None
    g = {name: configs[name].generator for name in VARIANTS[:4]}
    same = [
        network.model_dump(exclude={"out", "variant", "inpainter"})
        for network in g.values()
        if isinstance(network, TrainGeneratorConfig)
    ]
    assert len(same) == 4
    assert all(one == same[0] for one in same)
    # One f serves both variants whose f completes coordinates.
    assert configs["full"].inpainter == configs["no-deform"].inpainter
    assert g["full"] is not None
    assert g["full"].inpainter == "/b/inpainter-coordinates"
    assert g["rgb-inpainting"] is not None
    assert g["rgb-inpainting"].inpainter == "/b/inpainter-colours"


def test_the_default_scale():
    worlds = resolved("--config", str(CONFIGS / "full.yaml"), "out=/b").worlds
    assert worlds.items >= 400
    assert worlds.held_out_items >= 100
    assert worlds.seed != worlds.held_out_seed


def test_what_follows_from_other_keys_cannot_be_given():
    full = ("--config", str(CONFIGS / "full.yaml"), "out=/b")
    with pytest.raises(ValueError, match=r"generator\.out follows from the benchmark's own keys"):
        resolved(*full, "generator.out=/c")
    with pytest.raises(ValueError, match="worlds of one seed share their bodies"):
        resolved(*full, "worlds.seed=2")
    config = resolved(*full, "seed=7", "training=/t", "held_out=/h", "generator.steps=9")
    assert config.generator is not None
    assert config.inpainter is not None
    for network in (config.generator, config.inpainter):
        assert (network.seed, network.catalog, network.held_out) == (7, "/t", "/h")
    assert config.generator.steps == 9


def test_a_config_extends_another(tmp_path):
    (tmp_path / "base.yaml").write_text("worlds: {items: 5, views: 3}\nvariant: full\n")
    (tmp_path / "own.yaml").write_text("extends: base.yaml\nworlds: {items: 6}\n")
    worlds = resolved("--config", str(tmp_path / "own.yaml"), "out=/b").worlds
    assert (worlds.items, worlds.views) == (6, 3)


# --- verdicts


def around(mean: float, width: float = 0.005) -> Summary:
    return Summary(600, 0, 100, mean, mean - width, mean + width)


def judged(**means: float) -> list[bool]:
    scores = {n.replace("_", "-"): {PERCEPTUAL: around(mean)} for n, mean in means.items()}
    return [verdict.passed for verdict in verdicts(scores, {})[0]]


def test_the_papers_own_means_hold_with_intervals_apart():
    paper = {"full": 0.169, "no_deform": 0.198, "rgb_inpainting": 0.198, "no_textures": 0.202}
    assert pytest.approx(0.1465, abs=1e-4) == MARGIN
    assert judged(**paper) == [True, True, True]
    assert judged(**paper | {"full": 0.172}) == [False, True, True]  # 13.1 %
    assert judged(**paper | {"no_deform": 0.2}) == [True, True, False]
    assert judged(**paper | {"no_deform": 0.16}) == [True, True, False]
    wide = {
        name: {PERCEPTUAL: around(m, 0.02)}
        for name, m in (("full", 0.169), ("rgb-inpainting", 0.198))
    }
    (verdict,), unknown = verdicts(wide, {})
    assert not verdict.passed
    assert "14.6% lower, intervals not apart" in verdict.sentence
    assert len(unknown) == 3
    assert unknown[0] == "Whether full beats no-textures is open: no-textures not measured."


def test_detail_must_be_more_with_and_without_seams():
    textures = {
        "coordinates": {"energy": around(0.8), "smooth_energy": around(0.5)},
        "colours": {"energy": around(0.5), "smooth_energy": around(0.5)},
    }
    found, _ = verdicts({}, textures)
    assert [verdict.passed for verdict in found] == [True, False]
    assert "coordinates 0.8000 [0.7950, 0.8050]" in found[0].sentence


def test_tables_leave_out_what_was_not_measured():
    scores = {"symmetry": {PERCEPTUAL: around(0.2)}}
    error = {
        f"{k}_{m}": around(1)
        for k in ("visible", "mirrored", "never_seen")
        for m in ("median", "mean", "within_2px")
    }
    found = tables(scores, {"symmetry": error})
    assert list(found) == ["scores", "coordinates"]
    assert "| symmetry | 0.2000 [0.1950, 0.2050] |" in markdown(found["scores"])
    assert "never seen, median" in markdown(found["coordinates"])


# --- a variant


TINY = [
    "worlds.items=2",
    "worlds.views=2",
    "worlds.held_out_items=2",
    "worlds.held_out_views=2",
    "worlds.size=64",
    "execution.engine=local",
]


def benchmark(out: Path, variant: str, *arguments: str) -> int:
    config = str(CONFIGS / f"{variant}.yaml")
    return main(["benchmark", "--config", config, f"out={out}", *TINY, *arguments])


def test_the_baseline_from_worlds_to_report(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    assert benchmark(tmp_path / "b", "symmetry") == 0
    assert not Path(tmp_path, "b", "worlds", "training").exists()  # nothing to train
    renders = rows_of(str(tmp_path / "b/symmetry/renders"))
    assert len(renders) == 4  # both ordered pairs of two items
    scores = pd.read_parquet(tmp_path / "b/report/scores.parquet")
    assert list(scores["method"]) == ["symmetry"]
    assert 0 < scores["ssim_dsc_low"][0] <= scores["ssim_dsc"][0] <= scores["ssim_dsc_high"][0]
    assert "ms_ssim.256" in scores
    report = Path(tmp_path, "b/report/report.md").read_text()
    assert "Whether full beats rgb-inpainting is open: full, rgb-inpainting not measured" in report
    assert "2 items of 2 views, 64x64 pixels, seed 2, stock held_out, fabrics bold" in report
    page = Path(tmp_path, "b/report/index.html").read_text()
    assert "data:image/jpeg;base64," in page
    assert "http" not in page
    # Again: nothing is made anew; and other keys are refused.
    made = Path(tmp_path, "b/symmetry/renders/manifest.json").read_bytes()
    assert benchmark(tmp_path / "b", "symmetry") == 0
    assert Path(tmp_path, "b/symmetry/renders/manifest.json").read_bytes() == made
    assert benchmark(tmp_path / "b", "symmetry", "worlds.held_out_items=3") == 2
    assert "holds another run (config.items: 2 there, 3 now" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["full", "rgb-inpainting", "no-textures"])
def test_a_trained_variant(tmp_path, variant):
    """Two steps, which teach nothing: each part must fit the next."""
    training = ["inpainter.width=4", "inpainter.texture_size=64", "generator.width=8"]
    for network in ("inpainter", "generator"):
        training += [f"{network}.steps=2", f"{network}.batch=2"]
    assert benchmark(tmp_path, variant, *training) == 0
    renders = rows_of(str(tmp_path / variant / "renders"))
    assert [row["status"] for row in renders] == ["ok"] * 4
    report = Path(tmp_path, "report/report.md").read_text()
    assert f"g of {variant}: 2 steps of 2 of 4 pairs, seed 0, width 8" in report


def test_a_report_of_nothing_says_so(tmp_path, capsys):
    assert main(["benchmark", "report", f"out={tmp_path}"]) == 2
    assert "no variant of a benchmark is finished there" in capsys.readouterr().err
