"""Videos as photographs: their frames are ffmpeg's, and broken files spoil no others."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cli import main
from tests.helpers.commands import wrong
from tests.helpers.faces import turned, write_data, write_face
from tests.helpers.videos import picture, write_sound, write_video
from workers.data.catalog import Catalog
from workers.data.errors import BadVideo
from workers.data.images import decode
from workers.data.storage import Store
from workers.data.videos import contents, file_of, frame_of, frame_url, frames, upright
from workers.extraction.extraction import Photo
from workers.extraction.files import PhotographFiles

MANY = 10**8  # pixels
KINDS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "h264.mkv": {},
    "h264.avi": {},
    "mpeg4.avi": {"codec": "mpeg4"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "deep.mkv": {"codec": "ffv1", "pixel_format": "yuv420p10le"},
    "wide.mov": {"pixel_format": "yuv444p"},
    "times.mp4": {"times": [n * (n + 1) // 2 for n in range(40)]},
    "left.mp4": {"turned": (90, False)},
    "down.mov": {"turned": (180, False)},
    "right.mp4": {"turned": (-90, False)},
    "mirrored.mp4": {"turned": (90, True)},
}


def _good(made: np.ndarray | BadVideo) -> np.ndarray:
    assert isinstance(made, np.ndarray), made
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_ffmpegs(tmp_path: Path, kind: str) -> None:
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("there is no ffmpeg on this machine")
    video = write_video(tmp_path / kind, 40, **KINDS[kind])
    made = [_good(frame) for frame in frames(str(video), range(40), MANY)]
    call = [ffmpeg, "-v", "error", "-i", str(video), "-pix_fmt", "rgb24"]
    told = subprocess.run([*call, "-f", "framemd5", "-"], capture_output=True, check=True)
    hashes = re.findall(r"[0-9a-f]{32}", told.stdout.decode())
    assert len(hashes) == 40
    if kind == "mpeg4.avi":  # MPEG-4 Part 2 lets decoders round as they like, and versions do
        raw = subprocess.run([*call, "-f", "rawvideo", "-"], capture_output=True, check=True)
        other = np.frombuffer(raw.stdout, np.uint8).reshape(40, *made[0].shape)
        assert np.abs(np.stack(made).astype(int) - other).max() <= 3
    else:
        assert [hashlib.md5(frame.tobytes()).hexdigest() for frame in made] == hashes


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_in_their_order_and_upright(tmp_path: Path, kind: str) -> None:
    video = write_video(tmp_path / kind, 40, **KINDS[kind])
    assert contents(str(video)).frames == 40
    degrees, mirrored = KINDS[kind].get("turned", (0, False))
    for number, frame in zip((0, 1, 17, 39), frames(str(video), (0, 1, 17, 39), MANY), strict=True):
        expected = np.rot90(picture(number), degrees // 90)
        expected = expected[:, ::-1] if mirrored else expected
        assert _good(frame).shape == expected.shape
        error = np.abs(_good(frame).astype(int) - expected)
        # Another frame would be off by 20: its square is elsewhere.
        assert error.mean() < 8


@pytest.mark.parametrize("kind", ["h264.mp4", "h264.mkv", "h264.avi", "mpeg4.avi", "vp9.webm"])
def test_a_stretch_begins_where_it_likes(tmp_path: Path, kind: str) -> None:
    """What is sought, from frame 300 on, is what decoding from the first frame gives."""
    video = str(write_video(tmp_path / kind, 400, **KINDS[kind]))
    whole = [_good(frame) for frame in frames(video, range(400), MANY)]
    for first in (299, 300, 311, 312, 313, 371, 399):
        (found,) = frames(video, [first], MANY)
        np.testing.assert_array_equal(_good(found), whole[first])


def test_display_matrices_turn_pictures() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    for matrix, expected in (
        ([[1, 0], [0, 1]], [[0, 1, 2], [3, 4, 5]]),
        ([[-1, 0], [0, 1]], [[2, 1, 0], [5, 4, 3]]),
        ([[0, 1], [-1, 0]], [[3, 0], [4, 1], [5, 2]]),  # x goes down, y to the left: clockwise
        ([[0, 1], [1, 0]], [[0, 3], [1, 4], [2, 5]]),
    ):
        assert upright(pixels, np.array(matrix))[..., 0].tolist() == expected


@given(st.text(min_size=1), st.sampled_from(["avi", "MP4", "mov", "mkv", "webm"]), st.integers(0))
def test_urls_of_frames_are_read_back(name: str, extension: str, number: int) -> None:
    video = f"{name}.{extension}"
    assert frame_of(frame_url(video, number)) == (video, number)
    assert file_of(frame_url(video, number)) == video
    assert frame_of(video) is None
    assert file_of(f"{video}#7.jpg") == f"{video}#7.jpg"


def test_files_of_photographs_may_be_asked_for_in_any_order(tmp_path: Path) -> None:
    videos = [str(write_video(tmp_path / f"{n}.mkv", 40, "ffv1", "yuv444p")) for n in range(2)]
    photos = [
        Photo(f"{n}/{number}", frame_url(video, number))
        for n, video in enumerate(videos)
        for number in range(40)
    ]
    for order in (range(80), range(79, -1, -1), [3, 3, 50, 0, 79, 4]):
        files = PhotographFiles(photos, MANY)
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(files, [str(photos[i].image) for i in order])
            for i, data in zip(order, found, strict=True):
                error = np.abs(decode(data, MANY).astype(int) - picture(i % 40))
                assert error.max() <= 4


# --- as input of `extract`


def _extract(out: Path | str, *keys: str) -> int:
    return main(["extract", f"out={out}", "execution.engine=local", "size=native", *keys])


def _rows(out: Path | str) -> pd.DataFrame:
    images = pd.read_parquet(f"{out}/images")[["image_id", "item_id"]]
    return images.merge(pd.read_parquet(f"{out}/uv_maps"), on="image_id").set_index("image_id")


@pytest.fixture
def maps(tmp_path: Path) -> Callable[..., str]:
    """Writes UV maps by name, and names their folder."""

    def write(*names: str) -> str:
        for name in names:
            path = tmp_path / "maps" / f"{name}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            uv = np.stack(np.meshgrid(np.linspace(-1, 1, 128), np.linspace(-1, 1, 96)), axis=-1)
            np.save(path, uv.astype(np.float32))
        return str(tmp_path / "maps")

    return write


def test_each_sixth_frame_of_a_video_is_a_photograph(
    tmp_path: Path, maps: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_video(tmp_path / "clip.mp4", 20)
    uv = maps("000000", "000006", "000012", "000018", "000019")
    assert _extract(tmp_path / "out", f"input={video}", f"uv={uv}") == 0
    assert "20 frames of videos (1): 4 photographs" in capsys.readouterr().err
    catalog, rows = Catalog(str(tmp_path / "out")), _rows(tmp_path / "out")
    names = [f"clip/{number:06d}" for number in (0, 6, 12, 18)]
    assert rows.index.tolist() == names
    assert set(rows["item_id"]) == {"clip"}
    expected = frames(str(video), (0, 6, 12, 18), MANY)
    for name, frame in zip(names, expected, strict=True):
        np.testing.assert_array_equal(catalog.photograph(name), _good(frame))


def test_300vw_and_patterns_are_read(tmp_path: Path, maps: Callable[..., str]) -> None:
    for subject in ("001", "112"):
        write_video(tmp_path / "300VW" / subject / "vid.avi", 12, "mpeg4")
        (tmp_path / "300VW" / subject / "annot").mkdir()
    maps(*(f"{subject}/{number:06d}" for subject in ("001", "112") for number in (0, 10)))
    uv = f"uv={tmp_path}/maps/*/*.npy"
    for n, given_as in enumerate(("300VW", "300VW/*/vid.avi", "300VW/*/*")):
        assert _extract(tmp_path / f"{n}", f"input={tmp_path}/{given_as}", uv, "every=10") == 0
        rows = _rows(tmp_path / f"{n}")
        assert rows.index.tolist() == ["001/000000", "001/000010", "112/000000", "112/000010"]
        assert rows["item_id"].tolist() == ["001", "001", "112", "112"]


def test_a_shard_is_a_stretch_of_a_video_and_resumes(
    tmp_path: Path, maps: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        write_video(tmp_path / "videos" / f"{name}.mp4", 30)
    maps(*(f"{name}/{number:06d}" for name in ("a", "b") for number in range(30)))
    call = [f"input={tmp_path}/videos", f"uv={tmp_path}/maps/*/*", "every=2"]
    assert _extract(tmp_path / "out", *call, "shard_rows=20") == 0
    files = sorted((tmp_path / "out/uv_maps").glob("*.parquet"))
    assert [len(pd.read_parquet(file)) for file in files] == [15, 15]  # a video each
    whole = _rows(tmp_path / "out")["uv"]
    assert _extract(tmp_path / "parts", *call, "shard_rows=4") == 0
    pd.testing.assert_series_equal(whole, _rows(tmp_path / "parts")["uv"])
    assert _extract(tmp_path / "out", *call) == 0
    capsys.readouterr()
    assert _extract(tmp_path / "out", *call[:2], "every=3") == 2
    assert "every" in capsys.readouterr().err


def test_a_table_names_frames(tmp_path: Path, maps: Callable[..., str]) -> None:
    write_video(tmp_path / "clip.mov", 10)
    uv = maps("chosen")
    table = tmp_path / "frames.csv"
    table.write_text(f"image_id,image,uv\nchosen,clip.mov#7,{uv}/chosen.npy\n")
    assert _extract(tmp_path / "out", f"input={table}") == 0
    (expected,) = frames(str(tmp_path / "clip.mov"), [7], MANY)
    found = Catalog(str(tmp_path / "out")).photograph("chosen")
    np.testing.assert_array_equal(found, _good(expected))


def test_broken_videos_are_failed_rows_and_good_frames_stay(
    tmp_path: Path, maps: Callable[..., str]
) -> None:
    folder = tmp_path / "videos"
    names = [f"{name}/{n:06d}" for name in ("cut", "headless") for n in range(0, 120, 6)]
    maps(*names, *(f"{name}/000000" for name in ("sound", "text", "empty", "good", "playlist")))
    write_video(folder / "good.mp4", 3)
    cut = write_video(folder / "cut.mp4", 120, movflags="faststart")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    headless = write_video(folder / "headless.mp4", 20)
    headless.write_bytes(headless.read_bytes()[:-2000])
    write_sound(folder / "sound.mp4")
    (folder / "text.avi").write_text("<html>not found</html>")
    (folder / "empty.mkv").write_bytes(b"")
    listed = f"#EXTM3U\n#EXTINF:1,\nfile:{folder}/good.mp4\n#EXT-X-ENDLIST\n"
    (folder / "playlist.webm").write_text(listed)
    call = [f"input={folder}", f"uv={tmp_path}/maps/*/*", "max_failed_fraction=1"]
    assert _extract(tmp_path / "out", *call) == 0
    rows = _rows(tmp_path / "out")
    said = (rows["error_type"] + ": " + rows["error_message"].astype(str)).to_dict()
    assert rows["status"]["good/000000"] == "ok"
    assert rows.index[rows.index.str.startswith("cut/")].tolist() == names[:20]
    ok = (rows["status"][names[:20]] == "ok").tolist()
    assert 5 < sum(ok) < 15
    assert ok == sorted(ok, reverse=True)  # up to where the file ends
    assert said["cut/000114"].startswith("BadVideo: the video is cut off: of 120 frames")
    assert "cut.mp4#000114" in said["cut/000114"]
    assert said["sound/000000"].startswith("BadVideo: the file holds sound, and no pictures")
    for name in ("headless", "text", "empty", "playlist"):
        assert said[f"{name}/000000"].startswith("BadVideo: no video that can be read"), name


def test_a_folder_with_photographs_is_one_of_photographs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(tmp_path / "in/clip.mp4", 3)
    assert "no UV maps" in wrong(capsys, "extract", f"input={tmp_path / 'in'}", "out=o")
    write_face(tmp_path / "in", "face", write_data(tmp_path / "d"), ".npy", turned(0), picture(0))
    (tmp_path / "in/face.npy").unlink()
    np.save(tmp_path / "in/face.npy", np.full((96, 128, 2), np.nan, np.float32))
    call = [f"input={tmp_path / 'in'}", "max_failed_fraction=1"]
    assert _extract(tmp_path / "out", *call) == 0
    assert "clip.mp4" in capsys.readouterr().err  # named as not read
    assert _rows(tmp_path / "out").index.tolist() == ["face"]


def test_two_videos_of_one_name_stop_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("clip.mp4", "clip.avi"):
        write_video(tmp_path / name, 3)
    said = wrong(capsys, "extract", f"input={tmp_path}", "extractor=bodyfit", "out=o")
    assert "have one name, clip" in said


def test_large_frames_are_failed_rows(tmp_path: Path, maps: Callable[..., str]) -> None:
    video, uv = write_video(tmp_path / "clip.mp4", 3), maps("000000")
    keys = [f"input={video}", f"uv={uv}", "max_pixels=10000", "max_failed_fraction=1"]
    assert _extract(tmp_path / "out", *keys) == 0
    (said,) = _rows(tmp_path / "out")["error_message"]
    assert "more than max_pixels=10000" in said


def test_meshes_are_found_by_the_names_of_frames(tmp_path: Path) -> None:
    data = write_data(tmp_path / "uv-data")
    video = write_video(tmp_path / "clip.mkv", 8, "ffv1", "yuv444p")
    for name in ("000000", "000006"):
        write_face(tmp_path / "meshes", name, data, "basics.obj", turned(10), picture(int(name)))
    call = [f"input={video}", f"uv={tmp_path / 'meshes'}", f"prnet.data={data}", "size=128"]
    assert _extract(tmp_path / "out", "extractor=prnet", *call) == 0
    assert _rows(tmp_path / "out").index.tolist() == ["clip/000000", "clip/000006"]


def test_videos_lie_on_any_storage(
    tmp_path: Path, store_url: str, maps: Callable[..., str]
) -> None:
    video = write_video(tmp_path / "clip.mp4", 14)
    Store(f"{store_url}/videos").put("clip.mp4", video.read_bytes())
    uv = maps("000000", "000006", "000012")
    for n, given_as in enumerate(("videos", "videos/*.mp4", "videos/clip.mp4")):
        out = f"{store_url}/{n}"
        assert _extract(out, f"input={store_url}/{given_as}", f"uv={uv}") == 0
        catalog = Catalog(out)
        for number, frame in zip((0, 6, 12), frames(str(video), (0, 6, 12), MANY), strict=True):
            found = catalog.photograph(f"clip/{number:06d}")
            np.testing.assert_array_equal(found, _good(frame))
