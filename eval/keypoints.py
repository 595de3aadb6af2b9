"""What the benchmark's variant keypoints adds up to: its methods, tables and targets."""

from collections.abc import Mapping

from eval.gates import Verdict, threshold
from eval.metrics.registry import Better
from eval.metrics.variants import MetricVariant
from eval.statistics import Comparison, Summary
from eval.tables import Column, Table, table_of

PERCEPTUAL = MetricVariant("lpips_squeeze_caffe")
METRICS = (PERCEPTUAL, MetricVariant("lpips_squeeze_caffe", mask="body"), MetricVariant("ssim_255"))
# Ways to a UV map.
MAPS = {
    "predicted": "the poser's, of the true skeleton, hidden points included",
    "nearest": "that of the training pose whose skeleton is nearest, moved and scaled to fit",
    "bodyfit": "a body fitted to the photograph, which the others do not see (extractor=bodyfit)",
}
# What was rendered, by what.
RENDERS = {
    "true": "true maps, bundled networks",
    "predicted": "predicted maps, bundled networks",
    "tuned-true": "true maps, networks trained further on predicted maps",
    "tuned-predicted": "predicted maps, the same networks",
}
ERRORS = (
    Column("overlap", "IoU of bodies", "higher", 3),
    Column("parts", "right part", "higher", 3),
    Column("texels", "median error, texels of 256", "lower", 1),
    Column("median", "median error, cm", "lower", 1),
    Column("within_10cm", "within 10 cm", "higher", 3),
)
FRONT = Column("right_side", "front and back right", "higher", 3)
LEAST_RIGHT = 0.98  # of complete skeletons

Maps = Mapping[str, Mapping[str, Summary]]  # by way, by name of a column


def maps_table(maps: Maps) -> Table:
    """A row a way to a map."""
    notes = [
        "Mean over photographs, with a 95 % interval by bootstrap over items. Errors count where "
        "both maps have the person; front and back count on complete skeletons."
    ]
    notes += [f"{name}: {MAPS[name]}." for name in maps]
    return table_of("Maps of held-out skeletons", [*ERRORS, FRONT], maps, notes)


def renders_table(scores: Mapping[str, Mapping[MetricVariant, Summary]]) -> Table:
    """A row a way to render."""
    rows = {name: {str(v): s for v, s in by.items()} for name, by in scores.items()}
    variants = dict.fromkeys(v for by in scores.values() for v in by)
    columns = [Column(str(v), str(v), v.better, 3) for v in variants]
    notes = ["Against the photograph of the target."]
    notes += [f"{name}: {RENDERS[name]}." for name in rows]
    return table_of("Renders of held-out pairs", columns, rows, notes)


def cost_table(costs: Mapping[str, Comparison]) -> Table:
    """How much farther from the photographs renders on predicted maps are, by the networks."""
    columns = [Column("cost", f"{PERCEPTUAL} more", "lower", 4)]
    rows = {name: {"cost": found.difference} for name, found in costs.items()}
    notes = ["Predicted maps less true maps, pair by pair."]
    return table_of("What predicted maps cost", columns, rows, notes)


def verdicts(maps: Maps, costs: Mapping[str, Comparison]) -> list[Verdict]:
    """Whether each target holds."""
    found = [
        _apart(
            column.heading,
            column.better,
            maps["predicted"][column.name],
            maps["nearest"][column.name],
        )
        for column in ERRORS
    ]
    front = maps["predicted"][FRONT.name]
    found.append(threshold("front and back of complete skeletons", "higher", LEAST_RIGHT, front))
    if {"bundled", "tuned"} <= costs.keys():
        before, after = (costs[name].difference for name in ("bundled", "tuned"))
        a, b = (f"{s.mean:+.4f} [{s.low:+.4f}, {s.high:+.4f}]" for s in (after, before))
        sentence = f"predicted maps cost {PERCEPTUAL} {a} after fine-tuning, {b} before; intervals "
        found.append(Verdict(after.high < before.low, f"{sentence}apart are wanted"))
    return found


def _apart(what: str, better: Better, ours: Summary, theirs: Summary) -> Verdict:
    """Whether the intervals are apart, ours on the better side."""
    passed = ours.low > theirs.high if better == "higher" else ours.high < theirs.low
    (a, b) = (f"{s.mean:.3f} [{s.low:.3f}, {s.high:.3f}]" for s in (ours, theirs))
    return Verdict(passed, f"{what}: predicted {a}, nearest {b}; intervals apart are wanted")
