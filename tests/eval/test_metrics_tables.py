"""Tables as the paper prints them."""

import json

import numpy as np
import pandas as pd
import pytest

from eval.metrics.variants import MetricVariant
from eval.statistics import Summary
from eval.tables import (
    PAPER_VARIANTS,
    TABLE_1,
    TABLE_2,
    TABLE_2_FACES,
    latex,
    markdown,
    paper_table,
    summary_table,
)

DSC, MS = MetricVariant("ssim_dsc"), MetricVariant("ms_ssim")


def test_table_1():
    table = paper_table(TABLE_1, {"ours": {DSC: 0.80733, MS: 0.84209}, "other": {DSC: 0.8}})
    assert markdown(table) == (
        "**DeepFashion, against the state of the art**\n"
        "\n"
        "| Method | SSIM ↑ | MS-SSIM ↑ | IS ↑ | LPIPS ↓ |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| VUNet † | 0.753 | 0.757 | **4.55** | 0.196 |\n"
        "| DSC † | 0.761 | – | 3.39 | – |\n"
        "| DPT † | 0.785 | 0.807 | 3.61 | – |\n"
        "| Coordinate-based, full † | **0.791** | **0.810** | 4.46 | **0.169** |\n"
        "| ours | **0.807** | 0.842 | – | – |\n"
        "| other | 0.800 | – | – | – |\n"
        "\n"
        "† as published; the exact variants of its metrics are unknown.\n"
        "Measured here: SSIM = ssim_dsc, MS-SSIM = ms_ssim, IS = is_10, LPIPS = lpips_alex.\n"
    )


def test_the_frame_is_plain_numbers_for_parquet(tmp_path):
    frame = paper_table(TABLE_2, {"ours": {DSC: 0.8}}).frame
    assert list(frame) == ["method", "source", "ssim", "ms_ssim", "is", "lpips"]
    assert list(frame["source"]) == ["published"] * 4 + ["measured"]
    assert frame["ssim"].tolist() == [0.791, 0.797, 0.797, 0.796, 0.8]
    assert np.isnan(frame["lpips"].iloc[-1])
    frame.to_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), frame)


def test_latex_has_booktabs_groups_and_bold():
    text = latex(paper_table(TABLE_2_FACES, {"run_1 & 2": {DSC: 0.8}}))
    assert text.splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{Faces, ablations}",
        r"\begin{tabular}{lrrrr}",
        r"\toprule",
        r"Method & SSIM $\uparrow$ & MS-SSIM $\uparrow$ & IS $\uparrow$ & LPIPS $\downarrow$ \\",
        r"\midrule",
        r"full $^\dagger$ & \textbf{0.613} & \textbf{0.764} & \textbf{1.834} & \textbf{0.203} \\",
        r"no-deform $^\dagger$ & 0.609 & 0.758 & 1.819 & \textbf{0.203} \\",
        r"rgb-inpainting $^\dagger$ & 0.595 & 0.745 & 1.821 & 0.221 \\",
        r"\midrule",
        r"run\_1 \& 2 & 0.800 & -- & -- & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip\footnotesize $^\dagger$ as published; the exact variants of its metrics "
        r"are unknown.",
        r"\par\smallskip\footnotesize Measured here: SSIM = ssim\_dsc, MS-SSIM = ms\_ssim, "
        r"IS = is\_10, LPIPS = lpips\_alex.",
        r"\end{table}",
    ]


def test_columns_take_the_variants_they_are_told():
    win51 = MetricVariant.parse("ssim_win51.176x256")
    table = paper_table(TABLE_1, {"a": {win51: 0.7, DSC: 0.8}}, PAPER_VARIANTS | {"ssim": win51})
    assert table.frame["ssim"].iloc[-1] == 0.7
    assert "SSIM = ssim_win51.176x256" in table.notes[1]


def test_summary_table_has_intervals_and_the_best_by_direction():
    l1 = MetricVariant("l1")
    table = summary_table(
        "Runs",
        {
            "a|b": {DSC: Summary(16, 0, 16, 0.8, 0.78, 0.82), l1: Summary(16, 0, 16, 0.06, 0, 1)},
            "c": {l1: Summary(1, 0, 1, 0.05, np.nan, np.nan)},
        },
    )
    assert markdown(table).splitlines()[2:6] == [
        "| Method | ssim_dsc ↑ | l1 ↓ |",
        "| --- | ---: | ---: |",
        "| a\\|b | 0.800 [0.780, 0.820] | 0.060 [0.000, 1.000] |",
        "| c | – | **0.050** |",
    ]
    assert table.frame["ssim_dsc_low"].iloc[0] == 0.78


@pytest.mark.real
def test_published_rows_are_the_papers(golden):
    recorded = json.loads((golden / "goldens.json").read_text())["paper_table1"]
    names = {"Ours": "Coordinate-based, full", "VUnet": "VUNet"}
    keys = ("ssim", "ms_ssim", "is", "lpips")
    for method, values in recorded.items():
        row = TABLE_1.published[names.get(str(method), str(method))]
        assert dict(zip(keys, row, strict=True)) == pytest.approx(
            {key: values.get(key, np.nan) for key in keys}, nan_ok=True
        )
