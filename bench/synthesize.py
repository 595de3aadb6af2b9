"""Seconds a stage and images a second of the sample world: `python -m bench.synthesize`."""

import time
from collections.abc import Callable

import numpy as np

from configs.synthesize import SynthesizeConfig
from models.raster import rasterise
from workers.synthesis import SynthesizeWorker, image_ids
from world import bodies, figures, poses, scene, studio, wardrobe


def main(items: int = 8, views: int = 4, size: int = 256) -> None:
    start = time.perf_counter()
    template = bodies.template()
    print(f"{'read the bodies (once a process)':36} {time.perf_counter() - start:8.3f} s")
    worker = SynthesizeWorker(SynthesizeConfig(out="unused", items=items, views=views, size=size))
    next(worker([("item-000000_view-00",)]))  # compiles
    print(f"{'with compilation (cached on disk)':36} {time.perf_counter() - start:8.3f} s")

    look = wardrobe.look(0, 0, 0)
    figure = figures.dress(look)
    view = studio.view(0, 0, 0)
    turns = poses.rotations(view.pose, figure.body.joints)
    photograph = scene.render(figure, view, size)
    screen = photograph.camera.project(photograph.vertices)
    stages: dict[str, Callable[[], object]] = {
        "dress a figure (once an item)": lambda: figures.dress(look),
        "pose it": lambda: bodies.pose(figure.body.vertices, figure.body.joints, turns),
        "rasterise its UV map": lambda: rasterise(screen, template.sheet.faces, size, size),
        "render a view (pose, UV map, photo)": lambda: scene.render(figure, view, size),
    }
    for name, stage in stages.items():
        print(f"{name:36} {_best(stage):8.4f} s")

    keys = image_ids(worker.config)
    start, cpu = time.perf_counter(), time.process_time()
    list(worker([(key,) for key in keys]))
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"{len(keys)} images of {size}x{size}, encoded: {len(keys) / wall:.1f} images/s, "
        f"{len(keys) / cpu:.1f} a CPU second"
    )


def _best(stage: Callable[[], object], rounds: int = 5) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        stage()
        times.append(time.perf_counter() - start)
    return float(np.min(times))


if __name__ == "__main__":
    main()
