"""The extractor `prnet`: photographs of faces with the meshes that PRNet has made of them."""

import hashlib
from functools import partial

from configs.extract import ExtractConfig
from workers.data.names import plain
from workers.extraction.extraction import Extraction, Input
from workers.extraction.faces.prnet_sheet import HOW, Sheet, read_sheet
from workers.extraction.faces.prnet_worker import PRNetWorker
from workers.extraction.folders import joined
from workers.extraction.input_tables import rows
from workers.extraction.inputs import beside, found_in, input_of, listed, table_of
from workers.shards.rows import Origin, failed_face, photo_id
from workers.shards.shard import Job

GRID = "without triangles.txt in prnet.data, the rim of the faces is not exactly PRNet's"
# Kinds of mesh files, the most telling last: PRNet cuts what leaves the picture off a .mat.
KINDS = ("_mesh.mat", ".obj", ".npy")
# What PRNet's programs write beside a mesh NAME, and is no photograph.
PICTURES = ("depth", "dense", "kpt", "pose", "tex", "texture")


def prnet(config: ExtractConfig) -> Extraction:
    """Draw the UV maps of meshes, and cut the faces out of their photographs."""
    if config.prnet.data is None:
        raise ValueError(f"extractor=prnet wants PRNet's data: {HOW}")
    sheet = read_sheet(config.prnet.data)
    found = photographs_with_meshes(config)
    origin = Origin("prnet", "prnet")
    job = Job(
        tables=("images", "faces", "uv_maps"),
        make_worker=partial(PRNetWorker, config, origin, sheet),
        row_id=photo_id,
        failed=partial(failed_face, origin),
    )
    settings = config.prnet.model_dump(mode="json", exclude={"data"})
    facts = {"sheet": _sha256(sheet), "prnet": settings}
    return Extraction(config, found, job, facts, note=GRID if sheet.by_grid else None)


def photographs_with_meshes(config: ExtractConfig) -> Input:
    """Photographs with their meshes, by id; a mesh without a photograph is a pose.

    Meshes are those of the folder `uv`, else of the photographs' own folders; a table names them
    in its column uv. Raises ValueError where there are none, and as `photographs_with_maps` does.
    """
    if table_of(config):
        return Input(rows(config.input, maps=True))
    listings = listed(config)
    found, frames = found_in(config, listings[config.input])
    meshes = _meshes(*beside(config, listings))
    if not meshes:
        raise ValueError(
            f"{config.uv or config.input}: no meshes there: NAME{', NAME'.join(KINDS)}"
        )
    drawn = {f"{name}_{picture}" for name in meshes for picture in PICTURES}
    photographs = {name: url for name, url in found.photographs.items() if name not in drawn}
    poses = meshes if config.uv is None else {}
    files = found._replace(photographs=photographs, maps=poses)
    photos = joined(files, files._replace(photographs={}, maps=meshes))
    return input_of(photos, listings, frames)


def _meshes(root: str, urls: list[str]) -> dict[str, str]:
    """The URL of each mesh, by its name: the path below the root, less what tells its kind."""
    found: dict[str, str] = {}
    for kind in KINDS:
        for url in urls:
            name = plain(url.partition(root)[2])
            if name.lower().endswith(kind):
                found[name[: -len(kind)]] = url
    return found


def _sha256(sheet: Sheet) -> str:
    known = hashlib.sha256(sheet.texels.tobytes() + sheet.faces.tobytes())
    if sheet.canonical is not None:
        known.update(sheet.canonical.tobytes())
    return known.hexdigest()
