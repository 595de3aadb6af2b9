"""The table of extractors.

A new extractor is a function (`workers.extraction.extraction.Extractor`) in a file of its own, a
line here, and its name among the choices of `ExtractConfig.extractor`. What it reads is one of
`workers.extraction.inputs` or its own; every row of `uv_maps` tells its `Origin`, name and layout.
"""

from configs.extract import ExtractConfig
from workers.extraction.bodyfit.extractor import bodyfit
from workers.extraction.densepose.dump import is_dump
from workers.extraction.densepose.extractors import densepose, dump
from workers.extraction.extraction import Extraction, Extractor
from workers.extraction.faces.facemesh import facemesh
from workers.extraction.faces.prnet import prnet
from workers.extraction.keypoints.extractor import keypoints
from workers.extraction.precomputed import precomputed

EXTRACTORS: dict[str, Extractor] = {
    "precomputed": precomputed,
    "dump": dump,
    "densepose": densepose,
    "bodyfit": bodyfit,
    "keypoints": keypoints,
    "prnet": prnet,
    "facemesh": facemesh,
}


def extraction_of(config: ExtractConfig) -> Extraction:
    """What the extractor of a config does; `precomputed` reads a dump where `uv` names one."""
    dumped = config.extractor == "precomputed" and is_dump(config.uv)
    extraction = EXTRACTORS["dump" if dumped else config.extractor](config)
    if config.parsing and "parsings" not in extraction.job.tables:
        raise ValueError(f"parsing.folder: extractor={config.extractor} reads no parsings")
    return extraction
