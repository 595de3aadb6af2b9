"""The paper's pairs of faces: who is tested, which frames are sources, which are their targets."""

from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.face_pairs import Frame, held_out, pairs_to_test, pairs_to_train
from pipelines.cli import main
from tests.helpers.catalogs import write_catalog, write_faces
from tests.helpers.commands import wrong

QUARTERS = (0.25, 0.5, 0.75, 1.0)


def _facing(yaw: float) -> list[float]:
    return [float(np.sin(yaw)), 0.0, float(np.cos(yaw))]


@st.composite
def videos(draw: st.DrawFn) -> list[Frame]:
    """Frames of several people, in any order, some of them missing."""
    frames = []
    for video in range(draw(st.integers(1, 5))):
        steps = draw(st.sets(st.integers(0, 50), max_size=40))
        yaws = draw(st.lists(st.floats(-1.5, 1.5), min_size=len(steps), max_size=len(steps)))
        for step, yaw in zip(sorted(steps), yaws, strict=True):
            name = f"{video}/{6 * step:06d}"
            frames.append(Frame(name, str(video), str(video % 3), 6 * step, _facing(yaw)))
    return draw(st.permutations(frames))


@given(videos(), st.booleans())
def test_sources_have_distinct_targets_of_their_video(frames: list[Frame], itself: bool) -> None:
    known = {frame.image_id: frame for frame in frames}
    pairs = pairs_to_test(frames, 120, QUARTERS, itself)
    sources = dict.fromkeys(a for a, _ in pairs)
    assert len(set(pairs)) == len(pairs)
    for source in sources:
        targets = [b for a, b in pairs if a == source]
        video = [f for f in frames if f.video == known[source].video]
        assert known[source].number % 120 == 0
        assert {known[b].video for b in targets} == {known[source].video}
        assert itself or source not in targets
        assert len(targets) == min(4, len(video) - (not itself))
    alone = {f.video for f in frames if sum(g.video == f.video for g in frames) == 1}
    expected = {f.image_id for f in frames if f.number % 120 == 0}
    assert set(sources) == {a for a in expected if itself or known[a].video not in alone}


@given(videos(), st.randoms(use_true_random=False))
def test_the_order_of_the_table_does_not_matter(frames: list[Frame], random: Random) -> None:
    other = random.sample(frames, len(frames))
    assert pairs_to_test(frames, 120, QUARTERS) == pairs_to_test(other, 120, QUARTERS)
    assert pairs_to_train(frames, 3, 1) == pairs_to_train(other, 3, 1)


@given(st.sets(st.text(), min_size=1), st.floats(0, 1), st.integers())
def test_a_share_of_the_subjects_is_tested(subjects: set[str], share: float, seed: int) -> None:
    tested = held_out(subjects, share, seed)
    assert tested <= subjects
    assert len(tested) == round(share * len(subjects))
    assert held_out(sorted(subjects, reverse=True), share, seed) == tested


def test_the_papers_numbers_are_met() -> None:
    subjects = [f"{n:03d}" for n in range(114)]
    assert len(held_out(subjects, 0.2, 0)) == 23
    assert held_out(subjects, 0.2, 0) != held_out(subjects, 0.2, 1)


def test_targets_are_at_the_quartiles() -> None:
    """A head that turns evenly away, and whose frames are known by their cosines."""
    cosines = np.linspace(1, 0, 101)
    frames = [Frame(f"{n}", "v", "v", n, _facing(np.arccos(c))) for n, c in enumerate(cosines)]
    pairs = pairs_to_test(frames, 200, (0, 0.25, 0.5, 0.75, 1))
    assert pairs == [("0", "100"), ("0", "75"), ("0", "50"), ("0", "26"), ("0", "1")]
    assert pairs_to_test(frames, 200, (1,), itself=True) == [("0", "0")]


def test_frames_are_trained_with_others_of_their_video() -> None:
    frames = [Frame(f"{v}/{n}", v, v, n, _facing(n)) for v in "ab" for n in range(5)]
    pairs = pairs_to_train(frames, 3, 0)
    assert len(pairs) == len(set(pairs)) == 2 * 5 * 3
    assert all(a[0] == b[0] and a != b for a, b in pairs)
    assert len(pairs_to_train(frames, 99, 0)) == 2 * 5 * 4
    assert pairs_to_train(frames, 3, 1) != pairs


# --- the command


def _catalog(folder: Path, frames: int = 50) -> str:
    """Five videos."""
    ids = [f"{s:03d}/{6 * n:06d}" for s in range(5) for n in range(frames)]
    write_faces(folder, ids, [_facing(0.02 * n) for n in range(len(ids))])
    return str(folder)


def test_tables_of_pairs_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog, out = _catalog(tmp_path / "faces"), tmp_path / "protocol"
    call = ["faces", "plan", f"catalog={catalog}", f"out={out}"]
    assert main(call) == 0
    said = capsys.readouterr().out
    assert f"{out}/test.csv: 1 subject, 3 sources, 12 pairs\n" in said
    assert f"{out}/train.csv: 4 subjects, 3,200 pairs\n" in said
    train, test = (pd.read_csv(out / f"{name}.csv") for name in ("train", "test"))
    assert list(test.columns) == ["from", "to"]
    subjects = [{name[:3] for name in t.to_numpy().ravel()} for t in (train, test)]
    assert not subjects[0] & subjects[1]
    assert len(subjects[0]) == 4
    renders = ["model=symmetry", "execution.engine=local", f"out={tmp_path / 'renders'}"]
    assert main(["render", f"catalog={catalog}", f"pairs={out}/test.csv", *renders]) == 0
    assert main(call) == 0  # the same again
    capsys.readouterr()
    assert "use another out=" in wrong(capsys, *call, "seed=5")


def test_what_is_left_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = _catalog(tmp_path / "faces", frames=3)
    assert main(["faces", "plan", f"catalog={catalog}", f"out={tmp_path}/o", "test=1"]) == 0
    said = capsys.readouterr().out
    assert "note           10 targets fewer: videos are too short\n" in said
    assert "train.csv" not in said
    ids = ["a/000000", "a/000006", "a/000012", "a/cover", "a/000000@2"]
    facing = [_facing(0), _facing(1), None, _facing(1), _facing(1)]
    write_faces(tmp_path / "b", ids, facing)
    assert main(["faces", "plan", f"catalog={tmp_path}/b", f"out={tmp_path}/p", "test=1"]) == 0
    said = capsys.readouterr().out
    assert "left out: 2 photographs whose id names no frame\n" in said
    assert "left out: 1 photograph without facing in faces/\n" in said
    assert pd.read_csv(tmp_path / "p/test.csv").to_numpy().tolist() == [["a/000000", "a/000006"]]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["test=0.01"], "5 subjects, of which test=0.01 leaves none to be tested"),
        (["quantiles=[]"], "quantiles"),
        (["quantiles=[2]"], "quantiles"),
    ],
)
def test_mistakes_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], keys: list[str], said: str
) -> None:
    catalog = _catalog(tmp_path / "faces", frames=2)
    assert said in wrong(capsys, "faces", "plan", f"catalog={catalog}", f"out={tmp_path}/o", *keys)


def test_a_catalog_of_other_photographs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalog(f"{tmp_path}/people", 2)
    call = ["faces", "plan", f"catalog={tmp_path}/people", f"out={tmp_path}/o"]
    assert "faces" in wrong(capsys, *call)
