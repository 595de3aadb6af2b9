"""`reposer study build`: what a study consists of, and what it tells nobody."""

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from eval.study.pictures import damage, equalise
from pipelines.cli import main
from tests.helpers.commands import wrong
from tests.helpers.evaluations import write_folders, write_renders
from tests.helpers.pictures import pictures
from tests.helpers.studies import (
    PNG,
    build,
    codes,
    list_files,
    session,
    small_study,
    table,
    write_methods,
)
from workers.data.images import decode, encode
from workers.data.storage import Store


@pytest.mark.real
def test_the_papers_study_of_real_pictures(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        f"side_by_side={real}/sidebyside",
        "participants=50",
        "n_pairs=80",
        "comparisons=[[OURS_DP,DSC],[OURS_DP,DPT],[OURS_DP,VUNET]]",
    ]
    said = wrong(capsys, "study", "build", *arguments, f"out={tmp_path}/study")
    assert "share 16 pairs, and a balanced study wants 80: reuse=true" in said
    assert build(*arguments, "reuse=true", f"out={tmp_path}/study") == 0
    assert "\nbalanced exactly\n" in capsys.readouterr().out
    trials = pd.DataFrame(table(tmp_path / "study", "trials"))
    main_trials = trials[trials["role"] == "main"]
    assert len(main_trials) == 80 * 50 * 3
    assert (trials["item_id"].nunique(), trials["pair_id"].nunique()) == (16, 80)
    first = main_trials["options"].str[0]
    cells = main_trials.assign(
        comparison=["·".join(sorted(o)) for o in main_trials["options"]], ours=first == "OURS_DP"
    )
    for unit, count in (("pair_id", 25), ("slot", 40)):
        assert set(cells.groupby(["comparison", "ours", unit]).size()) == {count}
    assert set(cells.groupby(["comparison", "pair_id"])["slot"].nunique()) == {50}


def test_the_key_and_the_pack_fit_together(tmp_path: Path) -> None:
    study = small_study(tmp_path, "show_source=true")
    trials = table(study, "trials")
    files = {(r["pair_id"], r["method"]): r["file"] for r in table(study, "pictures.parquet")}
    assert len({t["trial_id"] for t in trials}) == len(trials) == 4 * 7
    assert Counter(t["role"] for t in trials) == {
        "main": 16,
        "practice": 4,
        "sentinel": 4,
        "repeat": 4,
    }
    by_slot = pd.DataFrame(trials).groupby("slot")
    for slot, code in enumerate(codes(study)):
        rows = by_slot.get_group(slot).sort_values("position").to_dict("records")
        asked = session(study, code)
        assert [q["id"] for q in asked] == [r["trial_id"] for r in rows]
        for question, row in zip(asked, rows, strict=True):
            shown = [files[row["pair_id"], method] for method in row["options"]]
            assert question["options"] == shown
            above = [files[row["pair_id"], method] for method in ("source", "target")]
            assert question["above"] == above
            assert question["practice"] == (row["role"] == "practice")
    methods = tmp_path / "methods"
    for (pair_id, method), file in files.items():
        pixels = decode((study / "pack" / "images" / file).read_bytes(), 10**6)
        if method != "damaged":
            given = decode((methods / f"{pair_id}_{method}.png").read_bytes(), 10**6)
            assert np.array_equal(pixels, given)
    repeats = [t for t in trials if t["role"] == "repeat"]
    by_id = {t["trial_id"]: t for t in trials}
    for trial in repeats:
        assert by_id[trial["repeat_of"]]["options"] == trial["options"][::-1]


def test_the_pack_tells_nothing_of_methods(tmp_path: Path) -> None:
    methods = Path(write_methods(tmp_path / "methods", 4, names=("OURS", "DSC")))
    told = PngImagePlugin.PngInfo()
    told.add_text("method", "OURS")
    for path in methods.glob("*_OURS.png"):
        with Image.open(path) as image:
            image.load()
        image.save(path, pnginfo=told)
    out = tmp_path / "study"
    assert build(f"side_by_side={methods}", f"out={out}", "participants=2", "repeats=1") == 0
    for name, data in list_files(f"{out}/pack").items() | list_files(f"{out}/mturk").items():
        for secret in (b"OURS", b"DSC", b"damaged", b"sentinel", b"repeat_of", b'answer"'):
            assert secret not in data, (name, secret)
        assert not re.search("OURS|DSC", name)
        if name.endswith(".png"):
            assert set(Image.open(io.BytesIO(data)).info) == set()
    names = [file.removesuffix(".png") for file in list_files(f"{out}/pack/images")]
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)
    assert {f.split("/")[0] for f in list_files(str(out))} == {
        "design.json",
        "manifest.json",
        "mturk",
        "pack",
        "participants.csv",
        "pictures.parquet",
        "trials",
    }


def test_the_same_study_has_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).mkdir()
    first = small_study(tmp_path / "a")
    again = small_study(tmp_path / "b")
    assert list_files(str(first)) == list_files(str(again))
    other = small_study(tmp_path / "c", "seed=1")
    assert set(list_files(f"{other}/pack/sessions")) != set(list_files(f"{first}/pack/sessions"))
    louder = small_study(tmp_path / "d", size=56)  # other pictures, other names
    assert not set(codes(louder)) & set(codes(first))


def test_a_study_is_not_written_over_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = small_study(tmp_path)
    before = list_files(str(study))
    call = [
        f"side_by_side={tmp_path}/methods",
        "participants=4",
        "practice=1",
        "sentinels=1",
        "repeats=1",
        f"out={study}",
    ]
    assert build(*call) == 0
    assert list_files(str(study)) == before
    capsys.readouterr()
    said = wrong(capsys, "study", "build", *call, "seed=2")
    assert "holds another run (config.seed: 0 there, 2 now)" in said
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    said = wrong(capsys, "study", "build", *call[:-1], f"out={tmp_path}/mine")
    assert "is not empty (thesis.txt) and holds no study" in said
    assert list_files(str(study)) == before


def test_a_dry_run_prints_the_design_check_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = write_methods(tmp_path / "methods", 6)
    call = [f"side_by_side={methods}", f"out={tmp_path}/study"]
    call += ["participants=4", "participants_per_pair=2"]
    assert build(*call, "repeats=0", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "pairs          4, of 6 that all methods made" in said
    assert re.search(r"DSC · OURS +OURS +1 +1 +1\n", said)
    assert said.strip().endswith("balanced exactly")
    assert not (tmp_path / "study").exists()


def test_runs_of_render_and_folders_join_by_pair(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    renders, catalog = write_renders(f"{tmp_path}/a")
    call = [f"catalog={catalog}", "participants=2", "repeats=0", f"out={tmp_path}/study"]
    capsys.readouterr()
    said = wrong(capsys, "study", "build", f"runs=[{renders},{renders}]", *call)
    assert "two runs are named" in said
    assert build(f"runs=[{renders},{renders}]", "methods=[A,B]", *call) == 0
    trials = table(tmp_path / "study", "trials")
    assert {o for t in trials if t["role"] == "main" for o in t["options"]} == {"A", "B"}
    assert "__" in trials[0]["pair_id"]
    one, reference = write_folders(f"{tmp_path}/f", side="one")
    two, _ = write_folders(f"{tmp_path}/f", side="two", count=6)
    call = [f"runs=[{one},{two}]", "participants=2", "repeats=0"]
    said = wrong(capsys, "study", "build", *call, f"out={tmp_path}/s2")
    assert "give reference=, the folder of the photographs, or show_target=false" in said
    assert build(*call, f"reference={reference}", f"out={tmp_path}/s2") == 0
    said = capsys.readouterr().out
    assert "left out       2 of one that another method lacks" in said
    assert build(*call, "show_target=false", f"out={tmp_path}/s3") == 0
    sentinels = [t for t in table(tmp_path / "s3", "trials") if t["role"] == "sentinel"]
    assert all(set(t["options"]) == {"one", "damaged"} for t in sentinels)
    assert all(t["options"][t["answer"]] == "one" for t in sentinels)
    asked = session(tmp_path / "s3", codes(tmp_path / "s3")[0])
    assert all(question["above"] == [] for question in asked)


def test_names_that_differ_in_their_underscores_are_not_joined(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["1_12", "11_2", "1_13", "11_3", "2_1", "2_2"]
    for side in ("A", "B"):
        for name, pixels in zip(names, pictures(3, 6, 48, 48), strict=True):
            Store(f"{tmp_path}/{side}").put(f"{name}.png", encode(pixels, PNG))
    runs = [
        f"runs=[{tmp_path}/A,{tmp_path}/B]",
        "show_target=false",
        "practice=0",
        "sentinels=0",
        "repeats=0",
        "participants=4",
    ]
    assert build(*runs, f"out={tmp_path}/study") == 0
    assert {t["pair_id"] for t in table(tmp_path / "study", "trials")} == set(names)
    Store(f"{tmp_path}/B").put("1_12.jpg", b"")
    assert "1_12.png and 1_12.jpg are two images of one pair" in wrong(
        capsys, "study", "build", *runs, f"out={tmp_path}/other"
    )


def test_bad_input_gets_one_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, _ = write_folders(f"{tmp_path}/f", side="one")
    other = write_methods(tmp_path / "other")
    out, call = tmp_path / "out", ["study", "build", f"out={tmp_path}/out", "participants=2"]
    said = wrong(capsys, *call, f"runs=[{one},{other}]", "show_target=false")
    assert "the methods share no pair (for example one has" in said
    (tmp_path / "other" / "2_DSC.png").unlink()
    said = wrong(capsys, *call, f"side_by_side={other}")
    assert "DSC lacks 2, which others have" in said
    (tmp_path / "other" / "2_DSC.png").write_bytes(b"no picture")
    said = wrong(capsys, *call, f"side_by_side={other}", "repeats=0")
    assert "DSC of the pair 2: not an image file" in said
    assert "wants either runs= or side_by_side=" in wrong(capsys, *call)
    said = wrong(capsys, *call, f"side_by_side={other}", "comparisons=[[OURS,THEIRS]]")
    assert "comparisons= names THEIRS; there are DSC, OURS" in said
    said = wrong(capsys, *call, f"side_by_side={other}", "comparisons=[[OURS,OURS]]")
    assert "compares a method with itself" in said
    said = wrong(capsys, *call, f"side_by_side={other}", "participants=3")
    assert "participants=3 cannot balance sides and order exactly: use 2 or 4" in said
    said = wrong(capsys, *call, f"side_by_side={other}", "show_source=true", "methods=[NONE]")
    assert "has no method NONE (DSC, OURS)" in said
    (tmp_path / "other" / "2_DSC.png").write_bytes((tmp_path / "other" / "1_DSC.png").read_bytes())
    (tmp_path / "other" / "1_source.png").unlink()
    said = wrong(capsys, *call, f"side_by_side={other}", "show_source=true", "repeats=0")
    assert "no source photograph of 1 is known: give show_source=false" in said
    assert not out.exists()


def test_failed_renders_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    renders, catalog = write_renders(f"{tmp_path}/a", bad=[1])
    assert (
        build(
            f"runs=[{renders},{renders}]",
            "methods=[A,B]",
            f"catalog={catalog}",
            "show_target=false",
            "participants=2",
            "repeats=0",
            f"out={tmp_path}/study",
        )
        == 0
    )
    assert re.search(r"left out +3 whose render by A failed", capsys.readouterr().out)


def test_all_pictures_of_a_pair_take_the_weakest_shape(tmp_path: Path) -> None:
    folder = Path(write_methods(tmp_path / "methods", 4, size=64))
    for n in range(4):  # ours comes at twice the size, and DSC's without its borders
        with (
            Image.open(folder / f"{n}_OURS.png") as ours,
            Image.open(folder / f"{n}_DSC.png") as dsc,
        ):
            large, narrow = ours.resize((128, 128)), dsc.crop((10, 0, 54, 64))
        large.save(folder / f"{n}_OURS.png")
        narrow.save(folder / f"{n}_DSC.png")
    out = tmp_path / "study"
    call = [f"side_by_side={folder}", "participants=2", "repeats=1"]
    assert build(*call, f"out={out}") == 0
    assert {(r["width"], r["height"]) for r in table(out, "pictures.parquet")} == {(44, 64)}
    images = list((out / "pack" / "images").iterdir())
    assert {decode(path.read_bytes(), 10**6).shape for path in images} == {(64, 44, 3)}
    assert build(*call, "size=32", "image.format=jpeg", f"out={tmp_path}/small") == 0
    images = list((tmp_path / "small" / "pack" / "images").iterdir())
    assert {decode(path.read_bytes(), 10**6).shape for path in images} == {(32, 22, 3)}
    assert {path.suffix for path in images} == {".jpg"}


def test_equalised_pictures_keep_what_they_show() -> None:
    wide = pictures(1, 1, 64, 96)[0]
    alike = equalise({"wide": wide, "narrow": wide[:, 20:76]})
    assert np.array_equal(alike["wide"], alike["narrow"])  # cut around the middle
    large = np.asarray(Image.fromarray(wide).resize((192, 128), Image.Resampling.BICUBIC))
    alike = equalise({"large": large, "small": wide})
    assert alike["large"].shape == wide.shape
    assert np.abs(alike["large"].astype(int) - wide).mean() < 8
    same = equalise({"a": wide, "b": wide[::-1]})
    assert np.array_equal(same["a"], wide)
    spoiled = damage(wide)
    assert spoiled.shape == wide.shape
    assert len(np.unique(spoiled.reshape(-1, 3), axis=0)) <= 10 * 15


def test_real_or_fake_and_best_of_three(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    study = small_study(tmp_path / "a", "question=real_or_fake", "comparisons=[[OURS]]")
    trials = [t for t in table(study, "trials") if t["role"] == "main"]
    assert Counter(t["options"][0] for t in trials) == {"OURS": 8, "target": 8}
    assert all(t["answer"] == (t["options"] != ["target"]) for t in trials)
    assert json.loads((study / "pack" / "study.json").read_text())["labels"] == ["Real", "Fake"]
    (tmp_path / "b").mkdir()
    names = ("OURS", "DSC", "DPT")
    study = small_study(
        tmp_path / "b", "comparisons=[[OURS,DSC,DPT]]", "participants=6", names=names, count=6
    )
    trials = [t for t in table(study, "trials") if t["role"] == "main"]
    for place in range(3):
        assert set(Counter((t["slot"], t["options"][place]) for t in trials).values()) == {2}
        assert set(Counter((t["pair_id"], t["options"][place]) for t in trials).values()) == {2}


def test_mechanical_turks_files_fit_together_and_its_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = small_study(tmp_path, "mturk_base=https://example.org/images/")
    assert "Mechanical Turk takes" not in capsys.readouterr().out
    template = (study / "mturk" / "template.html").read_text()
    rows = list(csv.DictReader((study / "mturk" / "input.csv").read_text().splitlines()))
    assert len(rows) == 4
    used = re.findall(r"\$\{(\w+)\}", template)
    assert sorted(used) == sorted(rows[0])  # no column is missing, and none is left over
    assert "${" not in re.sub(r"\$\{\w+\}", "", template)
    for slot, code in enumerate(codes(study)):
        for n, question in enumerate(session(study, code), 1):
            row = rows[slot]
            assert row[f"trial_{n}"] == question["id"]
            assert row[f"options_{n}"].split() == question["options"]
            assert row[f"above_{n}"].split() == question["above"]
    assert re.findall(r'name="(choice_\d+)"', template) == [f"choice_{n}" for n in range(1, 8)]
    filled = [
        re.sub(r"\$\{(\w+)\}", lambda match, row=row: row[match[1]], template) for row in rows
    ]
    totals = json.loads((study / "manifest.json").read_text())["totals"]
    assert totals["hit_bytes"] == max(len(hit.encode()) for hit in filled)
    assert (
        build(
            f"side_by_side={tmp_path}/methods",
            "n_pairs=400",
            "reuse=true",
            "participants=2",
            f"out={tmp_path}/long",
        )
        == 0
    )
    assert "more than Mechanical Turk takes (65,535): ask fewer" in capsys.readouterr().out


def test_pairs_come_from_many_items(tmp_path: Path) -> None:
    one, reference = write_folders(f"{tmp_path}/f", count=8)  # of three items
    assert build(f"runs=[{one},{one}]", "methods=[A,B]", f"reference={reference}", "n_pairs=4",
                 "participants=2", "repeats=0", f"out={tmp_path}/study") == 0  # fmt: skip
    items = {t["pair_id"]: t["item_id"] for t in table(tmp_path / "study", "trials")}
    assert sorted(Counter(items.values()).values()) == [1, 1, 2]


@pytest.mark.s3
def test_a_study_may_lie_on_object_storage(store_url: str, tmp_path: Path) -> None:
    methods = write_methods(tmp_path / "methods", 2)
    assert build(f"side_by_side={methods}", "participants=2", "repeats=0", f"out={store_url}") == 0
    files = list_files(store_url)
    assert {"manifest.json", "pack/index.html", "pack/study.json"} < set(files)
    assert main(["study", "build", f"side_by_side={methods}", "participants=2", "repeats=0",
                 f"out={tmp_path}/local"]) == 0  # fmt: skip
    assert files == list_files(f"{tmp_path}/local")
