"""What the open benchmark's variants add up to: tables, and whether the paper's claims hold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eval.gates import Verdict
from eval.metrics.registry import Better
from eval.metrics.variants import MetricVariant
from eval.statistics import Summary
from eval.tables import Column, Table, summary_table, table_of

PERCEPTUAL = MetricVariant("lpips_squeeze_caffe")
# Of the paper's full method on DeepFashion: 0.169 against 0.198 of the nearest ablation.
MARGIN = 1 - 0.169 / 0.198
VARIANTS = ("full", "no-deform", "rgb-inpainting", "no-textures", "symmetry")
BEATEN = ("rgb-inpainting", "no-textures")
COMPLETERS = ("coordinates", "colours", "symmetry")

Scores = Mapping[str, Mapping[MetricVariant, Summary]]  # by variant of the method
Textures = Mapping[str, Mapping[str, Summary]]  # by what completes, and column


def tables(scores: Scores, textures: Textures) -> dict[str, Table]:
    """The report's tables by file name; those without a row are left out."""
    pairs = summary_table("Held-out pairs", scores)
    pairs = replace(pairs, columns=tuple(replace(c, decimals=4) for c in pairs.columns))
    f = {name: textures[name] for name in ("coordinates", "symmetry") if textures.get(name)}
    detail = {name: textures[name] for name in ("coordinates", "colours") if textures.get(name)}
    found = {
        "scores": pairs,
        "coordinates": table_of("Error of the source coordinates, in pixels", _ERRORS, f, ERRORS),
        "detail": table_of("Detail of unseen texture, of the true one's", _DETAIL, detail, DETAIL),
    }
    return {name: table for name, table in found.items() if len(table.frame)}


_KINDS = {"visible": "visible", "mirrored": "mirrored", "never_seen": "never seen"}
_MEASURES: dict[str, tuple[str, Better, int]] = {
    "median": ("median", "lower", 2),
    "mean": ("mean", "lower", 2),
    "within_2px": ("within 2 px", "higher", 3),
}
_ERRORS = tuple(
    Column(f"{kind}_{name}", f"{said}, {heading}", better, decimals)
    for kind, said in _KINDS.items()
    for name, (heading, better, decimals) in _MEASURES.items()
)
_DETAIL = (
    Column("energy", "high-frequency energy", "higher"),
    Column("smooth_energy", "the same without seams", "higher"),
)
ERRORS = (
    "Distance of the predicted source coordinate from the exact one, in pixels of the photograph: "
    "mean over photographs of their median, mean, and share of texels at most 2 pixels off, with "
    "95 % intervals by bootstrap over items.",
    "Visible: the texel's point is the nearest of the body's surface at its place in the photograph"
    "; its exact answer is that place. Mirrored: not visible, but its left/right mirror is; its "
    "exact answer is the mirror's place. Never seen: neither is; it is measured against its own "
    "place seen through the body, where no colour of its own is to be found, so a large error is "
    "no fault by itself; texels whose place lies beyond the photograph's edge are left out.",
    "symmetry is measured as it renders, at 256 texels a side.",
)
DETAIL = (
    "Mean square of the Laplacian of T over torso, arms and legs, on texels that the photograph "
    "does not show, over that of the unlit paint: sums over photographs, with 95 % intervals by "
    "bootstrap over items. 1 is as much detail as is true, at the right place or not.",
    "Seams, where neighbouring texels take their colours from places more than 6 % of half the "
    "photograph apart, are detail that nobody wants: the second column leaves these texels out.",
)


def verdicts(scores: Scores, textures: Textures) -> tuple[list[Verdict], list[str]]:
    """Whether each target holds; and a sentence for each that cannot be judged yet."""
    found: list[Verdict] = []
    unknown: list[str] = []
    distance = {name: s[PERCEPTUAL] for name, s in scores.items() if PERCEPTUAL in s}
    for other in BEATEN:
        if lacking := _lacking(("full", other), distance):
            unknown.append(f"Whether full beats {other} is open: {lacking}.")
        else:
            found.append(_beats(distance["full"], distance[other], other))
    if lacking := _lacking(("full", "no-deform", *BEATEN), distance):
        unknown.append(f"Whether no-deform lies between is open: {lacking}.")
    else:
        found.append(_between(distance))
    energy = {name: t["energy"] for name, t in textures.items() if "energy" in t}
    if lacking := _lacking(("coordinates", "colours"), energy):
        unknown.append(f"Whether textures of coordinates have more detail is open: {lacking}.")
    else:
        found += [_more_detail(textures, column) for column in ("energy", "smooth_energy")]
    return found, unknown


def _lacking(names: Sequence[str], there: Mapping[str, Summary]) -> str:
    missing = [name for name in names if name not in there]
    return f"{', '.join(missing)} not measured" if missing else ""


def _beats(full: Summary, other: Summary, name: str) -> Verdict:
    gain, apart = 1 - full.mean / other.mean, full.high < other.low
    return Verdict(
        gain >= MARGIN and apart,
        f"full against {name}: {PERCEPTUAL} {_said(full)} against {_said(other)}, "
        f"{abs(gain):.1%} {'lower' if gain >= 0 else 'higher'}, intervals "
        f"{'apart' if apart else 'not apart'}; {MARGIN:.1%} lower and apart is wanted",
    )


def _between(distance: Mapping[str, Summary]) -> Verdict:
    low, middle = distance["full"].mean, distance["no-deform"].mean
    name = min(BEATEN, key=lambda other: distance[other].mean)
    return Verdict(
        low < middle <= distance[name].mean,
        f"no-deform between full and the others: {PERCEPTUAL} {middle:.4f}, wanted between full's "
        f"{low:.4f} and {name}'s {distance[name].mean:.4f}",
    )


def _more_detail(textures: Textures, column: str) -> Verdict:
    ours, theirs = textures["coordinates"][column], textures["colours"][column]
    seams = " without seams" if column.startswith("smooth") else ""
    return Verdict(
        ours.low > theirs.high,
        f"high-frequency energy of unseen texture{seams}: coordinates {_said(ours)} of the true "
        f"texture's, colours {_said(theirs)}; more, and intervals apart, is wanted",
    )


def _said(summary: Summary) -> str:
    return f"{summary.mean:.4f} [{summary.low:.4f}, {summary.high:.4f}]"
