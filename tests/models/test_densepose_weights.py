"""Files of the model zoo: read as arrays alone, and refused in one line otherwise."""

import collections
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from models.densepose.network import MODELS, DensePoseRCNN
from models.densepose.weights import network_of, read_arrays, read_zoo_file, zoo_shapes


class Attack:
    """Unpickled by Python's own reader, this runs a command."""

    def __init__(self, function: object, *arguments: object):
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


def refused(data: bytes) -> str:
    with pytest.raises(ValueError, match=r"^zoo\.pkl") as error:
        read_zoo_file("zoo.pkl", data)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_every_pickle_protocol(protocol: int) -> None:
    model = collections.OrderedDict(
        a=np.arange(6, dtype=np.float32).reshape(2, 3),
        fortran=np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
        big_endian=np.arange(3, dtype=">f4"),
        count=np.array(7, np.int64),
        none=np.zeros((0, 4), np.float32),
    )
    data = pickle.dumps({"model": model, "__author__": "me", "x": np.float32(2)}, protocol)
    state = read_zoo_file("zoo.pkl", data)
    assert list(state) == list(model)
    for key, array in model.items():
        assert state[key].dtype == torch.float32
        np.testing.assert_array_equal(state[key], array.astype(np.float32))
    content = read_arrays("zoo.pkl", data)
    assert isinstance(content, dict)
    assert content["x"] == 2


def test_nothing_in_a_pickle_runs(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for attack in (Attack(os.system, f"touch {trace}"), Attack(eval, f"open({str(trace)!r}, 'w')")):
        line = refused(pickle.dumps({"model": {"a": attack}}))
        assert "asks to run" in line
    assert not trace.exists()


@pytest.mark.parametrize(
    "attack",
    [
        Attack(getattr, {}, "pop"),
        Attack(np.dtype, "O"),
        Attack(torch.zeros, 3),
        np.array([print], object),
        pickle.Pickler,
        Path(),
    ],
)
def test_only_arrays_and_containers_are_admitted(attack: object) -> None:
    assert "asks to run" in refused(pickle.dumps({"model": {"a": attack}}))


def test_damaged_files_and_others() -> None:
    whole = pickle.dumps({"model": {"a": np.zeros(1000)}})
    for data in (b"", b"not a pickle", whole[:-500], b"PK\x03\x04" + bytes(100)):
        assert "damaged" in refused(data)
    assert "no 'model'" in refused(pickle.dumps({"blobs": {"a": np.zeros(2)}}))
    assert "no 'model'" in refused(pickle.dumps([1, 2]))
    assert "'a' is a str" in refused(pickle.dumps({"model": {"a": "text"}}))


def zeros(model: str) -> dict[str, torch.Tensor]:
    """Weights of a network's keys and shapes, with no memory behind them."""
    with torch.device("meta"):
        shapes = zoo_shapes(DensePoseRCNN(model))
    return {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}


R_50, R_101 = MODELS
FC1 = "roi_heads.box_head.fc1.weight"
NORM = "backbone.bottom_up.res2.0.conv1.norm.running_var"


@pytest.mark.parametrize(
    ("key", "tensor", "line"),
    [
        (FC1, None, f"zoo.pkl: the key '{FC1}' is missing"),
        (NORM, None, f"zoo.pkl: the key '{NORM}' is missing"),
        (NORM, torch.zeros(63), f"zoo.pkl: '{NORM}' has shape (63,), expected (64,)"),
        ("extra", torch.zeros(1), "zoo.pkl: the key 'extra' belongs to no layer of the network"),
    ],
)
def test_files_of_another_network(key: str, tensor: torch.Tensor | None, line: str) -> None:
    state = zeros(R_50)
    state.pop(key, None)
    if tensor is not None:
        state[key] = tensor
    with pytest.raises(ValueError, match=re.escape(line)) as error:
        network_of(R_50, "zoo.pkl", state)
    assert str(error.value) == line


def test_files_of_one_model_named_as_the_other() -> None:
    with pytest.raises(ValueError, match=r"^zoo.pkl: the key 'backbone\..*' is missing$"):
        network_of(R_101, "zoo.pkl", zeros(R_50))


def test_constants_of_older_files_are_passed_over() -> None:
    older = {"pixel_mean": torch.zeros(3, 1, 1), "pixel_std": torch.ones(3, 1, 1)}
    older["proposal_generator.anchor_generator.cell_anchors.0"] = torch.zeros(3, 4)
    assert network_of(R_50, "zoo.pkl", zeros(R_50) | older).name == R_50


@pytest.mark.parametrize(("model", "parameters"), [(R_50, 63_821_090), (R_101, 84_995_874)])
def test_networks_have_the_project_s_parameters(model: str, parameters: int) -> None:
    learnt = (
        t.numel()
        for key, t in zeros(model).items()
        if "bottom_up" not in key or ".norm." not in key
    )
    assert sum(learnt) == parameters
