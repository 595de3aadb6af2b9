"""The poser as a function: skeletons -> UV maps; and its checkpoints."""

import json

import pytest
import torch

from models.checkpoint import CONFIG, WEIGHTS, load
from models.poser import Fields, Parts, Poser, PoserConfig, load_poser, part_of, save_poser

CONFIGURED = PoserConfig(width=8, parts=6)
CENTRES = torch.tensor([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0, 0], [0, 0.9]])
PARTS = Parts(CENTRES, torch.stack([CENTRES - 0.1, CENTRES + 0.1]))


@pytest.fixture
def poser() -> Poser:
    torch.manual_seed(0)
    return Poser(CONFIGURED, PARTS).eval()


def skeletons(count: int, width: int, height: int) -> torch.Tensor:
    places = torch.rand(count, 18, 2, generator=torch.Generator().manual_seed(1))
    places[0, 3:6] = torch.nan
    return places * torch.tensor([width, height])


def test_a_map_of_any_size_depends_on_its_skeleton_alone(poser: Poser) -> None:
    for size in ((256, 176), (64, 100), (1, 1)):
        given = skeletons(3, size[1], size[0])
        maps = poser.predict(given, size)
        assert maps.shape == (3, 2, *size)
        assert maps.dtype == torch.float32
        for n in range(3):
            alone = poser.predict(given[n : n + 1], size)
            assert torch.equal(maps[n].nan_to_num(9), alone[0].nan_to_num(9))


def test_what_is_said_of_cells_is_decided_at_pixels(poser: Poser) -> None:
    """A seam between two parts, and the body's edge, stay sharp where the map is finer."""
    parts, places = torch.full((1, 7, 8, 8), -20.0), torch.full((1, 2, 6, 8, 8), 0.5)
    parts[:, 0, :4] = 5  # background above,
    parts[:, 1, 4:, :4] = 5  # below it the first part to the left and the last to the right
    parts[:, 6, 4:, 4:] = 5
    uv = poser._map(Fields(parts, places), (64, 64), 8 / 64)[0]
    on = ~uv[0].isnan()
    assert not on[:28].any()
    assert on[36:].all()
    below = uv[:, 40:].movedim(0, -1)
    assert (below[:, :32] == CENTRES[0]).all()
    assert (below[:, 32:] == CENTRES[5]).all()


def test_pixels_are_of_the_part_whose_centre_is_nearest() -> None:
    uv = torch.full((1, 2, 2, 2), torch.nan)
    uv[0, :, 0, 0] = torch.tensor([0.4, -0.6])
    uv[0, :, 1, 1] = torch.tensor([0.05, 0.7])
    assert part_of(uv, CENTRES).tolist() == [[[1, -1], [-1, 5]]]


def test_checkpoints_come_back_also_as_halves(poser: Poser) -> None:
    images = b"a\nb"
    files = save_poser(CONFIGURED, {"poser": poser}, "Seeded.", images)
    again, sha256 = load_poser(files.__getitem__)
    assert again.config == CONFIGURED
    given = skeletons(2, 64, 64)
    expected = poser.predict(given, (64, 64)).nan_to_num(9)
    assert torch.equal(again.predict(given, (64, 64)).nan_to_num(9), expected)
    assert files["trained_on.txt"] == images
    assert sha256 in files["README.md"].decode()
    halves, _ = load_poser(save_poser(CONFIGURED, {"poser": poser.half()}, "").__getitem__)
    assert halves.out.weight.dtype == torch.float32


def test_what_is_no_poser_is_refused_in_one_line(poser: Poser) -> None:
    files = save_poser(CONFIGURED, {"poser": poser}, "")
    with pytest.raises(ValueError, match="it holds a poser, which makes UV maps of skeletons"):
        load(files.__getitem__, torch.device("cpu"))
    with pytest.raises(ValueError, match=r"model.safetensors is damaged"):
        load_poser((files | {WEIGHTS: b""}).__getitem__)
    described = json.loads(files[CONFIG])
    described["poser"] |= {"parts": 7}
    with pytest.raises(ValueError, match=r"'centres' has shape \(6, 2\), expected \(7, 2\)"):
        load_poser((files | {CONFIG: json.dumps(described).encode()}).__getitem__)
    described["poser"] |= {"bones": 20}
    with pytest.raises(ValueError, match=r"config.json does not describe a poser: bones is 20"):
        load_poser((files | {CONFIG: json.dumps(described).encode()}).__getitem__)
    described["model"] = described.pop("poser")
    with pytest.raises(ValueError, match="it holds no poser"):
        load_poser((files | {CONFIG: json.dumps(described).encode()}).__getitem__)
