"""Lists of pairs to score, and models that were trained on some of their images."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from models.checkpoint import save, trained_on, training_images
from models.config import ModelConfig
from models.generator import Generator
from models.inpainter import Inpainter
from pipelines.cli import main
from pipelines.evaluation.splits import Overlap, Split, overlap, read_images
from pipelines.runs.plan import Plan
from tests.helpers.catalogs import rows_of, write_catalog, write_pairs
from tests.helpers.commands import wrong
from tests.helpers.evaluations import (
    CHEAP,
    evaluate,
    names,
    page_of,
    summary_of,
    write_folders,
    write_renders,
)
from workers.data.catalog import Catalog
from workers.data.contents import content_key
from workers.data.storage import Store
from workers.shards.keys import Keys
from workers.shards.rows import ScoreKey


def test_a_split_is_its_pairs_in_any_order_and_spelling(tmp_path: Path) -> None:
    pairs = names(6)
    one = Split(write_pairs(tmp_path / "one.csv", pairs))
    other = [(a.replace("fashionWOMENDressesid", "WOMEN/Dresses/id_"), b) for a, b in pairs[::-1]]
    assert Split(write_pairs(tmp_path / "other.csv", other)).id == one.id
    assert Split(write_pairs(tmp_path / "fewer.csv", pairs[1:])).id != one.id
    twice = [pairs[0], (pairs[0][0].replace("fashion", "fasion"), pairs[0][1])]
    with pytest.raises(ValueError, match="in two spellings"):
        Split(write_pairs(tmp_path / "twice.csv", twice))


def test_a_split_lists_the_pairs_that_it_names(tmp_path: Path) -> None:
    renders, catalog = write_renders(str(tmp_path), ids=["1_12", "1_13", "11_2", "11_3"])
    split = write_pairs(tmp_path / "one.csv", [("1_12.jpg", "1_13.jpg")])
    call = [f"renders={renders}", f"catalog={catalog}", CHEAP, f"split={split}"]
    assert evaluate(*call, f"out={tmp_path}/out") == 0
    (row,) = rows_of(f"{tmp_path}/out", "scores")
    assert (row["source"], row["reference"], row["status"]) == ("1_12", "1_13", "ok")
    both = write_pairs(tmp_path / "both.csv", [("1_12", "1_13"), ("11_2", "11_3")])
    assert len(Split(both).pairs) == 2


def test_a_list_is_scored_each_and_no_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generated, reference = write_folders(str(tmp_path))
    image = "fashionWOMENTees_Tanksid0000000901_1front.jpg"
    absent = (image, image)
    split = write_pairs(tmp_path / "split.csv", [*names(5), absent])
    call = [f"generated={generated}", f"reference={reference}", CHEAP, f"out={tmp_path}/out"]
    assert evaluate(*call, f"split={split}", "max_failed_fraction=0.5") == 0
    row = summary_of(f"{tmp_path}/out")["generated", "l1"]
    assert (row["n"], row["failed"], row["split"]) == (5, 1, Split(split).id)
    (failed,) = [r for r in rows_of(f"{tmp_path}/out", "scores") if r["status"] == "failed"]
    assert failed["error_type"] == "MissingImage"
    assert "3 pairs left out, that split= does not list" in capsys.readouterr().err
    other = write_pairs(tmp_path / "other.csv", [absent])
    assert evaluate(*call, f"split={other}") == 2
    assert "lists none of the 8 pairs" in capsys.readouterr().err


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog, a checkpoint trained on two of its four images, and its renders."""
    folder = tmp_path_factory.mktemp("trained")
    ids = write_catalog(f"{folder}/catalog", 4)
    listed = folder / "train.lst"
    listed.write_text("\n".join(ids[:2]))
    torch.manual_seed(0)
    config = ModelConfig(inpainter_width=4, generator_width=8, texture_size=48)
    seen = "\n".join(sorted(read_images(str(listed)))).encode()
    networks = {"inpainter": Inpainter(4), "generator": Generator(8)}
    files = save(config, networks, "Made for a test.", seen)
    for name, data in files.items():
        Store(f"{folder}/checkpoint").put(name, data)
    call = [f"catalog={folder}/catalog", f"poses={folder}/catalog", f"model={folder}/checkpoint"]
    assert main(["render", *call, f"out={folder}/renders", "execution.engine=local"]) == 0
    return folder


def test_training_images_are_refused_unless_forced_and_then_marked(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = [f"renders={trained}/renders", f"catalog={trained}/catalog", CHEAP]
    assert evaluate(*call, f"out={tmp_path}/out") == 2
    said = "trained on 2 of the 4 images of these pairs"
    assert said in capsys.readouterr().err
    assert evaluate(*call, f"out={tmp_path}/out", "force=true") == 0
    assert {row["forced"] for row in summary_of(f"{tmp_path}/out").values()} == {True}
    assert said in page_of(f"{tmp_path}/out")
    own = write_pairs(tmp_path / "own.csv", [("p002", "p003"), ("p003", "p002")])
    assert evaluate(*call, f"split={own}", f"out={tmp_path}/own") == 0
    assert {row["forced"] for row in summary_of(f"{tmp_path}/own").values()} == {False}


IDS = [f"img/WOMEN/Dresses/id_00000106/03_{view}" for view in ("1_front", "2_side", "3_back")]


@pytest.mark.parametrize(
    ("listed", "seen"),
    [
        (["fashionWOMENDressesid0000010603_1front.jpg"], 1),
        (["img_highres/WOMEN/Dresses/id_00000106/03_1_front.jpg", f"{IDS[1]}.jpg"], 2),
        ([r"DF\WOMEN\Dresses\id_00000106\03_1_front.jpg"], 1),
        (["deepfashionWOMENDressesid0000010603_2side.png"], 1),
        (["fashionWOMENDressesid0000010601_1front.jpg", "my photograph 1.png"], 0),
    ],
)
def test_the_guard_knows_all_spellings_and_says_when_it_knows_none(
    listed: list[str], seen: int, tmp_path: Path
) -> None:
    (tmp_path / "train.lst").write_text("\n".join(listed))
    images = read_images(str(tmp_path / "train.lst"))
    found = guarded(tmp_path, "\n".join(sorted(images)), IDS)
    assert (found.images, found.seen, found.listed) == (3, seen, len(listed))
    if seen:
        assert f"was trained on {seen} of the 3 images" in found.sentence
    else:
        assert "none of the 3 images of these pairs is among the 2" in found.sentence
        assert "not recognised" in found.sentence


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_list_of_images_may_be_any_editors(encoding: str, tmp_path: Path) -> None:
    text = "img/WOMEN/Dresses/id_00000106/03_1_front.jpg\r\nrobe à pois.jpg\r\n"
    (tmp_path / "train.lst").write_bytes(text.encode(encoding))
    known = {"womendressesid00000106031front", "robe à pois"}
    assert read_images(str(tmp_path / "train.lst")) == known


def test_lists_of_earlier_versions_guard(tmp_path: Path) -> None:
    ids = ["training_item-000000_view-00", "training_item-000001_view-00", "other_item_view-00"]
    found = guarded(tmp_path, "trainingitem000000view00\ntrainingitem000001view00", ids)
    assert (found.images, found.seen) == (3, 2)
    found = guarded(tmp_path, "1_12\n1_13", ["11_2", "11_3"])
    assert (found.images, found.seen) == (2, 0)


def guarded(folder: Path, listed: str, ids: Sequence[str]) -> Overlap:
    """What a checkpoint with a list of training images knows of some images."""
    Store(str(folder)).put("trained_on.txt", listed.encode())
    model = {"trained_on": hashlib.sha256(listed.encode()).hexdigest()}
    identity = {"model": model, "config": {"model": str(folder)}}
    keys = [ScoreKey("pair", "method", "item", None, None, i) for i in ids]
    run = Plan("render", identity, (), Keys.of(["source_id", "pose_id"], []), ())
    found = overlap(run, keys, str(folder))
    assert found
    return found


def test_a_run_that_shares_nothing_with_the_training_images_says_so(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write_pairs(tmp_path / "own.csv", [("p002", "p003"), ("p003", "p002")])
    call = [f"renders={trained}/renders", f"catalog={trained}/catalog", CHEAP, f"split={own}"]
    assert evaluate(*call, f"out={tmp_path}/out") == 0
    said = "by name, none of the 2 images of these pairs is among the 2 that the model was trained"
    assert f"evaluate: {said}" in " ".join(capsys.readouterr().err.split())
    assert said[1:] in " ".join(page_of(f"{tmp_path}/out").split())


def test_a_checkpoint_keeps_its_list(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read = Store(f"{trained}/checkpoint").read
    known = trained_on(read)
    assert known
    assert training_images(read, known) == {"p000", "p001"}
    with pytest.raises(ValueError, match="of another checkpoint"):
        training_images(read, "0" * 64)


def test_training_images_under_other_names_are_known_by_their_content(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalog(f"{tmp_path}/training", 2, prefix="t")
    training = Catalog(f"{tmp_path}/training")
    contents = [content_key(training.photograph(i)) for i in ("t000", "t001")]
    folder = tmp_path / "checkpoint"
    torch.manual_seed(0)
    networks = {"inpainter": Inpainter(4), "generator": Generator(8)}
    small = ModelConfig(inpainter_width=4, generator_width=8, texture_size=48)
    listed = "\n".join(["t000", "t001", *contents]).encode()
    for name, data in save(small, networks, "Made for a test.", listed).items():
        Store(str(folder)).put(name, data)
    write_catalog(f"{tmp_path}/test", 4)  # the first two are the same photographs
    call = [f"catalog={tmp_path}/test", f"model={folder}", "execution.engine=local"]
    assert main(["render", *call, f"poses={tmp_path}/test", f"out={tmp_path}/renders"]) == 0
    call = [f"renders={tmp_path}/renders", f"catalog={tmp_path}/test", CHEAP]
    capsys.readouterr()
    said = wrong(capsys, "evaluate", *call, f"out={tmp_path}/out", "execution.engine=local")
    assert "trained on 2 of the 4 images of these pairs, 2 of them under other names" in said
    assert "such as 'p000'" in said
    own = write_pairs(tmp_path / "own.csv", [("p002", "p003")])
    assert evaluate(*call, f"split={own}", f"out={tmp_path}/own") == 0
    said = "by name and content, none of the 2 images of these pairs is among the 2"
    assert said in capsys.readouterr().err


def test_the_columns_of_a_split_stand_as_the_pairs_were_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = write_catalog(f"{tmp_path}/catalog", 4)
    pairs = write_pairs(tmp_path / "pairs.csv", [(ids[0], ids[1]), (ids[2], ids[3])])
    call = [f"catalog={tmp_path}/catalog", f"pairs={pairs}", "execution.engine=local"]
    assert main(["render", *call, f"out={tmp_path}/renders"]) == 0
    call = [f"renders={tmp_path}/renders", f"catalog={tmp_path}/catalog", CHEAP]
    splits = []
    for n, turn in enumerate((1, -1)):
        (tmp_path / f"{n}.txt").write_text(" ".join([f"{ids[0]}.jpg", f"{ids[1]}.jpg"][::turn]))
        assert evaluate(*call, f"split={tmp_path}/{n}.txt", f"out={tmp_path}/out{n}") == 0
        (row,) = rows_of(f"{tmp_path}/out{n}", "scores")
        assert (row["source"], row["reference"], row["status"]) == (ids[0], ids[1], "ok")
        splits.append({row["split"] for row in summary_of(f"{tmp_path}/out{n}").values()})
        which = ("the garment (source)", "the person (pose)")[::turn][0]
        assert f"{n}.txt: column 1 is {which}" in " ".join(capsys.readouterr().err.split())
    assert splits[0] == splits[1]
