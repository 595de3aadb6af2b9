"""What a dry run says of a run's cost."""

from pathlib import Path

import pytest

from configs.render import RenderConfig
from configs.run import Execution
from pipelines import render
from pipelines.runs.cost import Left, estimate
from pipelines.runs.execute import execute
from pipelines.runs.record import Recorder
from tests.helpers.catalogs import StandIn, write_catalog
from tests.helpers.runs import config
from workers.data.storage import Store
from workers.shards.shard import ShardReport


def lines(left: Left, unit: str = "GPU", workers: int = 8, **execution: object) -> list[str]:
    return list(estimate(left, Execution.model_validate(execution), workers, unit))


def test_a_rate_makes_hours_and_money() -> None:
    left = Left(2_000_000, 489, 4096, 0, None)
    assert lines(left, rate=100, price_per_hour=2.5) == [
        "rate      100 rows/s a worker (execution.rate)",
        "GPU-hours 5.56: 0.69 h at this rate",
        "cost      13.89 at 2.5 an hour of a GPU",
        "repeated  1 shard at most with each worker that is lost: 4096 rows, 0.011 GPU-hours",
    ]
    halves = lines(left, rate=100, gpus_per_worker=0.5, price_per_hour=2.5)
    assert halves[1:3] == [
        "GPU-hours 2.78: 0.69 h at this rate",
        "cost      6.94 at 2.5 an hour of a GPU",
    ]
    assert lines(left, "worker", rate=100, gpus_per_worker=0.5)[1].startswith("worker-hours 5.56:")


def test_a_measured_rate_names_its_rows_and_fewer_shards_need_fewer_workers() -> None:
    said = lines(Left(7200, 2, 3600, 128, 1.0))
    assert said[:2] == [
        "rate      1 rows/s a worker (measured on 128 rows of this run)",
        "GPU-hours 2.00: 1.00 h at this rate",
    ]
    assert not any(line.startswith("cost") for line in said)


def test_without_a_rate_it_says_how_to_get_one() -> None:
    (said,) = lines(Left(100, 1, 100, 0, None), price_per_hour=1)
    assert "unknown" in said
    assert "execution.rate=" in said


def dry(settings: RenderConfig, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert render.run(settings, dry=True, load_model=StandIn) == 0
    return capsys.readouterr().out


def test_of_a_run_that_has_begun_the_rest_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalog(f"{tmp_path}/catalog", 4)
    settings = config(tmp_path, shard_rows=4, execution={"engine": "local"})
    assert "cost      unknown" in dry(settings, capsys)
    plan, job = render.prepare(settings, StandIn)
    execute(job, plan, settings)
    Path(settings.out, "manifest.json").unlink()
    for name in plan.names[1:]:
        Path(settings.out, "renders", f"{name}.parquet").unlink()
    with Recorder(Store(settings.out), plan, {}, None) as record:
        record.add(ShardReport(plan.names[0], 4, made=4, seconds=2.0))
    said = dry(settings, capsys)
    assert "rows      16, 12 left" in said
    assert "shards    3 of at most 4 rows left" in said
    assert "rate      2 rows/s a worker (measured on 4 rows of this run)" in said
    assert "worker-hours 0.00: 0.00 h" in said
    other = settings.model_copy(update={"image": settings.image.model_copy(update={"quality": 1})})
    assert "rows      16\n" in dry(other, capsys)
