"""How far fitted UV maps are from the exact ones of the sample world: `python -m bench.bodyfit`.

The error of a pixel is the distance, on the average adult, between the point of the body that its
map names and the true one. Counted where both maps have the person; averages are over photographs.
"""

import argparse
import functools
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.machine import machine
from configs.bodyfit import BodyFit
from models.raster import interpolate, rasterise
from workers.data.catalog import Catalog
from workers.extraction.bodyfit.people import BodyFitter, FittedPerson
from workers.extraction.bodyfit.regions import SIDE
from workers.extraction.bodyfit.surface import nearest
from world import bodies

SAMPLE = Path(__file__).parent.parent / "assets" / "sample"
SHEET = 1024  # texels a side
WINDOW = 16  # photographs at once


class Errors(NamedTuple):
    """Of one photograph."""

    median: float  # centimetres
    mean: float
    within_5cm: float
    within_10cm: float
    beyond_30cm: float
    overlap: float  # intersection over union of the two maps' persons
    right_side: bool  # whether most of the torso shows front where front is, and back where back


def main(catalog: str = str(SAMPLE), each: bool = False) -> None:
    """Fit all photographs of a catalog of the sample world, and compare."""
    print(machine())
    world = Catalog(catalog)
    fitter, seconds, rows = BodyFitter(BodyFit()), 0.0, []
    ids = world.images.ids.to_pylist()
    for start in range(0, len(ids), WINDOW):
        batch = ids[start : start + WINDOW]
        photographs = [world.photograph(i) for i in batch]
        if not start:
            fitter(photographs[:1], [None])  # reads the body
        clock = time.process_time()
        maps = [
            uv_map(people[0], photograph.shape[:2]) if people else None
            for people, photograph in zip(
                fitter(photographs, [None] * len(batch)), photographs, strict=True
            )
        ]
        seconds += time.process_time() - clock
        for image_id, uv in zip(batch, maps, strict=True):
            if uv is None:
                print(f"  {image_id}: nobody found")
                continue
            true = np.moveaxis(world.uv_map(image_id, "anny"), 0, -1)
            rows.append(errors(uv, true))
            if each:
                print(f"  {image_id}", *(f"{value:.3g}" for value in rows[-1]))
    mean = Errors(*np.mean(rows, axis=0))
    print(
        f"  found            {len(rows)} of {len(ids)}, {sum(r.right_side for r in rows)} "
        "the right way round"
    )
    print(
        f"  error            median {mean.median:.2f} cm, mean {mean.mean:.2f} cm; "
        f"{mean.within_5cm:.1%} within 5 cm, {mean.within_10cm:.1%} within 10 cm, "
        f"{mean.beyond_30cm:.1%} beyond 30 cm"
    )
    print(f"  overlap          {mean.overlap:.3f}")
    print(f"  CPU seconds      {seconds / len(ids):.2f} a photograph")


def uv_map(person: FittedPerson, shape: tuple[int, int]) -> np.ndarray:
    """The UV map (H, W, 2) of a person on a whole photograph."""
    row, column = np.indices(shape)
    centres = np.stack([column, row], axis=-1) + 0.5
    points = person.sighting.square.within(centres) * SIDE - 0.5
    return person.warp().uv(points)


def errors(uv: np.ndarray, true: np.ndarray) -> Errors:
    """Of a UV map (H, W, 2) beside the exact one."""
    ours, theirs = places(uv), places(true)
    here, there = ~np.isnan(uv[..., 0]), ~np.isnan(true[..., 0])
    both = here & there
    off = 100 * np.linalg.norm(ours - theirs, axis=-1)[both]
    x, _, z = np.moveaxis(theirs, -1, 0)
    with np.errstate(invalid="ignore"):
        torso = both & (np.abs(x) < 0.15) & (z > 0.1) & (z < 0.55)
    sides = np.sign(ours[torso][:, 1]) == np.sign(theirs[torso][:, 1])
    return Errors(
        float(np.median(off)),
        float(off.mean()),
        float((off < 5).mean()),
        float((off < 10).mean()),
        float((off > 30).mean()),
        float(both.sum() / (here | there).sum()),
        bool(sides.mean() > 0.5),
    )


def places(uv: np.ndarray) -> np.ndarray:
    """The places (H, W, 3), in metres on the average adult, that a UV map (H, W, 2) names."""
    on = ~np.isnan(uv[..., 0])
    out = np.full((*on.shape, 3), np.nan)
    column, row = np.rint((uv[on] + 1) / 2 * (SHEET - 1)).astype(int).clip(0, SHEET - 1).T
    out[on] = _sheet()[row, column]
    return out


@functools.cache
def sheet_faces() -> tuple[np.ndarray, np.ndarray]:
    """The face (SHEET, SHEET) of each texel, off the charts the nearest's, and weights in it."""
    sheet = bodies.template().sheet
    face, weights, _ = rasterise(sheet.screen(SHEET), sheet.uv_faces, SHEET, SHEET)
    row, column, _ = nearest(face >= 0)
    return face[row, column], weights[row, column]


@functools.cache
def _sheet() -> np.ndarray:
    """The place (SHEET, SHEET, 3) of each texel."""
    template = bodies.template()
    face, weights = (values.reshape(SHEET**2, -1) for values in sheet_faces())
    canonical = template.canonical.astype(np.float64)
    return interpolate(canonical, template.sheet.faces, face[:, 0], weights).reshape(
        SHEET, SHEET, 3
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", default=str(SAMPLE), help="of `reposer synthesize`")
    parser.add_argument("--each", action="store_true", help="print a line a photograph")
    main(**vars(parser.parse_args()))
