"""Photographs as skeletons, and renders in these poses: `python -m bench.skeletons FOLDER OUT`.

FOLDER holds N_source.png and N_target.png of pairs N, photographs of one person each, and perhaps
other methods' renders as N_METHOD.png. bodyfit extracts the photographs; its 18 keypoints of each
target are drawn by a poser, and the source is rendered on that map and on bodyfit's own. Writes
OUT/sheet.png; everything else in OUT is runs of `reposer`.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from eval.pictures import contact_sheet, skeleton_picture, uv_picture
from models.skeleton import BONES
from pipelines.cli import main as reposer
from workers.data.catalog import MAX_PIXELS, Catalog
from workers.data.errors import MissingRow
from workers.data.images import decode

LOCAL = "execution.engine=local"
SIZE = 256


def main(folder: Path, out: Path, poser: str, shown: list[str]) -> None:
    """Make the runs that are not there yet, and the sheet."""
    pairs = sorted(path.name.removesuffix("_source.png") for path in folder.glob("*_source.png"))
    photographs = out / "photographs"
    photographs.mkdir(parents=True, exist_ok=True)
    for name in (f"{n}_{side}.png" for n in pairs for side in ("source", "target")):
        if not (photographs / name).exists():
            (photographs / name).symlink_to((folder / name).resolve())
    listed = {"from": [f"{n}_source" for n in pairs], "to": [f"{n}_target" for n in pairs]}
    pd.DataFrame(listed).to_csv(out / "pairs.csv", index=False)
    catalog, poses = f"{out}/catalog", f"{out}/poses"
    _run("extract", f"input={photographs}", "extractor=bodyfit", f"out={catalog}")
    _run("extract", f"input={catalog}", "extractor=keypoints", f"keypoints.model={poser}",
         f"out={poses}")  # fmt: skip
    renders = {"poser": _renders(out, catalog, poses), "bodyfit": _renders(out, catalog, catalog)}
    titles = ["source", "target", "skeleton", "poser", "render", "bodyfit", "render", *shown]
    rows = []
    for n in pairs:
        source, target = f"{n}_source", f"{n}_target"
        row = [_picture(Catalog(catalog), source), _picture(Catalog(catalog), target)]
        row.append(_skeleton(Catalog(catalog), target))
        for kind, url in (("poser", poses), ("bodyfit", catalog)):
            row += [
                _map(Catalog(url), target),
                renders[kind].get(f"{source}__{target}", _nothing()),
            ]
        row += [decode((folder / f"{n}_{kind}.png").read_bytes(), MAX_PIXELS) for kind in shown]
        rows.append(row)
    Image.fromarray(contact_sheet(rows, titles, across=1)).save(out / "sheet.png")
    print(out / "sheet.png")


def _renders(out: Path, catalog: str, poses: str) -> dict[str, np.ndarray]:
    """The pairs' renders, by their ids."""
    made = f"{out}/on-{Path(poses).name}"
    _run("render", f"catalog={catalog}", f"poses={poses}", f"pairs={out}/pairs.csv",
         "model=bundled", "image.format=png", f"out={made}")  # fmt: skip
    rows = pq.read_table(f"{made}/renders", columns=["render_id", "image"]).to_pylist()
    return {r["render_id"]: decode(r["image"]["bytes"], MAX_PIXELS) for r in rows if r["image"]}


def _picture(catalog: Catalog, name: str) -> np.ndarray:
    try:
        return catalog.photograph(name)
    except MissingRow:
        return _nothing()


def _skeleton(catalog: Catalog, name: str) -> np.ndarray:
    try:
        return skeleton_picture(catalog.keypoints(name), BONES[:17], SIZE, SIZE)
    except MissingRow:
        return _nothing()


def _map(catalog: Catalog, name: str) -> np.ndarray:
    try:
        return uv_picture(catalog.uv_map(name))
    except MissingRow:
        return _nothing()


def _nothing() -> np.ndarray:
    return np.full((SIZE, SIZE, 3), 255, np.uint8)


def _run(*words: str) -> None:
    if reposer([*words, LOCAL, "max_failed_fraction=1"]):
        sys.exit(f"reposer {' '.join(words)} failed")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--poser", default="bundled")
    parser.add_argument("--shown", nargs="*", default=[], help="other methods, as OURS_STICKMAN")
    main(**vars(parser.parse_args()))
