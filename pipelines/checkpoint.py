"""`reposer checkpoint import`: the authors' two files as a checkpoint."""

import shlex
from pathlib import Path

from configs.checkpoint import CheckpointImportConfig
from models.authors import import_authors
from pipelines.evaluation.splits import read_images
from pipelines.runs.plan import RunError
from workers.data.storage import Store


def run(config: CheckpointImportConfig) -> int:
    """Verify, convert and write; returns the exit code."""
    store = Store(config.out)
    if store.list():
        raise RunError(f"{store.url} is not empty; use another out=")
    images = "\n".join(sorted(read_images(config.trained_on))) if config.trained_on else None
    files = import_authors(
        Path(config.inpainter), Path(config.refiner), images.encode() if images else None
    )
    for name, data in files.items():
        store.put(name, data)
    print(f"checkpoint     {store.url}")
    print(f"model card     {store.url}/README.md")
    print(f"next           reposer render model={shlex.quote(store.url)} ...")
    return 0
