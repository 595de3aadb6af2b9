"""The report of the open benchmark: Markdown, and one self-contained HTML page."""

from collections.abc import Sequence

from eval.evaluation_page import printed
from eval.gates import Verdict
from eval.page import inline, render_page
from eval.tables import Table, markdown

Figure = tuple[str, str, bytes]  # title, note, JPEG


def benchmark_page(
    url: str,
    verdicts: Sequence[Verdict],
    unknown: Sequence[str],
    notices: Sequence[str],
    tables: Sequence[Table],
    figures: Sequence[Figure],
    facts: Sequence[tuple[str, str]],
) -> str:
    """The page: verdicts, what cannot be judged yet, what a reader must know; tables; pictures."""
    return render_page(
        "benchmark_page.html",
        url=url,
        verdicts=verdicts,
        accepted=all(verdict.passed for verdict in verdicts),
        unknown=unknown,
        notices=notices,
        tables=[printed(table) for table in tables],
        figures=[(title, note, inline(jpeg)) for title, note, jpeg in figures],
        facts=facts,
    )


def benchmark_markdown(
    verdicts: Sequence[Verdict],
    unknown: Sequence[str],
    notices: Sequence[str],
    tables: Sequence[Table],
    facts: Sequence[tuple[str, str]],
) -> str:
    """The same without pictures."""
    lines = ["# Open benchmark", ""]
    lines += [f"- {'holds' if v.passed else '**fails**'}: {v.sentence}" for v in verdicts]
    lines += [f"- open: {sentence}" for sentence in unknown]
    lines += [f"- note: {notice}" for notice in notices]
    parts = [markdown(table) for table in tables]
    measured = [f"- {name}: {value}" for name, value in facts]
    return "\n".join([*lines, "", *parts, "**What was measured**", "", *measured]) + "\n"
