"""`reposer synthesize`: a catalog of the sample world."""

import re
from functools import partial

from configs.synthesize import SynthesizeConfig
from models.face468 import face_mesh
from pipelines.runs.execute import carry_out
from pipelines.runs.plan import ENCODED, UV_MAP, Plan, RunError, make_plan
from pipelines.runs.report import CATALOG_TITLES, catalog_samples
from workers import faces
from workers.data.names import short
from workers.data.user_tables import read_pairs
from workers.shards.keys import Key, Keys
from workers.shards.rows import failed_frame, failed_synthesis, photo_id, render_id
from workers.shards.shard import Job, row_seconds
from workers.synthesis import SynthesizeWorker, image_ids

TABLES = ("images", "annotations", "pairs", "uv_maps")
FACTS = ("what", "layout", "pose_noise")  # of a plan, where they are not the defaults
OF_FACES = ("images", "annotations", "faces", "pairs", "uv_maps")


def run(config: SynthesizeConfig, dry: bool = False) -> int:
    """Synthesize; returns the exit code."""
    plan, job = prepare(config)
    return carry_out(plan, job, config, dry, CATALOG_TITLES, lambda: catalog_samples(config.out))


def prepare(config: SynthesizeConfig) -> tuple[Plan, Job]:
    """The plan of a world, and what its workers do."""
    if config.layout == "face468":
        _check_mesh()
    job = _job(config)
    ids = _transfers(config) if config.pairs else _image_ids(config)
    keys = Keys.of(["image_id"], [(image_id,) for image_id in ids])
    size = ENCODED[config.image.format] + UV_MAP
    # No part of the config's identity: worlds made before these keys have none.
    facts: dict[str, object] = {"transfers": True} if config.pairs else {}
    for name in FACTS:
        value = getattr(config, name)
        if value != type(config).model_fields[name].default:
            facts[name] = value
    return make_plan("synthesize", config, job, keys, _item, config.size**2, facts, size), job


def _check_mesh() -> None:
    """Raise RunError where MediaPipe's face is not installed."""
    try:
        face_mesh()
    except ValueError:
        told = "install it with `make facemesh-data`"
        raise RunError(f"layout=face468 wants MediaPipe's face: {told}") from None


def _job(config: SynthesizeConfig) -> Job:
    tables, worker, failed = TABLES, partial(SynthesizeWorker, config), failed_synthesis
    if config.what == "faces":
        tables, worker = OF_FACES, partial(faces.FaceWorker, config)
        failed = partial(failed_frame, faces.origin(config))
    return Job(tables, worker, photo_id, failed, row_seconds=row_seconds(config.size**2))


def _image_ids(config: SynthesizeConfig) -> list[str]:
    return faces.image_ids(config) if config.what == "faces" else image_ids(config)


def _transfers(config: SynthesizeConfig) -> list[str]:
    """The ids of the renders of `pairs`; RunError where the world has no such photographs."""
    assert config.pairs
    pairs, known = read_pairs(config.pairs), set(image_ids(config))
    for name in (*pairs["from"], *pairs["to"]):
        if name not in known:
            raise RunError(
                f"{config.pairs}: a world of items={config.items} views={config.views} "
                f"stock={config.stock} has no photograph {short(name)}, but such as "
                f"{min(known)}: give the keys that made it"
            )
    return [render_id(pair) for pair in zip(pairs["from"], pairs["to"], strict=True)]


def _item(key: Key) -> str:
    return re.split("_(?:view|frame)-", photo_id(key), maxsplit=1)[0]
