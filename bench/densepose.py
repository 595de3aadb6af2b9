"""DensePose on catalog photographs, beside the project's own command: `python -m bench.densepose`.

Needs the real photographs (REPOSER_REAL). The project's own command is measured where detectron2 is
installed and REPOSER_DETECTRON2 names its source. Weights are seeded: they find some people on a
photograph, and take the time that the model zoo's take.
"""

import argparse
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import torch

from bench.machine import machine
from tests.helpers.densepose_seeded import seeded_file

ROOT = Path(__file__).parent.parent
MODEL = "R_50_FPN_s1x"
MIN_SCORE = 0.05  # of the project's command
LOOK_SECONDS = 0.1


def main(
    photographs: int = 100,
    many: int = 1000,
    side: int = 800,
    small_side: int = 96,
    only: Sequence[str] = (),
) -> None:
    """Print start-up, images a second, and memory over few and over many photographs."""
    print(machine())
    if (real := _real()) is None:
        return print("  skipped: REPOSER_REAL names no folder")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "model_final.pkl").write_bytes(seeded_file(f"densepose_rcnn_{MODEL}"))
        for count in {1, photographs, max(many // 10, 1), many} - {0}:
            _copy(real, root / f"photos{count}", count)
        for name in only or _contenders():
            if photographs > 1:
                first, _ = _measured(name, root, 1, side)
                seconds, _ = _measured(name, root, photographs, side)
                rate = (photographs - 1) / (seconds - first)
                print(
                    f"  {name:24} {first:6.1f} s for one photograph, start-up included; "
                    f"{rate:.3f} images/s over {photographs}"
                )
            if many:
                few = max(many // 10, 1)
                peaks = [_measured(name, root, count, small_side)[1] for count in (few, many)]
                print(
                    f"  {name:24} at most {peaks[0] / 1e9:.2f} GB over {few} photographs, "
                    f"{peaks[1] / 1e9:.2f} GB over {many} (side {small_side})"
                )


def _real() -> Path | None:
    folder = Path(os.environ.get("REPOSER_REAL", ROOT.parent / "shared" / "real"))
    return folder if folder.is_dir() else None


def _copy(real: Path, folder: Path, count: int) -> None:
    """`count` photographs, the real ones again and again under other names."""
    found = sorted((real / "official_samples/source_img").glob("*.jpg"))
    found += sorted((real / "pose_with_style").glob("*[a-z].png"))
    found = [p for p in found if not p.stem.endswith(("_iuv", "_sil"))]
    found.append(real / "densepose_demo/demo_im.jpg")
    folder.mkdir(exist_ok=True)
    for i, path in zip(range(count), itertools.cycle(found), strict=False):
        shutil.copy(path, folder / f"{i:05d}{path.suffix}")


def _contenders() -> Iterator[str]:
    if importlib.util.find_spec("detectron2"):
        if "REPOSER_DETECTRON2" in os.environ:
            yield "apply_net dump"
        yield "detectron2 local"
        yield "detectron2 ray"
    yield "torchvision local"
    yield "torchvision ray"


def _command(name: str, root: Path, count: int, side: int) -> list[str]:
    photos, weights = f"{root}/photos{count}", f"{root}/model_final.pkl"
    long_side = side * 1333 // 800
    if name == "apply_net dump":
        project = Path(os.environ["REPOSER_DETECTRON2"]) / "projects/DensePose"
        yaml = project / f"configs/densepose_rcnn_{MODEL}.yaml"
        call = [
            f"{project}/apply_net.py",
            "dump",
            f"{yaml}",
            weights,
            photos,
            "--output",
            f"{root}/results.pkl",
            "--opts",
            "INPUT.MIN_SIZE_TEST",
            f"{side}",
            "INPUT.MAX_SIZE_TEST",
            f"{long_side}",
        ]
        return [sys.executable, *call, *([] if torch.cuda.is_available() else CPU)]
    backend, engine = name.split()
    keys = {
        "input": photos,
        "out": f"{root}/out-{backend}-{engine}-{count}-{side}",
        "extractor": "densepose",
        "densepose.weights": weights,
        "densepose.backend": backend,
        "densepose.min_score": MIN_SCORE,
        "densepose.short_side": side,
        "densepose.long_side": long_side,
        "execution.engine": engine,
        "max_failed_fraction": 1,
    }
    return [sys.executable, "-c", RUN, "extract", *(f"{k}={v}" for k, v in keys.items())]


CPU = ["MODEL.DEVICE", "cpu"]
RUN = "import sys; from pipelines.cli import main; sys.exit(main())"


def _measured(name: str, root: Path, count: int, side: int) -> tuple[float, float]:
    """Seconds, and the bytes that the largest process of a command held at most."""
    start, peak = time.monotonic(), 0.0
    with subprocess.Popen(
        _command(name, root, count, side),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            peak = max([peak, *_resident(process.pid)])
            time.sleep(LOOK_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{name} ended with exit code {process.returncode}")
    return time.monotonic() - start, peak


def _resident(pid: int) -> Iterator[int]:
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            yield process.memory_info().rss
    except psutil.Error:
        return


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=100, help="0: no rates")
    parser.add_argument("--many", type=int, default=1000, help="0: no memory")
    parser.add_argument("--side", type=int, default=800, help="short side for the rates")
    parser.add_argument("--small-side", type=int, default=96, help="short side for the memory")
    parser.add_argument(
        "--only",
        nargs="+",
        default=(),
        metavar="NAME",
        help="contenders, as their lines begin (default: all that run here)",
    )
    main(**vars(parser.parse_args()))
