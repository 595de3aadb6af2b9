"""The extractor `facemesh`: faces, found and drawn without PRNet."""

import json
from functools import partial
from importlib.metadata import version

from configs.extract import ExtractConfig
from models.face468 import NAME, SHA256, read_mesh
from workers.extraction.extraction import Extraction
from workers.extraction.faces.facemesh_worker import FaceMeshWorker, read_task
from workers.extraction.inputs import photographs
from workers.extraction.networks import check_runtime
from workers.extraction.people import refuse_names_of_people
from workers.shards.rows import Origin, failed_face, photo_id, photograph_id
from workers.shards.shard import Job

LAYOUT = "face468"
VERSION = "facemesh-1"  # change it whenever maps change
LICENCE = "Apache-2.0"


def facemesh(config: ExtractConfig) -> Extraction:
    """Find faces and draw the UV maps of their meshes."""
    check_runtime("facemesh")
    read_mesh(read_task(config))
    found = photographs(config)
    every = config.facemesh.person == "all"
    if every:
        refuse_names_of_people(found, "facemesh")
    runtime = f"ai-edge-litert-{version('ai-edge-litert')}"
    model = {
        "name": f"{VERSION} {runtime} {NAME.partition('.')[0]}-{SHA256[:8]}",
        "sha256": SHA256,
        "licence": LICENCE,
    }
    settings = config.facemesh.model_dump(mode="json", exclude={"data"})
    origin = Origin(model["name"], LAYOUT)
    job = Job(
        tables=("images", "faces", "uv_maps"),
        make_worker=partial(FaceMeshWorker, config, origin),
        row_id=photo_id,
        failed=partial(failed_face, origin),
        planned=photograph_id if every else str,
        about={"facemesh": json.dumps(model | settings)},
    )
    return Extraction(config, found, job, {"model": model, "facemesh": settings})
