"""What the benchmark's variant faces adds up to: the paper's second application.

Tables with the paper's beside them, what full gains over the ablations, and whether it beats
rgb-inpainting by an interval.
"""

from collections.abc import Mapping

import pandas as pd

from eval.gates import Verdict
from eval.metrics.variants import MetricVariant
from eval.statistics import Comparison, Summary, compare
from eval.tables import PAPER, PUBLISHED, TABLE_2_FACES, Column, Table, table_of

FULL, BEATEN = "full", "rgb-inpainting"
ABLATIONS = (FULL, "no-deform", BEATEN)  # that the paper reports of faces

SSIM = MetricVariant("ssim_dsc")
MS_SSIM = MetricVariant("ms_ssim", "256")  # five scales of 11 taps do not fit into 128 pixels
PERCEPTUAL = MetricVariant("lpips_squeeze_caffe")
FACE = MetricVariant("lpips_squeeze_caffe", mask="body")
METRICS = (SSIM, MS_SSIM, PERCEPTUAL, FACE)
# The column of the paper's table that each of ours stands below.
PUBLISHED_AS = {SSIM: "ssim", MS_SSIM: "ms_ssim", PERCEPTUAL: "lpips"}

Scores = Mapping[str, Mapping[MetricVariant, Summary]]  # by ablation
Values = Mapping[str, Mapping[MetricVariant, pd.DataFrame]]  # pair_id, item_id, value, likewise
Gains = Mapping[str, Mapping[MetricVariant, Comparison]]  # of full over another, by its name


def gains(values: Values, seed: int, replicates: int) -> Gains:
    """What full gains over each of the other ablations, pair by pair: full less the other."""
    full = values.get(FULL, {})
    return {
        name: {
            v: compare(others[v], full[v], v.better, seed, replicates)
            for v in METRICS
            if v in others and v in full
        }
        for name, others in values.items()
        if name != FULL
    }


def tables(scores: Scores, gained: Gains) -> dict[str, Table]:
    """The report's tables by file name: `scores`, beside the paper's, and `gains`."""
    columns = [Column(str(v), _heading(v), v.better) for v in METRICS]
    return {"scores": _scores(columns, scores), "gains": _gains(columns, gained)}


def _scores(columns: list[Column], scores: Scores) -> Table:
    named = {name: {str(v): s for v, s in by.items()} for name, by in scores.items()}
    notes = (
        "Mean over pairs, with a 95 % interval by bootstrap over subjects.",
        "† as published, of 300-VW: other faces, another network of LPIPS, and an SSIM that is "
        "not told. Compare its rows with each other.",
        f"{FACE}: over the pixels of the face alone, where its UV map is defined.",
        "The paper's IS (1.834, 1.819 and 1.821) is not measured: it asks how many classes of "
        "ImageNet a set shows, and faces are none of them. The paper does not report no-textures.",
    )
    ours = table_of("Faces, ablations", columns, named, notes)
    places = {c.name: n for n, c in enumerate(PAPER)}
    published = [
        {"method": name, "source": PUBLISHED}
        | {str(v): row[places[column]] for v, column in PUBLISHED_AS.items()}
        for name, row in TABLE_2_FACES.published.items()
    ]
    frame = pd.concat([pd.DataFrame(published), ours.frame], ignore_index=True)
    return Table(ours.title, ours.columns, frame[list(ours.frame)], ours.notes)


def _gains(columns: list[Column], gained: Gains) -> Table:
    rows = {
        f"{FULL} less {name}": {str(v): c.difference for v, c in by.items()}
        for name, by in gained.items()
    }
    notes = ["Pair by pair, with a 95 % interval by bootstrap over subjects."]
    return table_of("What full gains", [_signed(c) for c in columns], rows, notes)


def _signed(column: Column) -> Column:
    return Column(column.name, column.heading, column.better, decimals=4)


def _heading(variant: MetricVariant) -> str:
    published = {c.name: c.heading for c in PAPER}
    name = PUBLISHED_AS.get(variant)
    return f"{published[name]}: {variant}" if name else str(variant)


def verdicts(gained: Gains) -> list[Verdict]:
    """Whether full beats rgb-inpainting by an interval, in each of the paper's metrics."""
    return [
        _beats(v, gained[BEATEN][v])
        for v in PUBLISHED_AS
        if BEATEN in gained and v in gained[BEATEN]
    ]


def _beats(variant: MetricVariant, gain: Comparison) -> Verdict:
    d, lower = gain.difference, variant.better == "lower"
    return Verdict(
        d.high < 0 if lower else d.low > 0,
        f"{FULL} less {BEATEN}, pair by pair: {variant} {d.mean:+.4f} [{d.low:+.4f}, "
        f"{d.high:+.4f}], nearer on {gain.wins} of {d.n} pairs; an interval "
        f"{'below' if lower else 'above'} 0 is wanted",
    )
