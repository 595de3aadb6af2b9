"""`reposer render`: a catalog's people in new poses."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from configs.render import RenderConfig
from eval.pictures import uv_picture
from models.checkpoint import trained_on
from models.reposer import CoordinateReposer, Reposer
from pipelines.render_matrix import has_matrix, matrix
from pipelines.runs.engine import on_gpus
from pipelines.runs.execute import carry_out
from pipelines.runs.log import log
from pipelines.runs.pair_lists import oriented, refuse_products, tell
from pipelines.runs.plan import ENCODED, Plan, RunError, fingerprint, make_plan
from pipelines.runs.report import Sample, closer, sample_rows
from pipelines.skeleton_poses import SkeletonPoses, skeleton_poses
from workers.data.catalog import MAX_PIXELS, Catalog
from workers.data.images import decode
from workers.data.names import as_known, canonical_key, elided
from workers.data.storage import Store
from workers.data.user_tables import read_pair_list
from workers.model import ModelSpec, checkpoint
from workers.rendering import RenderWorker, pose_catalog
from workers.shards.keys import Keys
from workers.shards.rows import failed_render, render_id
from workers.shards.shard import Job, row_seconds

TITLES = ("source", "target pose", "render")
PEOPLE = ("clothes", "model", "try-on")
CLOSER = "1:1"


def run(
    config: RenderConfig, dry: bool = False, load_model: Callable[[], Reposer] | None = None
) -> int:
    """Render; returns the exit code. `load_model` replaces the model that the config names."""
    made, code = skeleton_poses(config), 0
    if made:
        _refuse_other_poses(config, Catalog(config.catalog).layout(), made.layout)
        code = made.make(dry)
        if dry:
            return code
    plan, job = prepare(config, load_model, made)
    read, table = reading(config, made), has_matrix(plan)
    people = "reveal" in plan.identity
    done = carry_out(
        plan,
        job,
        config,
        dry,
        titles(config, people),
        # A matrix shows the same, but no cloth pixel by pixel.
        lambda: () if table and config.size is None else samples(read, people),
        matrix=lambda: matrix(read) if table else None,
    )
    return done or code


def reading(config: RenderConfig, made: SkeletonPoses | None) -> RenderConfig:
    """The config that its workers read: of skeletons, the catalog that was made of them."""
    return config.model_copy(update={"poses": made.config.out}) if made else config


def prepare(
    config: RenderConfig,
    load_model: Callable[[], Reposer] | None = None,
    made: SkeletonPoses | None = None,
) -> tuple[Plan, Job]:
    """The plan of a render run, and what its workers do; `made` are the poses of skeletons."""
    catalog, read = Catalog(config.catalog, config.lookup), reading(config, made)
    poses = pose_catalog(read, catalog)
    _ = catalog.images.ids  # refuses a damaged table, which pairs alone would not touch
    layout = catalog.layout()
    _refuse_other_poses(config, layout, poses.layout())
    spec = model_spec(config, layout)
    load_model = load_model or spec
    model = load_model()
    if model.layout != layout:
        raise RunError(
            f"{config.catalog} has UV maps of layout {layout}, model={config.model} was made for "
            f"layout {model.layout}: use model=symmetry, or {_makes(model.layout)}"
        )
    _check_reveal(config, model, poses)
    if config.size and isinstance(model, CoordinateReposer):
        log(
            f"model={config.model} cannot read cloth from photographs (it has no coordinates, or "
            "no blend): its networks run at the size of photographs and renders"
        )
    facts: dict[str, Any] = {
        "inputs": {
            "catalog": fingerprint(catalog.store, "images") + fingerprint(catalog.store, "uv_maps"),
            "poses": made.plan.hash if made else fingerprint(poses.store, "uv_maps"),
        },
        "model": {"name": model.name, "sha256": model.sha256} | _trained_on(config),
    }
    if spec.precision != "fp32":  # the reference goes without saying
        facts["model"]["precision"] = spec.precision
    if made:
        facts["poser"] = made.poser
    if config.image.alpha:
        facts["alpha"] = True
    if config.size:
        facts["size"] = config.size
    if model.reveals:
        facts["reveal"] = "head_and_hands"
        facts["inputs"] |= {
            "poses_photographs": fingerprint(poses.store, "images"),
            "segmentations": fingerprint(poses.store, "annotations")
            + fingerprint(catalog.store, "annotations"),
        }
    pixels = config.size**2 if isinstance(config.size, int) else poses.pixels()
    job = Job(
        ("renders",),
        partial(RenderWorker, read, load_model),
        render_id,
        failed_render,
        row_seconds=row_seconds(pixels),
    )
    keys = pair_keys(read, catalog, poses)
    size = ENCODED[config.image.format]
    return make_plan("render", config, job, keys, lambda key: key[0], pixels, facts, size), job


def _refuse_other_poses(config: RenderConfig, layout: str, poses: str | None) -> None:
    if poses != layout:
        raise RunError(
            f"{config.catalog} has UV maps of layout {layout}, poses={config.poses} of layout "
            f"{poses}: {_makes(str(poses))}"
        )


def model_spec(config: RenderConfig, layout: str) -> ModelSpec:
    """The model that a config names, and the precision that all workers compute it in."""
    execution, precision = config.execution, config.execution.precision
    if config.model == "symmetry":
        precision = "fp32"
    elif precision == "auto":
        precision = "fp16" if on_gpus(execution) else "fp32"
    named = (config.model, layout, config.lookup, config.background)
    reveals = config.reveal == "head_and_hands"
    return ModelSpec(*named, config.size is not None, precision, execution.compile, reveals)


def _check_reveal(config: RenderConfig, model: Reposer, poses: Catalog) -> None:
    """Refuse `reveal` where the checkpoint says otherwise; say what head and hands come from."""
    if config.reveal and (config.reveal != "none") != model.reveals:
        was = "with reveal=head_and_hands" if model.reveals else "without reveal"
        raise RunError(
            f"reveal={config.reveal}: model={config.model} was trained {was}, and a checkpoint "
            "decides: leave reveal= out"
        )
    if not model.reveals:
        return
    if not poses.usable(photographs=True):
        raise RunError(
            f"{poses.store.url} has no photographs, whose head and hands would stay: garment "
            "transfer wants poses= of a catalog of people"
        )
    if not poses.has_segmentation():
        log(
            f"{poses.store.url} has no segmentation: head and hands that stay come from its UV "
            "maps alone, without hair, hats or gloves off the body"
        )


def _makes(layout: str) -> str:
    """How to get a catalog of a layout."""
    way = "extractor=bodyfit" if layout == "anny" else "DensePose's maps"
    return f"extract the photographs with {way}"


def _trained_on(config: RenderConfig) -> dict[str, str]:
    """The id of the images that a checkpoint was trained on, where it says so."""
    if config.model == "symmetry" or not (known := trained_on(checkpoint(config.model).read)):
        return {}
    return {"trained_on": known}


def pair_keys(config: RenderConfig, catalog: Catalog, poses: Catalog) -> Keys:
    """The (source, pose) keys of a run: listed pairs, or every source in every pose."""
    if config.poses and not config.pairs:
        sources, targets = catalog.usable(photographs=True), poses.usable(photographs=False)
        if not sources:
            raise RunError(f"{config.catalog}: no row has both a photograph and a good UV map")
        rows = np.indices((len(sources), len(targets)), np.int32).reshape(2, -1)
        return _keys((rows[0], sources), (rows[1], targets))
    if not config.pairs:
        raise RunError(
            "render needs poses= (bundled, or a catalog of poses), or pairs= (a CSV `from,to`)"
        )
    table = _listed(config, config.pairs, catalog, poses)
    targets, names = pd.factorize(table["to"])
    targets, poses_named = _spelled(targets, names, poses)
    # Source-major, in order of appearance: the source's share of the work is done once.
    sources, names = pd.factorize(table["from"])
    sources, sources_named = _spelled(sources, names, catalog)
    order = np.argsort(sources, kind="stable")
    return _keys((sources[order], sources_named), (targets[order], poses_named))


def _listed(config: RenderConfig, url: str, catalog: Catalog, poses: Catalog) -> pd.DataFrame:
    """The pairs of a list; where it has no header, the catalogs tell which column is which."""
    listed, said = read_pair_list(url), ""
    if listed.headless:
        usable = {"from": catalog.usable(photographs=True), "to": poses.usable(photographs=False)}
        known = {end: set(map(canonical_key, ids)) for end, ids in usable.items()}

        def found(table: pd.DataFrame) -> int:
            return sum(canonical_key(name) in known[end] for end in known for name in table[end])

        listed, said = oriented(listed, found, config.pairs_header)
        refuse_products(url, listed.table, known["from"], config.catalog)
    tell("render", url, listed.table, said)
    return listed.table


def _keys(sources: tuple[np.ndarray, list[str]], poses: tuple[np.ndarray, list[str]]) -> Keys:
    return Keys.indexed({"source_id": sources, "pose_id": poses})


def _spelled(codes: np.ndarray, names: pd.Index, catalog: Catalog) -> tuple[np.ndarray, list[str]]:
    """Image ids as the catalog spells them.

    Codes index names, and come back for the ids: in order of appearance, as they were.
    """
    ids = as_known(names, catalog.uv_maps.ids.to_pylist())
    renumbered, unique = pd.factorize(pd.Series(ids))
    return renumbered[codes], list(unique)


def titles(config: RenderConfig, people: bool) -> tuple[str, ...]:
    """What sheet and page show: with size=, the cloth, too, of source and render pixel by pixel.

    `people`: whether clothes are tried on by the people of the poses' photographs.
    """
    first, *others = PEOPLE if people else TITLES
    return (first, *others) if config.size is None else (first, CLOSER, *others, CLOSER)


def samples(config: RenderConfig, people: bool) -> Iterator[Sample]:
    """These pictures of some of the rows."""
    catalog = Catalog(config.catalog)
    poses = pose_catalog(config, catalog)
    columns = ["source_id", "pose_id", "image"]
    for row in sample_rows(Store(config.out), "renders", columns):
        layout = poses.uv_maps.row(row["pose_id"])["layout"]
        ids = elided(row["source_id"]), elided(row["pose_id"])
        photograph, uv = catalog.photograph(row["source_id"]), poses.uv_map(row["pose_id"], layout)
        render = decode(row["image"]["bytes"], MAX_PIXELS)
        posed = poses.photograph(row["pose_id"]) if people else uv_picture(uv)
        pictures = [photograph, posed, render]
        if config.size is not None:
            own = catalog.uv_map(row["source_id"], layout)
            pictures.insert(1, closer(photograph, own))
            pictures.append(closer(render, uv))
        # Isolated, for ids may run right to left.
        yield " → ".join(f"\u2068{i}\u2069" for i in ids), pictures
