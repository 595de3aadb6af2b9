"""What an evaluation leaves for people: the paper's tables, a figure, and one HTML page."""

import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from eval.evaluation_page import Gallery, Shown, evaluation_page, number
from eval.gates import Verdict
from eval.metrics.variants import MetricVariant
from eval.pictures import contact_sheet, fit
from eval.tables import (
    PAPER_VARIANTS,
    TABLE_1,
    TABLE_2,
    Table,
    latex,
    markdown,
    paper_table,
    summary_table,
)
from pipelines.evaluation.finished import planned_album
from pipelines.evaluation.results import Results
from pipelines.runs.plan import Plan
from pipelines.runs.report import failures
from workers.albums import Album
from workers.data.storage import Store
from workers.data.tables import parquet_bytes
from workers.shards.rows import ScoreKey, score_id

PAGE, PANELS = "index.html", "panels.png"
PANEL_ROWS, PANEL_TILE, THUMBNAIL = 8, 192, 176  # pairs, and pixels
COMPARABLE = (
    "Published rows are of DeepFashion's 8,670 test pairs, and comparable with rows of the same "
    "pairs alone."
)


def write_evaluation(
    store: Store,
    plan: Plan,
    manifest: dict[str, Any],
    results: Results,
    verdicts: list[Verdict],
) -> dict[str, str]:
    """Write tables, figure and page beside a run's tables; returns their URLs by kind."""
    tables = paper_tables(results)
    for name, table in tables.items():
        store.put(f"tables/{name}.parquet", parquet_bytes(pa.Table.from_pandas(table.frame)))
        store.put(f"tables/{name}.md", markdown(table).encode())
        store.put(f"tables/{name}.tex", latex(table).encode())
    written = {"tables": "tables"}
    album, keys = planned_album(plan, store), _shown_keys(plan, results)
    if sheet := _panels(album, plan, results):
        store.put(PANELS, sheet)
        written["figure"] = PANELS
    page = evaluation_page(
        store.url,
        manifest,
        verdicts,
        _notices(plan, results),
        list(tables.values())[1:],
        results.summaries,
        results.values,
        _facts(plan, results),
        results.absent,
        [
            _gallery("Worst", results.worst, plan, results, album, keys),
            _gallery("Random", results.random, plan, results, album, keys),
        ],
        failures(store, manifest, "scores"),
    )
    store.put(PAGE, page.encode())
    written["page"] = PAGE
    return {kind: f"{store.url}/{name}" for kind, name in written.items()}


def paper_tables(results: Results) -> dict[str, Table]:
    """The measured means with intervals, and the paper's Tables 1 and 2 with measured rows."""
    by_method = {
        method: {v: s for (m, v), s in results.summaries.items() if m == method}
        for method in results.methods
    }
    means = {method: {v: s.mean for v, s in mine.items()} for method, mine in by_method.items()}
    measured = dict.fromkeys(v for mine in by_method.values() for v in mine)
    # A paper's column that was measured in a crop only is printed from there; the notes say so.
    variants = {
        column: usual if usual in measured else _variant_of(usual.metric, measured) or usual
        for column, usual in PAPER_VARIANTS.items()
    }
    tables = {"means": summary_table("Measured", by_method)}
    for name, layout in (("table_1", TABLE_1), ("table_2", TABLE_2)):
        table = paper_table(layout, means, variants)
        tables[name] = replace(table, notes=(*table.notes, COMPARABLE))
    return tables


def _variant_of(metric: str, measured: Iterable[MetricVariant]) -> MetricVariant | None:
    return next((v for v in measured if v.metric == metric and not v.mask), None)


def _shown_keys(plan: Plan, results: Results) -> dict[str, ScoreKey]:
    """The keys of the pairs that will be shown, by score_id."""
    wanted = {
        i for shown in (results.worst, results.random) if len(shown) for i in shown["score_id"]
    }
    return {i: ScoreKey(*key) for key in plan.keys if (i := score_id(key)) in wanted}  # type: ignore[arg-type]


def _gallery(
    title: str,
    shown: pd.DataFrame,
    plan: Plan,
    results: Results,
    album: Album,
    keys: dict[str, ScoreKey],
) -> Gallery:
    pairs = []
    for _, row in shown.iterrows():
        key = keys[row["score_id"]]
        caption = key.pair_id if len(results.methods) == 1 else f"{key.method} · {key.pair_id}"
        value = number(row["value"]) if results.ranked else ""
        pairs.append(Shown(caption, value, thumbnails(album, key, _called(plan))))
    by = f" by {results.ranked}" if results.ranked else ""
    return Gallery(f"{title} {len(pairs)}{by}", pairs)


def _called(plan: Plan) -> tuple[str, str]:
    """What the photographs of a pair are called: source and target, unless it is unpaired."""
    return ("clothes", "person") if plan.identity.get("unpaired") else ("source", "target")


def thumbnails(
    album: Album, key: ScoreKey, called: tuple[str, str] = ("source", "target")
) -> list[tuple[str, bytes]]:
    """Source (if known), target and generated image of a pair, as small JPEGs."""
    pair, source = album.pair(key), album.source(key)
    pictures = [] if source is None else [(called[0], source)]
    pictures += [(called[1], pair.reference), ("generated", pair.generated)]
    return [(title, thumbnail(pixels)) for title, pixels in pictures]


def thumbnail(pixels: np.ndarray) -> bytes:
    """A picture as a small JPEG."""
    out = io.BytesIO()
    fit(pixels, THUMBNAIL).save(out, "JPEG", quality=85)
    return out.getvalue()


def _panels(album: Album, plan: Plan, results: Results) -> bytes | None:
    """Side by side, as the paper prints them: source, target, and each method's image."""
    chosen = _panel_keys(plan, results)
    if not chosen:
        return None
    rows = [_panel(album, by_method, results.methods) for by_method in chosen]
    across = 1 if len(results.methods) > 1 else 2
    names = [*_called(plan), *results.methods]
    out = io.BytesIO()
    Image.fromarray(contact_sheet(rows, names, PANEL_TILE, across)).save(out, "PNG")
    return out.getvalue()


def _panel_keys(plan: Plan, results: Results) -> list[dict[str, ScoreKey]]:
    """The keys of some random pairs, by method."""
    ids = set(results.random["score_id"]) if len(results.random) else set()
    pairs = dict.fromkeys(str(key[0]) for key in plan.keys if score_id(key) in ids)
    chosen: dict[str, dict[str, ScoreKey]] = {pair: {} for pair in list(pairs)[:PANEL_ROWS]}
    for key in plan.keys:
        if key[0] in chosen:
            chosen[str(key[0])][str(key[1])] = ScoreKey(*key)  # type: ignore[arg-type]
    return list(chosen.values())


def _panel(album: Album, keys: dict[str, ScoreKey], methods: list[str]) -> list[np.ndarray]:
    """A pair's pictures: source, target and each method's; white where there is none."""
    blank = np.full((PANEL_TILE, PANEL_TILE, 3), 255, np.uint8)
    source, target, generated = blank, blank, dict.fromkeys(methods, blank)
    for method, key in keys.items():
        try:
            pair = album.pair(key)
        except ValueError:  # a failed row of the run, where another method has an image
            continue
        target, generated[method] = pair.reference, pair.generated
        known = album.source(key)
        source = source if known is None else known
    return [source, target, *generated.values()]


def _notices(plan: Plan, results: Results) -> list[str]:
    notices = []
    if plan.identity["forced"]:
        notices.append(f"Forced: {plan.identity['forced']}. These values flatter it.")
    notices += [f"{said[:1].upper()}{said[1:]}." for said in plan.identity.get("notices", ())]
    if failed := results.failed.total():
        notices.append(f"{failed} pairs failed and are in no mean; see Failures.")
    return notices


def _facts(plan: Plan, results: Results) -> list[tuple[str, str]]:
    identity = plan.identity
    weights = {name: sha256 for name, sha256 in identity["weights"].items() if sha256}
    return [
        ("resolution", results.resolution),
        ("split", identity["split"] or "none given"),
        *((f"{name}, fingerprint", value) for name, value in identity["inputs"].items()),
        *((f"weights of {name}, sha256", value) for name, value in weights.items()),
        *((f"left out, {reason}", f"{n} pairs") for reason, n in identity["excluded"].items()),
    ]
