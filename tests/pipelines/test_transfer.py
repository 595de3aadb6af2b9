"""What is true of garment transfer: `synthesize pairs=`, and `evaluate truth=`."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from configs.synthesize import SynthesizeConfig
from pipelines.cli import main
from pipelines.synthesize import TABLES
from tests.helpers.catalogs import rows_of
from tests.helpers.commands import wrong
from tests.helpers.evaluations import evaluate, summary_of
from workers.data.catalog import Catalog
from workers.shards.shard import made_tables
from workers.synthesis import SynthesizeWorker
from world import labels

WORLD = ["synthesize", "items=3", "views=2", "size=64", "seed=5", "execution.engine=local"]
PNG = "image.format=png"
OWN = ("item-000002_view-00", "item-000002_view-01")
ACROSS = ("item-000002_view-00", "item-000001_view-01")
BACK = ("item-000001_view-00", "item-000002_view-01")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world, a list of pairs, and what is true of them."""
    folder = tmp_path_factory.mktemp("transfer")
    lines = ["from,to", *map(",".join, (OWN, ACROSS, BACK))]
    Path(folder, "pairs.csv").write_text("\n".join(lines))
    assert main([*WORLD, PNG, f"out={folder}/world"]) == 0
    assert main([*WORLD, PNG, f"pairs={folder}/pairs.csv", f"out={folder}/truth"]) == 0
    return folder


def test_in_their_own_clothes_people_are_as_in_their_photographs(made: Path) -> None:
    world, truth = Catalog(f"{made}/world"), Catalog(f"{made}/truth")
    own = "__".join(OWN)
    person = world.person(OWN[1])
    np.testing.assert_array_equal(truth.segmentation(own), world.segmentation(OWN[1]))
    np.testing.assert_array_equal(truth.photograph(own)[person], world.photograph(OWN[1])[person])
    assert (truth.photograph(own)[~person] == 255).all()
    assert (world.photograph(OWN[1])[~person] < 255).any()


@pytest.mark.parametrize("pair", [ACROSS, BACK])
def test_across_people_the_person_stays_and_the_clothes_change(
    made: Path, pair: tuple[str, str]
) -> None:
    world, truth = Catalog(f"{made}/world"), Catalog(f"{made}/truth")
    source, target = pair
    transfer = "__".join(pair)
    worn = {
        name: set(np.unique(codes)) & set(labels.CLOTHES)
        for name, codes in (
            ("transfer", truth.segmentation(transfer)),
            ("source", world.segmentation(source)),
        )
    }
    assert worn["transfer"]
    assert worn["transfer"] <= worn["source"]
    views = [
        catalog.view(name, ("photograph", "head", "keypoints"))
        for catalog, name in ((truth, transfer), (world, target))
    ]
    head = views[0]["head"] & views[1]["head"]
    assert head.sum() > 0.8 * views[1]["head"].sum()
    apart = np.abs(views[0]["photograph"][head].astype(int) - views[1]["photograph"][head])
    assert apart.mean() < 6  # a collar's shadow
    np.testing.assert_allclose(views[0]["keypoints"][:, :2], views[1]["keypoints"][:, :2], atol=1)
    assert (truth.photograph(transfer)[~truth.person(transfer)] == 255).all()


def test_rows_say_whose_clothes_and_who(made: Path) -> None:
    rows = {row["image_id"]: row for row in rows_of(f"{made}/truth", "images")}
    assert set(rows) == {"__".join(pair) for pair in (OWN, ACROSS, BACK)}
    people = {r["image_id"]: r["person_id"] for r in rows_of(f"{made}/world", "images")}
    assert rows["__".join(ACROSS)]["item_id"] == "item-000002"
    assert rows["__".join(ACROSS)]["person_id"] == people[ACROSS[1]]
    listed = {(row["from"], row["to"]) for row in rows_of(f"{made}/truth", "pairs")}
    assert listed == {OWN, ACROSS, BACK}


def test_a_row_depends_on_its_key_alone() -> None:
    config = SynthesizeConfig(out="unused", items=3, views=2, size=64, seed=11)
    keys = ["__".join(pair) for pair in (ACROSS, BACK)]
    together = made_tables(TABLES, SynthesizeWorker(config)([(key,) for key in keys]))
    alone = [made_tables(TABLES, SynthesizeWorker(config)([(key,)])) for key in reversed(keys)]
    for name, table in together.items():
        assert pa.concat_tables([tables[name] for tables in reversed(alone)]).equals(table)


def test_pairs_of_another_world_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("from,to\nitem-000000_view-00,item-000007_view-01\n")
    said = wrong(capsys, *WORLD, f"pairs={pairs}", f"out={tmp_path}/truth")
    assert "items=3 views=2 stock=whole has no photograph 'item-000007_view-01'" in said


def test_renders_across_people_are_scored_against_the_truth(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = [f"catalog={made}/world", "execution.engine=local", PNG]
    assert main(["render", *call, f"poses={made}/world", f"out={made}/all"]) == 0
    metrics = "metrics=[l1,l1.garment,psnr.head]"
    given = [f"renders={made}/all", f"truth={made}/truth", metrics]
    assert evaluate(*given, f"out={made}/scores") == 0
    assert "33 pairs left out, without a truth" in capsys.readouterr().err
    scores = {row["pair_id"]: row for row in rows_of(f"{made}/scores", "scores")}
    assert set(scores) == {"__".join(pair) for pair in (OWN, ACROSS, BACK)}
    assert all(row["reference"] == row["generated"] == id for id, row in scores.items())
    assert scores["__".join(ACROSS)]["item_id"] == "item-000002"
    summary = summary_of(f"{made}/scores")
    assert {(row["n"], row["items"]) for row in summary.values()} == {(3, 2)}
    assert summary["symmetry", "l1.garment"]["mean"] > summary["symmetry", "l1"]["mean"]
    # A comparison finds the pictures again.
    again = [f"compare=[{made}/scores,{made}/scores]", f"out={made}/comparison"]
    assert main(["evaluate", *again]) == 0
    said = wrong(capsys, "evaluate", *given, f"catalog={made}/world", f"out={made}/both")
    assert "wants exactly one input" in said


def test_a_catalog_without_the_truth_is_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = [
        "render",
        f"catalog={made}/world",
        f"pairs={made}/world/pairs",
        "execution.engine=local",
    ]
    assert main([*call, f"out={tmp_path}/renders"]) == 0
    capsys.readouterr()
    given = [f"renders={tmp_path}/renders", f"truth={made}/world", f"out={tmp_path}/scores"]
    said = wrong(capsys, "evaluate", *given)
    assert "has no image of the id of a render" in said
    assert "synthesize pairs=" in said
