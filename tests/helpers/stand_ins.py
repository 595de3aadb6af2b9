"""Small files under the names that the examples of README and docs/ use."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from assets import SAMPLE
from configs.extract import ExtractConfig
from configs.render import RenderConfig
from pipelines import extract, render
from tests.conftest import ROOT
from tests.helpers.answered import as_database, as_json, as_mturk, respond, trials_of
from tests.helpers.catalogs import StandIn, write_catalog, write_faces, write_pairs
from tests.helpers.evaluations import names, write_folders
from tests.helpers.parsings import file_of, parsed
from tests.helpers.pictures import pictures
from tests.helpers.seeded import write_authors_files
from tests.helpers.skeletons import STANDING, controlnet, openpose
from tests.helpers.studies import write_methods
from tests.helpers.videos import write_video
from workers.data.catalog import Catalog
from workers.data.storage import Store

SIDE = 176  # pixels: `ms_ssim` wants more than 160
SMALL = 64


def photographs(folder: Path, lookup: np.ndarray) -> None:
    """PHOTOS of people with IUV images, the same maps in IUV_PNGS, photos.csv, and a lookup."""
    rows = []
    for name, view in (("front", 0), ("back", 3)):
        pixels = Catalog(str(SAMPLE)).photograph(f"item-000000_view-{view:02d}")
        iuv = np.zeros_like(pixels)
        iuv[8:-8, 8:-8] = (2, 100, 200)
        for path, content in (
            (f"PHOTOS/{name}.jpg", pixels),
            (f"PHOTOS/{name}_IUV.png", iuv),
            (f"IUV_PNGS/{name}.png", iuv),
        ):
            (folder / path).parent.mkdir(exist_ok=True)
            Image.fromarray(content).save(folder / path)
        rows.append((name, f"PHOTOS/{name}.jpg", f"PHOTOS/{name}_IUV.png"))
    pd.DataFrame(rows, columns=["image_id", "image", "iuv"]).to_csv(
        folder / "photos.csv", index=False
    )
    np.save(folder / "smpltexmap.npy", lookup)


def videos(folder: Path) -> None:
    """A video of a photograph in VIDEOS, and as clip.mp4."""
    pixels = Catalog(str(SAMPLE)).photograph("item-000000_view-00")
    for name in ("VIDEOS/walk.mov", "clip.mp4"):
        write_video(folder / name, [pixels] * 8)


def faces(folder: Path) -> None:
    """FACES, frames of two videos."""
    ids = [f"{video}/{number:06d}" for video in ("001", "002") for number in range(0, 130, 6)]
    turns = np.linspace(-1, 1, len(ids))
    facing = np.stack([np.sin(turns), 0 * turns, np.cos(turns)], axis=1)
    write_faces(folder / "FACES", ids, facing.tolist())


def parsings(folder: Path) -> None:
    """PARSINGS of the photographs, in LIP's numbers."""
    (folder / "PARSINGS").mkdir()
    for name, view in (("front", 0), ("back", 3)):
        codes = Catalog(str(SAMPLE)).segmentation(f"item-000000_view-{view:02d}")
        (folder / f"PARSINGS/{name}.png").write_bytes(file_of(parsed(codes, "lip")))


def catalogs(folder: Path) -> None:
    """A catalog and poses; pairs.csv; a checkpoint."""
    ids = write_catalog(f"{folder}/catalog", 4, size=SMALL)
    write_catalog(f"{folder}/poses", 2, prefix="pose", size=SMALL)
    write_pairs(folder / "pairs.csv", [(ids[0], ids[1]), (ids[1], ids[2])])
    (folder / "checkpoint").symlink_to(ROOT / "assets" / "small")


def skeletons(folder: Path) -> None:
    """POSES.json, and a folder SKELETONS with a folder of skeletons."""
    (folder / "POSES.json").write_text(controlnet(STANDING))
    (folder / "SKELETONS" / "set").mkdir(parents=True)
    (folder / "SKELETONS" / "set" / "pose.json").write_text(openpose(STANDING))


def fitted(folder: Path) -> None:
    """posed, a catalog with the saved fits of PHOTOS; and facing.csv, which way they face."""
    lines = [f"{name},PHOTOS/{name}.jpg,{name}" for name in ("front", "back")]
    (folder / "facing.csv").write_text("\n".join(["image_id,image,facing", *lines]))
    config = ExtractConfig.model_validate({
        "input": f"{folder}/PHOTOS", "out": f"{folder}/posed", "extractor": "bodyfit",
        "bodyfit": {"save": True}, "execution": {"engine": "local"},
    })  # fmt: skip
    assert extract.run(config) == 0


def remote_catalogs(bucket: str) -> None:
    """A catalog and poses in a bucket, and some pairs of them."""
    ids = write_catalog(f"{bucket}/catalog", 4, size=SMALL)
    poses = write_catalog(f"{bucket}/poses", 2, prefix="pose", size=SMALL)
    Store(bucket).put("hundred.csv", f"from,to\n{ids[0]},{poses[0]}\n".encode())


def runs(folder: Path, named: Sequence[str]) -> None:
    """Runs of render over a catalog, by two models in turn."""
    for number, name in enumerate(named):
        config = RenderConfig.model_validate(
            {
                "catalog": f"{folder}/catalog",
                "poses": f"{folder}/catalog",
                "out": f"{folder}/{name}",
                "execution": {"engine": "local"},
            }
        )
        assert render.run(config, load_model=StandIn if number % 2 else None) == 0


def rendered(folder: Path) -> None:
    """The run renders, with a failed row."""
    catalogs(folder)
    write_pairs(folder / "some.csv", [("p000", "p001"), ("p000", "gone"), ("p002", "p001")])
    values = {
        "catalog": f"{folder}/catalog",
        "pairs": f"{folder}/some.csv",
        "out": f"{folder}/renders",
        "execution": {"engine": "local"},
        "max_failed_fraction": 1,
    }
    assert render.run(RenderConfig.model_validate(values), load_model=StandIn) == 0


def schedule(folder: Path) -> None:
    """The config evaluate.yaml, and a run to score."""
    catalogs(folder)
    runs(folder, ["scored"])
    config = {"renders": "scored", "catalog": "catalog", "metrics": ["l1"], "out": "evaluations"}
    (folder / "evaluate.yaml").write_text(yaml.safe_dump(config))


def images(folder: Path, sides: Sequence[str], count: int = 12) -> None:
    """PHOTOGRAPHS, and folders of images generated of them."""
    for noise, side in enumerate(sides, start=1):
        write_folders(str(folder), count, noise=10 * noise, size=SIDE, side=side)
    (folder / "reference").rename(folder / "PHOTOGRAPHS")


def methods(folder: Path) -> None:
    """FOLDER of N_METHOD.png of three methods, and STRIPS."""
    write_methods(folder / "FOLDER", 12, SIDE, ("OURS", "DSC", "DPT"))
    (folder / "STRIPS").mkdir()
    truth = pictures(3, 2, SIDE, SIDE)
    for (source, target), pixels in zip(names(2), truth, strict=True):
        strip = np.concatenate([pixels, pixels, 255 - pixels], axis=1)
        Image.fromarray(strip).save(folder / "STRIPS" / f"{source}_{target}.png")


def listed_pairs(folder: Path) -> None:
    """pairs.csv of a synthesized world."""
    write_pairs(folder / "pairs.csv", [("item-000000_view-00", "item-000000_view-01")])


def across(folder: Path) -> None:
    """across.csv, a pair of two items of a synthesized world."""
    write_pairs(folder / "across.csv", [("item-000002_view-00", "item-000000_view-01")])


def authors(folder: Path) -> None:
    """The authors' two files, seeded, and a list of training images."""
    f, g = write_authors_files(folder)
    assert (f.name, g.name) == ("inpainter.pth", "refiner.pth")
    (folder / "train.lst").write_text("fashionWOMENDressesid0000010603_1front.jpg\n")


def survey(folder: Path) -> None:
    """Survey.csv and questions.csv of a study that was not built here."""
    rng = np.random.default_rng(0)
    votes = {"WorkerId": [f"w{n}" for n in range(12)]}
    votes |= {f"Answer.q{n}": rng.choice(["A", "B"], 12).tolist() for n in (1, 2, 3)}
    pd.DataFrame(votes).to_csv(folder / "Survey.csv", index=False)
    shown = [(f"{n}_method_ours.png", f"{n}_method_theirs.png") for n in range(3)]
    pd.DataFrame(shown, columns=["image_A_url", "image_B_url"]).to_csv(
        folder / "questions.csv", index=False
    )


def take_part(study: Path) -> None:
    """What the participants of a study leave: on the server, as files, and on Mechanical Turk."""
    trials = trials_of(study)
    responses = respond(trials, trials["options"].iloc[0][0])
    as_database(responses, study / "answers.db")
    as_json(responses, study.parent / "ANSWERS")
    as_mturk(study, responses, study.parent / "results.csv")
