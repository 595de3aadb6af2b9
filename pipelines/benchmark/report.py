"""`reposer benchmark report`: the finished variants side by side, and whether the targets hold."""

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from configs.benchmark import ReportConfig, TexturesConfig
from eval.benchmark import COMPLETERS, PERCEPTUAL, VARIANTS, tables, verdicts
from eval.benchmark_page import Figure, benchmark_markdown, benchmark_page
from eval.gates import Verdict
from eval.metrics.variants import MetricVariant
from eval.pictures import contact_sheet
from eval.statistics import Summary
from eval.tables import Table
from models.variants import VARIANTS as MODEL_VARIANTS
from pipelines.benchmark.textures import made_by, summaries
from pipelines.evaluation.summary import SUMMARY, read_summaries
from pipelines.runs.execute import OK
from pipelines.runs.lifecycle import read_manifest
from pipelines.runs.plan import Plan, RunError, read_plan
from workers.data.catalog import MAX_PIXELS, Catalog
from workers.data.images import decode
from workers.data.indexed_table import Table as Stored
from workers.data.storage import Store
from workers.data.tables import parquet_bytes
from workers.textures import Measured, TextureWorker

EXAMPLES, TILE = 6, 192  # pairs shown, and pixels
WHITE = 255


@dataclass(frozen=True)
class Benchmark:
    """What lies below a benchmark's URL."""

    url: str
    names: Sequence[str] = VARIANTS
    world: str | None = None  # that was measured on; what was scored tells it, else
    about: str = "all ordered pairs of an item's photographs"

    @cached_property
    def plans(self) -> dict[str, Plan]:
        """The plans of the finished evaluations, by variant."""
        stores = {name: Store(f"{self.url}/{name}/metrics") for name in self.names}
        return {name: read_plan(s) for name, s in stores.items() if read_manifest(s)}

    @cached_property
    def scores(self) -> dict[str, dict[MetricVariant, Summary]]:
        """Their summaries."""
        found = {}
        for name in self.plans:
            with Store(f"{self.url}/{name}/metrics").open(SUMMARY) as file:
                rows = read_summaries(pq.read_table(file))
            found[name] = {variant: summary for (_, variant), summary in rows.items()}
        return found

    @cached_property
    def textures(self) -> dict[str, dict[str, Summary]]:
        """The summaries of the finished measurements of textures, by what completes."""
        found = {name: summaries(f"{self.url}/textures/{name}") for name in COMPLETERS}
        return {name: columns for name, columns in found.items() if columns}

    @cached_property
    def held_out(self) -> str:
        """The URL of the held-out world."""
        return self.world or next(iter(self.plans.values())).identity["config"]["catalog"]

    @cached_property
    def examples(self) -> list[tuple[str, str]]:
        """Pairs of six items, source and target: those whose ids' hashes are smallest."""
        keys = next(iter(self.plans.values())).keys
        by_item: dict[str, tuple[str, tuple[str, str]]] = {}
        for pair_id, _, item, source, _, target in keys:
            digest = hashlib.sha256(str(pair_id).encode()).hexdigest()
            mine = digest, (str(source), str(target))
            by_item[str(item)] = min(by_item.get(str(item), mine), mine)
        return [pair for _, pair in sorted(by_item.values())[:EXAMPLES]]


def run(config: ReportConfig) -> int:
    """Write the report of what is finished; returns the exit code."""
    benchmark = Benchmark(Store(config.out).url)
    if not benchmark.plans:
        raise RunError(f"{benchmark.url}: no variant of a benchmark is finished there")
    found, unknown = verdicts(benchmark.scores, benchmark.textures)
    shown = tables(benchmark.scores, benchmark.textures)
    write(benchmark, found, unknown, shown, _figures(benchmark))
    return OK


def write(
    benchmark: Benchmark,
    found: Sequence[Verdict],
    unknown: Sequence[str],
    shown: Mapping[str, Table],
    pictures: Iterable[tuple[str, str, str, np.ndarray]],
) -> None:
    """Write a report: verdicts, what is open, tables by name, and figures.

    A figure is its name, title, note and picture.
    """
    figures, notices, facts = list(pictures), _notices(benchmark), _facts(benchmark)
    store = Store(f"{benchmark.url}/report")
    for name, table in shown.items():
        store.put(f"{name}.parquet", parquet_bytes(pa.Table.from_pandas(table.frame)))
    for name, _, _, sheet in figures:
        store.put(f"{name}.png", _encoded(sheet, "PNG"))
    jpegs: list[Figure] = [(t, note, _encoded(sheet, "JPEG")) for _, t, note, sheet in figures]
    printed = list(shown.values())
    text = benchmark_markdown(found, unknown, notices, printed, facts)
    page = benchmark_page(benchmark.url, found, unknown, notices, printed, jpegs, facts)
    store.put("report.md", text.encode())
    store.put("index.html", page.encode())
    for verdict in found:
        print(f"{'holds' if verdict.passed else 'FAILS':14} {verdict.sentence}")
    for sentence in unknown:
        print(f"{'open':14} {sentence}")
    print(f"{'page':14} {store.url}/index.html")


def _notices(benchmark: Benchmark) -> list[str]:
    """What a reader must know before any number."""
    notices = []
    inputs = {plan.identity["inputs"]["catalog"] for plan in benchmark.plans.values()}
    if len(inputs) > 1:
        notices.append("The variants were scored on different worlds: nothing here compares.")
    for name, plan in benchmark.plans.items():
        if str(PERCEPTUAL) not in plan.identity["weights"]:
            notices.append(
                f"{name} was scored without {PERCEPTUAL}, whose weights were not found "
                "(metric_weights=)."
            )
        manifest = read_manifest(Store(f"{benchmark.url}/{name}/metrics"))
        assert manifest
        if failed := manifest["totals"]["failed"]:
            notices.append(f"{failed} of {plan.rows} pairs of {name} failed and are in no mean.")
    return notices


def _facts(benchmark: Benchmark) -> list[tuple[str, str]]:
    plan = next(iter(benchmark.plans.values()))
    facts = [
        ("held-out world", _made(benchmark.held_out)),
        ("pairs", f"{plan.rows}, {benchmark.about}"),
    ]
    networks = {"f of coordinates": "inpainter-coordinates", "f of colours": "inpainter-colours"}
    networks |= {f"g of {name}": f"{name}/generator" for name in benchmark.plans}
    for name, folder in networks.items():
        if manifest := read_manifest(Store(f"{benchmark.url}/{folder}")):
            facts.append((name, _training(manifest)))
    for name, sha256 in plan.identity["weights"].items():
        facts.append((name, MetricVariant.parse(name).definition))
        if sha256:
            facts.append((f"{name}, weights", f"sha256 {sha256}"))
    return facts


def _made(catalog: str) -> str:
    """How a world was made; of a catalog of photographs, its URL."""
    try:
        world = made_by(catalog)
    except RunError:
        return catalog
    return (
        f"{world.items} items of {world.views} views, {world.size}x{world.size} pixels, "
        f"seed {world.seed}, stock {world.stock}, fabrics {world.fabrics}"
    )


def _training(manifest: dict[str, Any]) -> str:
    """How a network was trained, in a line."""
    config, pairs = manifest["identity"]["config"], manifest["identity"]["pairs"]
    line = (
        f"{config['steps']:,} steps of {config['batch']} of {pairs:,} pairs, seed "
        f"{config['seed']}, width {config['width']}"
    )
    if "backbone" in config:
        line += f", losses in features of {config['backbone']['name']}"
    completes = MODEL_VARIANTS[config["variant"]].completes
    if config.get("warp_once") and completes == "coordinates":
        line += ", W read once"
    if config.get("blend") and completes:
        line += ", W blended"
    return f"{line}; {manifest['seconds'] / 3600:.2f} h in the last call"


def _figures(benchmark: Benchmark) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Name, title, note and picture of what the report shows."""
    chosen = "Six items, chosen by the hash of their pairs' ids."
    yield "renders", "Held-out renders", chosen, _renders(benchmark)
    if {"coordinates", "colours"} <= benchmark.textures.keys():
        note = (
            f"{chosen} Each texture as f completes it from the source; the true one is the world's "
            "paint, unlit, without hair, skirts and shoes."
        )
        yield "textures", "Completed textures", note, _textures(benchmark)


def _renders(benchmark: Benchmark) -> np.ndarray:
    """Source, target and each variant's render, a row a pair."""
    catalog = Catalog(benchmark.held_out)
    renders = {
        name: Stored(Store(f"{benchmark.url}/{name}/renders"), "renders")
        for name in benchmark.plans
    }
    rows = []
    for source, target in benchmark.examples:
        row = [catalog.photograph(source), catalog.photograph(target)]
        for table in renders.values():
            data = table.image(table.row(f"{source}__{target}"))
            row.append(decode(data, MAX_PIXELS) if data else np.full_like(row[0], WHITE))
        rows.append(row)
    return contact_sheet(rows, ["source", "target", *renders], TILE, across=1)


def _textures(benchmark: Benchmark) -> np.ndarray:
    """Source, T of coordinates, T of colours and the true texture, a row a source."""
    world = made_by(benchmark.held_out)
    completers = {}
    for name in ("coordinates", "colours"):
        plan = read_plan(Store(f"{benchmark.url}/textures/{name}"))
        config = TexturesConfig.model_validate(
            {**plan.identity["config"], "out": f"{benchmark.url}/textures/{name}"}
        )
        completers[name] = TextureWorker(config, world)
    rows = []
    for source, _ in benchmark.examples:
        found = {name: worker.texture(source) for name, worker in completers.items()}
        theirs = [_on_charts(texture, texture.texture) for texture in found.values()]
        one = found["coordinates"]
        rows.append([one.photograph, *theirs, _on_charts(one, one.paint)])
    titles = ["source", "coordinates", "colours", "true texture"]
    return contact_sheet(rows, titles, TILE, across=1)


def _on_charts(texture: Measured, colours: np.ndarray) -> np.ndarray:
    """Colours (3, t, t) as a picture, white off the charts."""
    there = ~np.isnan(texture.paint[0])
    pixels = np.rint(np.nan_to_num(colours).clip(0, 1) * 255).astype(np.uint8)
    return np.where(there[..., None], pixels.transpose(1, 2, 0), np.uint8(WHITE))


def _encoded(pixels: np.ndarray, kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return out.getvalue()
