"""What is listed in folders of other people's: links, leftovers, names like patterns."""

from pathlib import Path

import pytest
from PIL import Image

from eval.naming import EXTENSIONS, is_image
from workers.data.images import FORMATS
from workers.data.listing import leftover
from workers.data.retrying import BrokenLink, StorageError
from workers.data.storage import Store, list_files, read_bytes, split_pattern


def names(url: str) -> list[str]:
    return [file.name for file in list_files(url).files]


def write(folder: Path, *files: str) -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(file)


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    write(tmp_path, "store/a.png", "store/deep/b.png", "in/c.png")
    (tmp_path / "in/a.png").symlink_to("../store/a.png")
    (tmp_path / "in/more").symlink_to(tmp_path / "store")
    (tmp_path / "linked").symlink_to("in")
    for folder in (tmp_path / "in", tmp_path / "linked"):
        assert names(f"{folder}") == ["a.png", "c.png"]
        assert names(f"{folder}/*/*.png") == ["more/a.png"]
        assert names(f"{folder}/**/*.png") == ["a.png", "c.png", "more/a.png", "more/deep/b.png"]
        assert [(f.name, f.size) for f in Store(f"{folder}").list()][2] == ("more/a.png", 11)
    assert read_bytes(list_files(f"{tmp_path}/in/more/*/*").urls[0]) == b"store/deep/b.png"


def test_links_that_lead_back_are_named_and_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "x/a/1.png", "x/b/2.png")
    (tmp_path / "x/up").symlink_to("..")
    (tmp_path / "x/a/over").symlink_to("../b")
    (tmp_path / "x/b/back").symlink_to("../a")
    found = Store(f"{tmp_path}/x").listing()
    assert [file.name for file in found.files] == [
        "a/1.png",
        "a/over/2.png",
        "b/2.png",
        "b/back/1.png",
    ]
    assert found.loops == ["a/over/back", "b/back/over", "up"]


def test_links_that_lead_nowhere_are_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "self.png").symlink_to("self.png")
    assert names(str(tmp_path)) == names(f"{tmp_path}/*.png") == ["gone.png", "self.png"]
    with pytest.raises(BrokenLink, match=r"a symbolic link to nowhere.png, which is not there"):
        read_bytes(f"{tmp_path}/gone.png")
    with pytest.raises(BrokenLink, match=r"a symbolic link to self.png"):
        read_bytes(f"{tmp_path}/self.png")


def test_leftovers_are_no_files_and_are_named_once_a_folder(store_url: str) -> None:
    store = Store(store_url)
    left = [
        "._a.png",
        ".DS_Store",
        "Thumbs.db",
        "Desktop.ini",
        "__MACOSX/._a.png",
        "__MACOSX/b.png",
        ".ipynb_checkpoints/a-checkpoint.png",
        "@eaDir/a/b.jpg",
    ]
    for name in [*left, "a.png", "sub/__MACOSX/x.png", "sub/b.png"]:
        store.put(name, b"1")
    top = [
        ".DS_Store",
        "._a.png",
        ".ipynb_checkpoints/",
        "@eaDir/",
        "Desktop.ini",
        "Thumbs.db",
        "__MACOSX/",
    ]
    found = list_files(store_url)
    assert [file.name for file in found.files] == ["a.png"]
    assert (found.folders, found.leftovers) == (["sub"], top)
    assert [file.name for file in store.list()] == ["a.png", "sub/b.png"]
    assert store.listing().leftovers == sorted([*top, "sub/__MACOSX/"])
    assert names(f"{store_url}/*") == ["a.png"]
    assert names(f"{store_url}/*/*.png") == ["sub/b.png"]
    assert leftover("a/b.png") is None


@pytest.mark.parametrize("folder", ["PHOTOS [2024]", "what?", "a*b", "x::y", "100% #1"])
def test_what_exists_as_written_is_no_pattern(store_url: str, folder: str) -> None:
    store = Store(store_url)
    for name in (f"{folder}/a[1].png", f"{folder}/a1.png", "PHOTOS 2/a1.png", "whats/a1.png"):
        store.put(name, name.encode())
    url = f"{store_url}/{folder}"
    assert names(url) == ["a1.png", "a[1].png"]
    assert [read_bytes(url) for url in list_files(url).urls][1] == f"{folder}/a[1].png".encode()
    assert names(f"{url}/*.png") == ["a1.png", "a[1].png"]
    assert names(f"{url}/a[0-9].png") == ["a1.png"]
    assert split_pattern(f"{url}/a[1].png") == (f"{url}/a[1].png", "")
    assert split_pattern(f"{url}/b[1].png") == (url, "b[1].png")


def test_what_is_no_folder_is_refused(store_url: str) -> None:
    Store(store_url).put("a.png", b"1")
    with pytest.raises(StorageError, match="no such folder"):
        list_files(f"{store_url}/absent")
    with pytest.raises(StorageError, match="this is a file"):
        list_files(f"{store_url}/a.png")


def test_one_list_of_formats() -> None:
    known = Image.registered_extensions()
    assert {known[f".{extension}"] for extension in EXTENSIONS} == set(FORMATS)
    assert is_image("a.TIFF")
    assert not is_image("png")
