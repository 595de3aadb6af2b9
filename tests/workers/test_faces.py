"""Meshes of faces: every kind of file, the picture cut out, the map drawn, and bad files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import loadmat

from models.uv_maps import dequantise
from pipelines.cli import main
from tests.helpers.commands import wrong
from tests.helpers.faces import photograph, posed, turned, write_data, write_face
from workers.data.catalog import Catalog
from workers.extraction.faces.prnet_sheet import SIDE, Sheet, read_sheet
from workers.extraction.faces.surface import facing, rotation, surface_map

KINDS = ("demo.obj", "texture.obj", "basics.obj", "_mesh.mat", ".npy")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("prnet") / "uv-data")


@pytest.fixture(scope="module")
def sheet(data: Path) -> Sheet:
    return read_sheet(str(data))


def _extract(folder: Path, out: Path, data: Path, *keys: str) -> dict[str, dict[str, Any]]:
    """The rows of uv_maps, with those of `faces`, by image id."""
    given = [f"input={folder}", f"prnet.data={data}", f"out={out}", "execution.engine=local"]
    assert main(["extract", "extractor=prnet", "size=128", *given, *keys]) == 0
    rows = pd.read_parquet(out / "uv_maps").merge(pd.read_parquet(out / "faces"), on="image_id")
    return {str(row["image_id"]): dict(row) for _, row in rows.iterrows()}


def _map(row: dict[str, Any]) -> np.ndarray:
    """(2, H, W)."""
    shape = (2, int(row["height"]), int(row["width"]))
    return dequantise(np.frombuffer(row["uv"], "<u2").reshape(shape))


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two maps agree, but for a pixel or two that an edge runs through."""
    same = (np.isnan(one) == np.isnan(other)).mean()

    return bool(same > 0.9999 and np.nanmax(np.abs(one - other)) < 2e-3)


def test_all_files_of_one_mesh_give_one_map(tmp_path: Path, data: Path) -> None:
    for kind in KINDS:
        write_face(tmp_path / "in", kind.strip("."), data, kind, turned(20), photograph(220, 260))
    rows = _extract(tmp_path / "in", tmp_path / "out", data)
    assert len(rows) == len(KINDS)
    first, *others = (_map(row) for row in rows.values())
    assert all(_alike(first, other) for other in others)
    looks = np.stack([row["facing"] for row in rows.values()])
    np.testing.assert_allclose(looks, [turned(20)[:, 2]] * len(KINDS), atol=1e-4)


def test_the_picture_shows_what_the_map_says(tmp_path: Path, data: Path, sheet: Sheet) -> None:
    """Where the map names a vertex, the picture has the colour at which the vertex lies."""
    pixels = photograph(300, 240)
    vertices = write_face(tmp_path / "in", "face", data, ".npy", turned(-25, 10), pixels)
    row = _extract(tmp_path / "in", tmp_path / "out", data)["face"]
    uv, picture = _map(row), Catalog(str(tmp_path / "out")).photograph("face")
    assert picture.shape == (128, 128, 3)
    there = np.argwhere(~np.isnan(uv[0]))
    assert there.min(axis=0).tolist() == pytest.approx([10, 10], abs=1)  # the margin
    assert there.max(axis=0).tolist() == pytest.approx([117, 117], abs=1)
    position = np.zeros((SIDE, SIDE, 2))
    position[np.divmod(sheet.texels, SIDE)] = vertices[:, :2]
    column, line = np.rint((uv + 1) / 2 * (SIDE - 1))[:, *there.T].astype(int)
    x, y = position[line, column].T
    expected = np.stack([x * 255 / 240, y * 255 / 300], axis=1)
    error = np.abs(picture[*there.T][:, :2] - expected)
    assert np.median(error) < 1.5
    assert np.quantile(error, 0.99) < 5


@pytest.mark.parametrize("kind", ["demo.obj", "basics.obj", "_mesh.mat"])
@pytest.mark.parametrize("size", [(512, 512), (1600, 1200)])
def test_colours_say_which_copy_a_mesh_lies_on(
    tmp_path: Path, data: Path, kind: str, size: tuple[int, int]
) -> None:
    large = photograph(*size)
    side = (256, 256) if size[0] == size[1] else (750, 1000)
    copy = np.asarray(Image.fromarray(large).resize(side))
    write_face(tmp_path / "in", "face", data, kind, turned(0), copy)
    Image.fromarray(large).save(tmp_path / "in/face.png")
    _extract(tmp_path / "in", tmp_path / "out", data)
    middle = Catalog(str(tmp_path / "out")).photograph("face")[64, 64]
    assert middle[:2].tolist() == pytest.approx([127, 127], abs=4)


def test_a_mesh_without_a_photograph_is_a_pose(tmp_path: Path, data: Path) -> None:
    write_face(tmp_path / "in", "face", data, "demo.obj", turned(10), photograph(200, 200))
    write_face(tmp_path / "in", "pose", data, "demo.obj", turned(10), photograph(200, 200))
    (tmp_path / "in/pose.png").unlink()
    Image.fromarray(photograph(200, 200)).save(tmp_path / "in/face_texture.png")
    rows = _extract(tmp_path / "in", tmp_path / "out", data)
    assert _alike(_map(rows["pose"]), _map(rows["face"]))
    assert Catalog(str(tmp_path / "out")).usable(photographs=True) == ["face"]


def test_faces_keep_their_proportions_where_asked(tmp_path: Path, data: Path) -> None:
    vertices = write_face(tmp_path / "in", "face", data, ".npy", turned(0), photograph(200, 200))
    for stretch in ("true", "false"):
        row = _extract(tmp_path / "in", tmp_path / stretch, data, f"prnet.stretch={stretch}")[
            "face"
        ]
        there = np.argwhere(~np.isnan(_map(row)[0]))
        height, width = np.ptp(there, axis=0)
        wanted = np.ptp(vertices[:, 0]) / np.ptp(vertices[:, 1]) if stretch == "false" else 1
        assert width / height == pytest.approx(wanted, abs=0.02)


def test_bad_meshes_are_failed_rows_and_good_ones_stay(tmp_path: Path, data: Path) -> None:
    folder, pixels = tmp_path / "in", photograph(200, 200)
    for name in ("good", "short", "text", "elsewhere", "other", "alone"):
        write_face(folder, name, data, "demo.obj", turned(0), pixels)
    lines = (folder / "good.obj").read_text().splitlines(keepends=True)
    (folder / "short.obj").write_text("".join(lines[:-1]))
    (folder / "text.obj").write_text("v one two three\n")
    (folder / "elsewhere.obj").unlink()
    np.save(folder / "elsewhere.npy", np.full((SIDE, SIDE, 3), 5000, np.float32))
    Image.fromarray(255 - pixels).save(folder / "other.png")
    (folder / "alone.obj").unlink()
    rows = _extract(folder, tmp_path / "out", data, "max_failed_fraction=1")
    said = {name: f"{row['error_type']}: {row['error_message']}" for name, row in rows.items()}
    assert rows["good"]["status"] == "ok"
    assert said["short"].startswith("BadMesh: PRNet's mesh has 43,867 vertices, this one 43,866")
    assert said["text"].startswith("BadMesh: its lines v hold no numbers")
    assert "prnet.picture" in said["elsewhere"]
    assert "another photograph" in said["other"]
    assert said["alone"].startswith("MissingUvMap: no mesh: alone.obj")


def test_the_data_must_be_prnets(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_face(tmp_path / "in", "face", data, ".npy", turned(0), photograph(200, 200))
    call = ["extract", "extractor=prnet", f"input={tmp_path / 'in'}", f"out={tmp_path / 'out'}"]
    assert "prnet.data=" in wrong(capsys, *call)
    assert "no face_ind.txt" in wrong(capsys, *call, f"prnet.data={tmp_path / 'in'}")
    other = tmp_path / "other"
    other.mkdir()
    (other / "face_ind.txt").write_text("1 2 3")
    assert "face_ind.txt has 3 numbers" in wrong(capsys, *call, f"prnet.data={other}")


def test_a_map_read_back_finds_its_pixels(sheet: Sheet) -> None:
    """Interpolated on the sheet, each pixel's texel lies where the pixel is."""
    for yaw, pitch in ((0, 0), (30, 0), (60, 0), (0, 25)):
        points = posed(sheet, turned(yaw, pitch), 128, 128)
        uv = surface_map(points, sheet.faces, sheet.uv, (128, 128))
        row, column = np.nonzero(~np.isnan(uv[..., 0]))
        position = np.full((SIDE, SIDE, 2), np.nan)
        position[np.divmod(sheet.texels, SIDE)] = points[:, :2]
        at = (uv[row, column] + 1) / 2 * (SIDE - 1)
        left, top = np.minimum(np.floor(at + 1e-6), SIDE - 2).astype(int).T
        across, down = at[:, 0] - left, at[:, 1] - top
        found = sum(
            position[top + i, left + j] * (abs(1 - i - down) * abs(1 - j - across))[:, None]
            for i in (0, 1)
            for j in (0, 1)
        )
        error = np.linalg.norm(found - np.stack([column, row], axis=1), axis=1)
        error = error[~np.isnan(error)]
        assert np.median(error) < 0.05
        assert np.quantile(error, 0.99) < 0.25


def test_rotations_are_found_and_never_mirrored(sheet: Sheet) -> None:
    assert sheet.canonical is not None
    for yaw, pitch in ((0, 0), (80, 0), (-80, 20), (170, -10)):
        points = 0.3 * sheet.canonical @ turned(yaw, pitch).T + [5, 6, 7]
        np.testing.assert_allclose(rotation(points, sheet.canonical), turned(yaw, pitch), atol=1e-9)
        assert facing(points, sheet.canonical) == pytest.approx(turned(yaw, pitch)[:, 2])
    mirrored = sheet.canonical * [-1, 1, 1]
    assert np.linalg.det(rotation(mirrored, sheet.canonical)) == pytest.approx(1)


def test_head_poses_are_aflw2000s(real: Path) -> None:
    """Its parameters turn heads by R = Rx Ry Rz, y up; 68 landmarks give them within 3 degrees."""
    folder = real / "prnet"
    canonical = np.load(folder / "canonical_vertices.npy")
    places = np.loadtxt(folder / "uv_kpt_ind.txt").astype(int)
    vertex = {texel: n for n, texel in enumerate(np.loadtxt(folder / "face_ind.txt").astype(int))}
    marks = canonical[[vertex[y * SIDE + x] for x, y in places.T]]
    for file in sorted((folder / "AFLW2000").glob("*.mat")):
        known = loadmat(file)
        found = rotation(known["pt3d_68"].T, marks)
        pitch, yaw, roll = known["Pose_Para"][0, :3]
        expected = _aflw(pitch, yaw, roll)
        cosine = (np.trace(found.T @ expected) - 1) / 2
        assert np.degrees(np.arccos(min(cosine, 1))) < 3, file.name


def _aflw(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """Its rotation, in axes whose y runs down."""
    (cx, sx), (cy, sy), (cz, sz) = ((np.cos(a), np.sin(a)) for a in (pitch, yaw, roll))
    x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    down = np.diag([1, -1, 1])
    return down @ x @ y @ z @ down
