"""Files of detectron2's model zoo: pickles, read without running anything in them."""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoint import check_state
from models.densepose.network import DensePoseRCNN

BATCH_NORM_EPSILON = 1e-5
NORM = ("weight", "bias", "running_mean", "running_var")
FROZEN = "backbone.bottom_up."  # the part of the network whose batch norms are frozen
# Constants that older files keep among the weights.
IGNORED = ("pixel_mean", "pixel_std", "proposal_generator.anchor_generator.")


def load(name: str, file: str, data: bytes) -> DensePoseRCNN:
    """The zoo's model `name` with the weights in `data`, the content of `file`, for inference.

    Raises ValueError, in one line that names the file, and the key where it is one.
    """
    return network_of(name, file, read_zoo_file(file, data))


def network_of(name: str, file: str, state: dict[str, Tensor]) -> DensePoseRCNN:
    """The zoo's model `name` with the tensors of `file`; raises as `load` does."""
    with torch.device("meta"):
        network = DensePoseRCNN(name)
    state = {key: value for key, value in state.items() if not key.startswith(IGNORED)}
    check_state(file, state, zoo_shapes(network))
    network.load_state_dict(folded(state), assign=True)
    return network.eval().requires_grad_(False)


def zoo_shapes(network: nn.Module) -> dict[str, torch.Size]:
    """The keys of the zoo's file of a network, and their tensors' shapes."""
    shapes = {}
    for key, tensor in network.state_dict().items():
        if key.startswith(FROZEN) and key.endswith(".bias"):
            shapes |= {f"{key.removesuffix('bias')}norm.{leaf}": tensor.shape for leaf in NORM}
        else:
            shapes[key] = tensor.shape
    return shapes


def folded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same network's weights with its frozen batch norms divided into the convolutions."""
    own = {key: value for key, value in state.items() if not _frozen_norm(key)}
    for key in state:
        if _frozen_norm(key) and key.endswith(".running_var"):
            conv = key.removesuffix("norm.running_var")
            scale, shift, mean, variance = (state[f"{conv}norm.{leaf}"].double() for leaf in NORM)
            scale = scale / (variance + BATCH_NORM_EPSILON).sqrt()
            own[f"{conv}weight"] = (state[f"{conv}weight"] * scale[:, None, None, None]).float()
            own[f"{conv}bias"] = (shift - mean * scale).float()
    return own


def _frozen_norm(key: str) -> bool:
    return key.startswith(FROZEN) and ".norm." in key


def read_zoo_file(file: str, data: bytes) -> dict[str, Tensor]:
    """The named float32 tensors in `data`, the content of a zoo's .pkl `file`.

    Raises ValueError, in one line that names the file, on anything else.
    """
    content = read_arrays(file, data)
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict):
        raise ValueError(f"{file} is no file of detectron2's model zoo: it has no 'model'")
    for key, value in model.items():
        if not (isinstance(key, str) and isinstance(value, np.ndarray)):
            raise ValueError(f"{file}: {key!r} is a {type(value).__name__}, not a named array")
    return {key: torch.from_numpy(value.astype(np.float32)) for key, value in model.items()}


def read_arrays(file: str, data: bytes) -> object:
    """What a pickle of numpy arrays and plain containers holds.

    Raises ValueError, in one line that names the file, on any other: whatever else a pickle
    asks for is refused before it runs.
    """
    try:
        return _ArraysOnly(io.BytesIO(data), encoding="latin1").load()
    except _RefusedError as error:
        raise ValueError(
            f"{file} was not loaded: it asks to run {error} on loading, and a model zoo's file "
            "holds arrays alone"
        ) from error
    except Exception as error:  # on a damaged pickle Python raises whatever it stumbles over
        why = " ".join(str(error).split())
        raise ValueError(f"{file} is damaged, or no pickle of arrays ({why})") from error


class _RefusedError(Exception):
    pass


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        try:
            return _ADMITTED[module.replace("numpy._core", "numpy.core"), name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None


def _number_type(code: str, *flags: object) -> np.dtype:
    dtype = np.dtype(code, copy=True)  # pickle will set its byte order
    if dtype.kind not in "fiub":
        raise _RefusedError(f"numpy.dtype({code!r})")
    return dtype


def _empty_array(*kind: object) -> np.ndarray:
    return np.ndarray((0,), np.uint8)  # pickle will set its shape, type and content


def _whole_array(content: bytes, dtype: np.dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    return np.frombuffer(content, dtype).reshape(shape, order="F" if order == "F" else "C")


def _scalar(dtype: np.dtype, content: bytes) -> np.generic:
    return np.frombuffer(content, dtype)[0]


def _bytes(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise _RefusedError(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


# What the pickles of arrays ask for (in any version of numpy) -> what they get.
_ADMITTED: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _empty_array,
    ("numpy", "dtype"): _number_type,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.numeric", "_frombuffer"): _whole_array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("_codecs", "encode"): _bytes,
    ("__builtin__", "bytes"): _no_bytes,
    ("collections", "OrderedDict"): OrderedDict,
}
