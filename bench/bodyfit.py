"""How far fitted UV maps are from the exact ones of the sample world: `python -m bench.bodyfit`.

The error of a pixel is the distance, on the average adult, between the point of the body that its
map names and the true one. Counted where both maps have the person; averages are over photographs.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from bench.machine import machine
from configs.bodyfit import BodyFit
from workers.data.catalog import Catalog
from workers.extraction.bodyfit import SIDE
from workers.extraction.bodyfit.people import BodyFitter, FittedPerson
from workers.map_errors import Errors, errors

SAMPLE = Path(__file__).parent.parent / "assets" / "sample"
WINDOW = 16  # photographs at once


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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", default=str(SAMPLE), help="of `reposer synthesize`")
    parser.add_argument("--each", action="store_true", help="print a line a photograph")
    main(**vars(parser.parse_args()))
