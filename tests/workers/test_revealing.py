"""What stays of a photograph: by UV map and labels, in catalogs, and as training varies it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from assets import SAMPLE
from configs.fields import ImageFormat
from configs.train import Augmentation, TrainGeneratorConfig, TrainInpainterConfig
from models.coordinates import body_mask
from models.revealed import Clothes
from models.uv_maps import quantise
from tests.helpers.catalogs import SIZE, write_annotations, write_catalog
from workers.data.catalog import Catalog
from workers.data.errors import BadAnnotation, MissingRow, SizeMismatch
from workers.data.images import encode
from workers.data.staying import staying
from workers.training.data import Batches
from workers.training.pairs import PAIRS, training_pairs, varied
from workers.training.revealing import PERSON, STAYS, STAYS_BY_MAP, erring, reach_of, revealed, told
from world.labels import BACKGROUND, FACE, GLOVES, HAIR, HANDS, HAT, SKIN, TOP
from world.labels import PERSON as SOMEBODY

CLOTHES = Clothes("anny")
VIEW = "item-000000_view-00"
# On the sheet: the forehead, a hand, the trunk; and nobody.
PLACES = {"head": (0.0, -0.6), "hand": (0.75, 0.3), "trunk": (0.0, 0.2), "off": (np.nan, np.nan)}


def segmentation(image_id: str, labels: np.ndarray) -> dict[str, Any]:
    data = encode(labels.astype(np.uint8), ImageFormat(format="png"))
    return {"image_id": image_id, "segmentation": {"bytes": data, "path": None}}


@pytest.mark.parametrize(
    ("place", "stays", "goes"),
    [
        ("head", (FACE, HAIR, SKIN, SOMEBODY, HAT), (TOP, BACKGROUND)),
        ("hand", (HANDS, GLOVES, SKIN, SOMEBODY), (TOP, BACKGROUND)),
        ("trunk", (HAIR, HANDS, FACE), (TOP, SKIN, SOMEBODY, BACKGROUND)),
        ("off", (HAIR, HAT, HANDS), (TOP, SKIN, SOMEBODY, BACKGROUND)),
    ],
)
def test_labels_add_and_decide_and_the_uv_map_tells_the_rest(
    place: str, stays: tuple[int, ...], goes: tuple[int, ...]
) -> None:
    labels = np.array([[*stays, *goes]], np.uint8)
    uv = quantise(np.broadcast_to(np.array(PLACES[place]), (*labels.shape, 2)))
    kept = [True] * len(stays) + [False] * len(goes)
    assert_array_equal(staying(uv, CLOTHES, labels)[0], kept)
    assert staying(uv, CLOTHES, None).all() == (place in ("head", "hand"))


def test_hair_and_hands_before_clothes_are_no_clothes() -> None:
    catalog, name = Catalog(str(SAMPLE)), "item-000001_view-00"
    view = catalog.view(name, ("stored_uv", "clothes_uv", "segmentation"))
    on_body = view["stored_uv"].all(axis=0)
    gone = on_body & ~view["clothes_uv"].all(axis=0)
    assert gone.any()
    assert np.isin(view["segmentation"][gone], (HAIR, FACE, HANDS)).all()
    assert not (gone & staying(view["stored_uv"], CLOTHES, None)).any()
    kept = ~gone & on_body
    assert_array_equal(view["clothes_uv"][:, kept], view["stored_uv"][:, kept])


# --- of a catalog


def test_a_catalog_shows_the_photograph_where_it_stays() -> None:
    view = Catalog(str(SAMPLE)).view(VIEW, ("photograph", "stored_uv", "segmentation", "revealed"))
    stays = staying(view["stored_uv"], CLOTHES, view["segmentation"])
    assert 0.01 < stays.mean() < 0.2
    assert_array_equal(view["revealed"][..., 3], stays * 255)
    assert_array_equal(view["revealed"][stays, :3], view["photograph"][stays])
    assert not view["revealed"][~stays].any()


def test_without_a_segmentation_the_uv_map_decides(tmp_path: Path) -> None:
    first, second = write_catalog(str(tmp_path), 2)
    plain = Catalog(str(tmp_path)).revealed(first)
    assert not Catalog(str(tmp_path)).has_segmentation()
    assert plain[..., 3].any()
    write_annotations(str(tmp_path), [segmentation(second, np.zeros((SIZE, SIZE)))])
    catalog = Catalog(str(tmp_path))
    assert catalog.has_segmentation()
    assert_array_equal(catalog.revealed(first), plain)  # it has none
    assert not catalog.revealed(second).any()  # its says that nobody is there


def test_bad_rows_say_what_is_wrong(tmp_path: Path) -> None:
    ids = write_catalog(str(tmp_path), 3)
    not_png = {"bytes": b"no image", "path": None}
    write_annotations(
        str(tmp_path),
        [
            segmentation(ids[0], np.zeros((SIZE, 2 * SIZE))),
            {"image_id": ids[1], "segmentation": not_png},
        ],
    )
    catalog = Catalog(str(tmp_path))
    with pytest.raises(SizeMismatch, match=r"'p000': the photograph.* segmentation 64x32"):
        catalog.revealed(ids[0])
    with pytest.raises(BadAnnotation, match="'p001': its segmentation"):
        catalog.revealed(ids[1])
    with pytest.raises(MissingRow, match="'nobody': no photograph, so no head and hands"):
        catalog.revealed("nobody")


# --- in training


def example() -> tuple[torch.Tensor, torch.Tensor, dict[str, np.ndarray]]:
    view = Catalog(str(SAMPLE)).view(VIEW, ("photograph", "stored_uv", "segmentation"))
    photograph = torch.tensor(view["photograph"]).permute(2, 0, 1)[None].float() / 255
    return photograph, torch.from_numpy(told(view, "anny"))[None], view


def mask(*errors: int) -> np.ndarray:
    """Where something stays, told with such errors."""
    photograph, bits, _ = example()
    found = revealed(photograph, bits, torch.tensor([errors]))
    assert torch.equal(found[:, :3], photograph * found[:, 3:])
    return found[0, 3].numpy() > 0


def test_what_is_told_right_is_what_renders_see() -> None:
    _, bits, view = example()
    assert_array_equal(mask(0, 0, 0, 0), staying(view["stored_uv"], CLOTHES, view["segmentation"]))
    assert_array_equal((bits[0].numpy() & PERSON) > 0, view["segmentation"] != BACKGROUND)


def test_errors_are_those_of_parsings() -> None:
    _, bits, view = example()
    right, hairless = mask(0, 0, 0, 0), mask(1, 0, 0, 0)
    assert_array_equal(hairless, (bits[0].numpy() & STAYS_BY_MAP) > 0)
    hair = view["segmentation"] == HAIR
    assert (right & hair).sum() == hair.sum() > (hairless & hair).sum()
    larger, smaller = mask(0, 1, 0, 0), mask(0, -1, 0, 0)
    assert smaller.sum() < right.sum() < larger.sum()
    assert not (smaller & ~right).any()
    assert not (right & ~larger).any()
    assert_array_equal(mask(0, 0, 2, -3), np.roll(right, (2, -3), (0, 1)))


def test_a_share_of_the_parsings_errs() -> None:
    rng = np.random.default_rng(0)
    never = [erring(Augmentation(parsing=0), 256, rng) for _ in range(50)]
    assert not np.any(never)
    always = np.array([erring(Augmentation(parsing=1), 256, rng) for _ in range(400)])
    assert always.min(axis=0).tolist() == [0, -1, -reach_of(256), -reach_of(256)]
    assert always.max(axis=0).tolist() == [1, 1, reach_of(256), reach_of(256)]
    half = np.array([erring(Augmentation(), 256, rng) for _ in range(400)])
    assert 0.4 < half.any(axis=1).mean() < 0.6


def config(reveal: str) -> TrainGeneratorConfig:
    return TrainGeneratorConfig.model_validate(
        {"catalog": str(SAMPLE), "out": "unused", "batch": 3, "reveal": reveal}
    )


def test_batches_show_what_stays_and_expect_white() -> None:
    pairs, _ = training_pairs(config("head_and_hands"))
    batch, plain = (
        varied(Batches(config(reveal), pairs, "anny", PAIRS)[2].pictures)
        for reveal in ("head_and_hands", "none")
    )
    # All else is as without.
    assert torch.equal(batch.source.photograph, plain.source.photograph)
    clothes, whole = (body_mask(b.source.uv) > 0 for b in (batch, plain))
    assert 0 < (whole & ~clothes).sum() < 0.1 * whole.sum()  # hair before them
    assert not (clothes & ~whole).any()
    assert torch.equal(batch.target.uv.nan_to_num(9), plain.target.uv.nan_to_num(9))
    assert not plain.target.revealed.numel()
    assert batch.target.revealed.shape == (3, 4, 256, 256)
    white = (batch.expected == 1).all(dim=1)
    assert 0.5 < white.float().mean() < 0.95
    shown = ~white[:, None].expand_as(plain.expected)
    assert torch.equal(batch.expected[shown], plain.expected[shown])
    # What stays lies on the person, but for the edges that are told wrong.
    cover = batch.target.revealed[:, 3] > 0
    assert (cover & ~white).sum() > 0.7 * cover.sum()


def test_training_wants_segmentations(tmp_path: Path) -> None:
    ids = write_catalog(f"{tmp_path}/c", 2)
    (tmp_path / "pairs.csv").write_text(f"from,to\n{ids[0]},{ids[1]}\n")
    given = {"catalog": f"{tmp_path}/c", "pairs": f"{tmp_path}/pairs.csv", "out": "unused"}
    reveals = TrainGeneratorConfig.model_validate(given | {"reveal": "head_and_hands"})
    with pytest.raises(ValueError, match="c has no segmentation: training with reveal needs one"):
        training_pairs(reveals)
    assert training_pairs(TrainInpainterConfig.model_validate(given))[0]


def test_bits_are_apart() -> None:
    assert STAYS + STAYS_BY_MAP + PERSON == 7
