"""Where turned heads look, by `extractor=facemesh`: `python -m bench.facemesh [AFLW2000]`.

Heads of the sample world are turned by known angles. With a folder of AFLW2000's photographs and
.mat files, these are measured against the poses that come with them.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat

from bench.machine import machine
from configs.facemesh import FaceMesh
from configs.synthesize import SynthesizeConfig
from models.face468 import installed, read_mesh
from workers.extraction.faces.finder import FaceFinder
from workers.extraction.faces.surface import facing
from workers.faces import TO_PICTURE, FaceWorker
from world import heads, portraits, scene

YAWS = (0, 15, 30, 45, 60, 70, 80, 90)
HEADS = 12
SIZE = 256
BANDS = (0, 20, 50, 90)  # of AFLW2000's yaw

Head = tuple[np.ndarray, np.ndarray]  # a photograph (H, W, 3) uint8, and where the head looks (3,)


def main(aflw: str | None = None) -> None:
    """Find the faces, and compare."""
    print(machine())
    task = installed()
    finder, canonical = FaceFinder(task, FaceMesh()), read_mesh(task).canonical

    def compare(name: str, photographs: list[Head]) -> None:
        off, turned = [], []
        for photograph, known in photographs:
            for face in finder(photograph):
                found = facing(face.points, canonical)
                off.append(np.degrees(np.arccos(np.clip(found @ known, -1, 1))))
                turned.append(abs(np.degrees(_yaw(found) - _yaw(known))))
        print(f"  {name:14} {len(off)} of {len(photographs)} found", end="")
        for what, values in (("yaw", turned), ("angle", off)):
            if values:
                print(f"; {what} off by {np.median(values):.1f}, at most {max(values):.1f}", end="")
        print()

    for yaw in YAWS:
        compare(f"yaw {yaw}", list(_turned(yaw)))
    if aflw:
        known = [_of_aflw(file) for file in sorted(Path(aflw).glob("*.mat"))]
        for low, high in pairwise(BANDS):
            band = [one for one in known if low <= abs(np.degrees(_yaw(one[1]))) < high]
            compare(f"AFLW {low} to {high}", band)


def _turned(degrees: float) -> Iterator[Head]:
    """People of the sample world, every other one turned to the left."""
    config = SynthesizeConfig(what="faces", items=HEADS, views=1, size=SIZE, out="nowhere")
    world = FaceWorker(config)
    for person in range(HEADS):
        view, expression = portraits.view(config.seed, person, 3)
        yaw = np.radians(degrees) * (-1) ** person
        body = portraits.OF_THE_BODY
        pose = replace(view.pose, head=(float(yaw * (1 - body)), 0.0, 0.0))
        view = replace(view, pose=pose, yaw=float(yaw * body))
        photograph = scene.render(heads.expressive(world.dressed(person), expression), view, SIZE)
        yield photograph.pixels, TO_PICTURE @ photograph.looks


def _of_aflw(file: Path) -> Head:
    """Its parameters turn heads by R = Rx Ry Rz, y up; R's third column is where they look."""
    pitch, yaw, _ = loadmat(file)["Pose_Para"][0, :3]
    looks = np.array([-np.sin(yaw), -np.sin(pitch) * np.cos(yaw), np.cos(pitch) * np.cos(yaw)])
    return np.asarray(Image.open(file.with_suffix(".jpg")).convert("RGB")), looks


def _yaw(looks: np.ndarray) -> float:
    return float(np.arctan2(looks[0], looks[2]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("aflw", nargs="?", help="a folder of AFLW2000")
    main(**vars(parser.parse_args()))
