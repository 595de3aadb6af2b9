"""Tables as the paper prints them, published rows beside measured ones.

A published value's exact variant is unknown (the paper names neither its SSIM nor its LPIPS net),
so the best of a column is sought among published and among measured rows separately.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eval.metrics.registry import Better
from eval.metrics.variants import MetricVariant
from eval.statistics import Summary

ARROWS = {"higher": "↑", "lower": "↓"}
PUBLISHED, MEASURED = "published", "measured"
DAGGER = "†"
ABSENT = "–"
_LATEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "–": "--",
    DAGGER: r"$^\dagger$",
}


@dataclass(frozen=True)
class Column:
    """A column of numbers: its name in the frame, heading, and digits after the point."""

    name: str
    heading: str
    better: Better
    decimals: int = 3
    trimmed: bool = False  # of a last zero: the paper prints IS as 4.46 and 3.295


@dataclass(frozen=True)
class Layout:
    """A table of the paper: its title and published rows, (SSIM, MS-SSIM, IS, LPIPS) each."""

    title: str
    published: Mapping[str, tuple[float, float, float, float]]


@dataclass(frozen=True)
class Table:
    """What is printed.

    `frame` has method, source (published or measured), a column of floats for each of
    `columns`, NaN where there is no value, and where there are intervals also NAME_low and
    NAME_high.
    """

    title: str
    columns: tuple[Column, ...]
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


NAN = float("nan")
PAPER = (
    Column("ssim", "SSIM", "higher"),
    Column("ms_ssim", "MS-SSIM", "higher"),
    Column("is", "IS", "higher", trimmed=True),
    Column("lpips", "LPIPS", "lower"),
)
PAPER_VARIANTS = {
    "ssim": MetricVariant("ssim_dsc"),
    "ms_ssim": MetricVariant("ms_ssim"),
    "is": MetricVariant("is_10"),
    "lpips": MetricVariant("lpips_alex"),
}
_FULL = (0.791, 0.810, 4.46, 0.169)
TABLE_1 = Layout(
    "DeepFashion, against the state of the art",
    {
        "VUNet": (0.753, 0.757, 4.55, 0.196),
        "DSC": (0.761, NAN, 3.39, NAN),
        "DPT": (0.785, 0.807, 3.61, NAN),
        "Coordinate-based, full": _FULL,
    },
)
TABLE_2 = Layout(
    "DeepFashion, ablations",
    {
        "full": _FULL,
        "no-deform": (0.797, 0.815, 3.23, 0.198),
        "rgb-inpainting": (0.797, 0.818, 3.02, 0.198),
        "no-textures": (0.796, 0.812, 3.295, 0.202),
    },
)
TABLE_2_FACES = Layout(
    "Faces, ablations",
    {
        "full": (0.613, 0.764, 1.834, 0.203),
        "no-deform": (0.609, 0.758, 1.819, 0.203),
        "rgb-inpainting": (0.595, 0.745, 1.821, 0.221),
    },
)


def paper_table(
    layout: Layout,
    measured: Mapping[str, Mapping[MetricVariant, float]],
    variants: Mapping[str, MetricVariant] = PAPER_VARIANTS,
) -> Table:
    """The layout's published rows, then `measured`: values by method and variant.

    `variants` says which exact variant fills which of PAPER's columns; the notes repeat it.
    """
    rows = [
        {"method": method, "source": PUBLISHED}
        | dict(zip((c.name for c in PAPER), values, strict=True))
        for method, values in layout.published.items()
    ]
    rows += [
        {"method": method, "source": MEASURED}
        | {c.name: values.get(variants[c.name], NAN) for c in PAPER}
        for method, values in measured.items()
    ]
    notes = (f"{DAGGER} as published; the exact variants of its metrics are unknown.",)
    if measured:
        named = ", ".join(f"{c.heading} = {variants[c.name]}" for c in PAPER)
        notes += (f"Measured here: {named}.",)
    return Table(layout.title, PAPER, pd.DataFrame(rows), notes)


def summary_table(title: str, summaries: Mapping[str, Mapping[MetricVariant, Summary]]) -> Table:
    """Means with their intervals: a row a method, a column a variant (in order of appearance)."""
    variants = dict.fromkeys(v for by_variant in summaries.values() for v in by_variant)
    columns = [Column(str(v), str(v), v.better) for v in variants]
    named = {
        method: {str(v): s for v, s in by_variant.items()}
        for method, by_variant in summaries.items()
    }
    notes = ("Mean over pairs, with a 95 % interval by bootstrap over items.",)
    return table_of(title, columns, named, notes)


def table_of(
    title: str,
    columns: Sequence[Column],
    summaries: Mapping[str, Mapping[str, Summary]],
    notes: Sequence[str],
) -> Table:
    """A measured row a method, with the intervals; `summaries` by method and column's name."""
    rows = []
    for method, by_column in summaries.items():
        row: dict[str, str | float] = {"method": method, "source": MEASURED}
        for name in (column.name for column in columns):
            summary = by_column.get(name)
            row[name] = summary.mean if summary else NAN
            row[f"{name}_low"] = summary.low if summary else NAN
            row[f"{name}_high"] = summary.high if summary else NAN
        rows.append(row)
    return Table(title, tuple(columns), pd.DataFrame(rows), tuple(notes))


def markdown(table: Table) -> str:
    """The table in GitHub's Markdown, the best in bold."""
    heads = ["Method", *(f"{c.heading} {ARROWS[c.better]}" for c in table.columns)]
    lines = [f"**{table.title}**", "", _row(heads), _row(["---", *("---:" for _ in table.columns)])]
    for method, row in cells(table):
        bold = [f"**{text}**" if best else text for text, best in row]
        lines.append(_row([method.replace("|", "\\|"), *bold]))
    return "\n".join([*lines, "", *table.notes]) + "\n"


def latex(table: Table) -> str:
    """The table in LaTeX with the package booktabs, the best in bold."""
    heads = ["Method", *(f"{c.heading} {ARROWS[c.better]}" for c in table.columns)]
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_escaped(table.title)}}}"]
    lines += [rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\toprule"]
    lines += [" & ".join(map(_escaped, heads)) + r" \\", r"\midrule"]
    sources = list(table.frame["source"])
    for i, (method, row) in enumerate(cells(table)):
        if i and sources[i] != sources[i - 1]:
            lines.append(r"\midrule")
        bold = [rf"\textbf{{{_escaped(t)}}}" if best else _escaped(t) for t, best in row]
        lines.append(" & ".join([_escaped(method), *bold]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\smallskip\footnotesize {_escaped(note)}" for note in table.notes]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def cells(table: Table) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Each row's method as printed, and its cells: text, and whether it is the best."""
    best = {column.name: _best(table.frame, column) for column in table.columns}
    rows = []
    for i, row in enumerate(table.frame.to_dict("records")):
        mark = f" {DAGGER}" if row["source"] == PUBLISHED else ""
        texts = [(_text(row, c), bool(best[c.name][i])) for c in table.columns]
        rows.append((f"{row['method']}{mark}", texts))
    return rows


def _best(frame: pd.DataFrame, column: Column) -> np.ndarray:
    """Which rows print the best value of their source's rows, of two or more; bool (rows,)."""
    printed = frame[column.name].round(column.decimals)
    by_source = printed.groupby(frame["source"])
    extreme = by_source.transform("max" if column.better == "higher" else "min")
    return ((printed == extreme) & (by_source.transform("count") > 1)).to_numpy()


def _text(row: Mapping, column: Column) -> str:
    value = row[column.name]
    if np.isnan(value):
        return ABSENT
    text = f"{value:.{column.decimals}f}"
    if column.trimmed:
        text = text.removesuffix("0")
    low, high = (row.get(f"{column.name}_{side}", NAN) for side in ("low", "high"))
    interval = f" [{low:.{column.decimals}f}, {high:.{column.decimals}f}]"
    return text if np.isnan(low) else text + interval


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    return re.sub(r"[\\&%$#_{}~^↑↓–†]", lambda match: _LATEX[match[0]], text)
