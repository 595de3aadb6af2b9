"""The extractor `keypoints`, which draws a body of each skeleton."""

import json
from functools import partial

from configs.extract import ExtractConfig
from workers.extraction.extraction import Extraction
from workers.extraction.keypoints.poses import skeletons
from workers.extraction.keypoints.worker import KeypointsWorker
from workers.model import poser
from workers.shards.rows import Origin, failed_fit, photo_id
from workers.shards.shard import Job

VERSION = "keypoints-1"  # change it whenever maps change


def keypoints(config: ExtractConfig) -> Extraction:
    """Draw UV maps of skeletons, as a poser does."""
    network, sha256 = poser(config.keypoints.model)
    found = skeletons(config)
    name = f"{VERSION} {sha256[:8]}"
    settings = config.keypoints.model_dump(mode="json", exclude={"model"})
    model = {"name": name, "sha256": sha256}
    origin = Origin(name, network.config.layout)
    job = Job(
        tables=("images", "annotations", "uv_maps"),
        make_worker=partial(KeypointsWorker, config, origin),
        row_id=photo_id,
        failed=partial(failed_fit, origin),
        about={"keypoints": json.dumps(model | settings)},
    )
    facts = {"model": model, "keypoints": settings}
    return Extraction(config, found, job, facts, layout=origin.layout)
