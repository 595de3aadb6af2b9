"""Checkpoints: saved and loaded alike, the authors' files imported, everything else refused."""

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.authors import import_authors
from models.checkpoint import load, load_networks, save
from models.config import ModelConfig
from models.coordinates import meshgrid
from models.generator import Generator
from models.inpainter import Inpainter
from models.maps import Source, Target
from tests.helpers.seeded import authors_states, write_authors_files

CPU = torch.device("cpu")
ONE_LINE = r"\A[^\n]+\Z"
CONFIG = ModelConfig(inpainter_width=4, generator_width=8, texture_size=48)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    torch.manual_seed(0)
    networks = {"inpainter": Inpainter(4), "generator": Generator(8)}
    return save(CONFIG, networks, "Made for a test.")


@pytest.fixture(scope="module")
def authors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_authors_files(tmp_path_factory.mktemp("authors"))


@pytest.fixture(scope="module")
def imported(authors: tuple[Path, Path]) -> dict[str, bytes]:
    return import_authors(*authors)


def render(read: Callable[[str], bytes]) -> Tensor:
    model = load(read, CPU)
    uv = meshgrid(24, 24) * 0.8
    S = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    return model.render(model.encode(Source(S, uv)), [0], Target(uv.flip(3)))


def test_a_checkpoint_of_g_alone_may_borrow_its_f() -> None:
    torch.manual_seed(0)
    f, g = Inpainter(4), Generator(8)
    whole = save(CONFIG, {"inpainter": f, "generator": g}, "Made for a test.")
    other = save(CONFIG, {"inpainter": f, "generator": Generator(8)}, "Made for a test.")
    own = edited(save(CONFIG, {"generator": g}, "Made for a test."), inpainter_of="../other")
    files = own | {f"../other/{name}": data for name, data in other.items()}
    torch.testing.assert_close(render(files.__getitem__), render(whole.__getitem__), rtol=0, atol=0)
    weights = files["../other/model.safetensors"]
    damaged = files | {"../other/model.safetensors": weights[:-1] + b"?"}
    assert "../other/model.safetensors is damaged" in refusal(damaged)


def refusal(files: dict[str, bytes]) -> str:
    with pytest.raises(ValueError, match=ONE_LINE) as caught:
        load(files.__getitem__, CPU)
    return str(caught.value)


def edited(files: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    """The checkpoint with other values in its config.json."""
    config = json.loads(files["config.json"])
    model = config["model"] | changes.pop("model", {})
    return files | {"config.json": json.dumps(config | {"model": model} | changes).encode()}


def test_networks_survive_the_round_trip(files: dict[str, bytes]) -> None:
    config, networks, sha256 = load_networks(files.__getitem__)
    assert config == CONFIG
    again = save(config, networks, "Made for a test.")
    assert again == files
    assert sha256 == hashlib.sha256(files["model.safetensors"]).hexdigest()
    assert load(files.__getitem__, CPU).layout == "anny"


def test_a_model_is_named_by_all_that_decides_its_pixels(files: dict[str, bytes]) -> None:
    model = load(files.__getitem__, CPU)
    keeping = load(edited(files, model={"keep_seen": True}).__getitem__, CPU)
    assert load(files.__getitem__, CPU).sha256 == model.sha256 != keeping.sha256
    assert model.name != keeping.name


def test_loaded_models_render_alike(files: dict[str, bytes]) -> None:
    assert torch.equal(render(files.__getitem__), render(files.__getitem__))


def test_card_names_counts_and_conventions(imported: dict[str, bytes]) -> None:
    card = imported["README.md"].decode()
    for fact in ("2,824,866", "11,332,611", "`compat`", "`smpl`", "non-commercial"):
        assert fact in card


def test_damaged_weights_are_refused(files: dict[str, bytes]) -> None:
    weights = bytearray(files["model.safetensors"])
    weights[-1] ^= 1
    assert "sha256" in refusal(files | {"model.safetensors": bytes(weights)})


def test_other_widths_are_refused_by_key(files: dict[str, bytes]) -> None:
    message = refusal(edited(files, model={"generator_width": 16}))
    assert "generator.source_encoder.0.conv.bias" in message
    assert "(8,)" in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "update reposer"),
        ({"model": {"convention": "other"}}, "convention is 'other'"),
        ({"model": {"variant": "other"}}, "variant is 'other'"),
        ({"model": {"unheard": 1}}, "unheard"),
    ],
)
def test_other_configurations_are_refused(
    files: dict[str, bytes], changes: dict[str, Any], words: str
) -> None:
    assert words in refusal(edited(files, **changes))


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b"{}", b"\xff\xfe"])
def test_a_damaged_configuration_is_refused(files: dict[str, bytes], content: bytes) -> None:
    assert "config.json" in refusal(files | {"config.json": content})


def test_a_folder_without_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no config\.json"):
        load(lambda name: (tmp_path / name).read_bytes(), CPU)


def test_import_keeps_every_tensor(imported: dict[str, bytes]) -> None:
    f, g = authors_states()
    config, networks, _ = load_networks(imported.__getitem__)
    inpainter, generator = networks["inpainter"], networks["generator"]
    assert (config.layout, config.convention) == ("smpl", "compat")
    # Gate 14 stands at place 15 of the sequence, whose values count.
    assert torch.equal(
        inpainter.state_dict()["decoder.1.gate.weight"], f["sequence.15.conv_m.weight"]
    )
    assert torch.equal(inpainter.state_dict()["out.bias"], f["final.conv1.bias"])
    assert torch.equal(
        generator.state_dict()["decoder.2.conv.parametrizations.weight.original"],
        g["dec3.conv.module.weight_bar"],
    )
    assert torch.equal(
        generator.state_dict()["middle.5.conv.parametrizations.weight.0._v"],
        g["res6.conv.module.weight_v"],
    )


def import_refusal(inpainter: Path, refiner: Path) -> str:
    with pytest.raises(ValueError, match=ONE_LINE) as caught:
        import_authors(inpainter, refiner)
    message = str(caught.value)
    assert str(inpainter) in message
    return message


def test_swapped_files_are_named_so(authors: tuple[Path, Path]) -> None:
    assert "swap" in import_refusal(authors[1], authors[0])


def test_one_file_given_twice_is_refused_by_key(authors: tuple[Path, Path]) -> None:
    assert "gate1.conv_f.weight" in import_refusal(authors[1], authors[1])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sequence.3.norm.bias", None),
        ("gate2.conv_m.weight", torch.zeros(64, 32, 5, 5)),
        ("gate16.conv_f.bias", torch.zeros(1)),
    ],
)
def test_a_wrong_key_or_shape_is_named(
    authors: tuple[Path, Path], tmp_path: Path, key: str, value: Tensor | None
) -> None:
    state = dict(authors_states()[0])
    state.pop(key, None)
    torch.save(state if value is None else state | {key: value}, tmp_path / "f.pth")
    assert repr(key) in import_refusal(tmp_path / "f.pth", authors[1])


class Marker:
    """An object whose unpickling runs code: it makes a folder."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "dump", [torch.save, lambda o, f: f.write_bytes(pickle.dumps(o, protocol=2))]
)
def test_code_in_a_file_is_not_run(
    authors: tuple[Path, Path], tmp_path: Path, dump: Callable[[Any, Path], None]
) -> None:
    dump({"gate1.conv_f.weight": Marker(tmp_path / "ran")}, tmp_path / "f.pth")
    assert "mkdir" in import_refusal(tmp_path / "f.pth", authors[1])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut short", b"\x80\x02."])
def test_other_files_are_refused(
    authors: tuple[Path, Path], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "f.pth").write_bytes(content)
    assert "no state dict" in import_refusal(tmp_path / "f.pth", authors[1])


def test_a_cut_file_is_refused(authors: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "f.pth").write_bytes(authors[0].read_bytes()[:-1000])
    assert "no state dict" in import_refusal(tmp_path / "f.pth", authors[1])


def test_a_list_and_a_missing_file_are_refused(authors: tuple[Path, Path], tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "f.pth")
    assert "no state dict" in import_refusal(tmp_path / "f.pth", authors[1])
    assert "cannot be read" in import_refusal(tmp_path / "absent.pth", authors[1])
