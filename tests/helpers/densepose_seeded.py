"""Seeded stand-ins for the model zoo's weights, with their keys and shapes.

The zoo's own weights are for non-commercial use and not ours to pass on.
"""

import pickle
import zlib

import numpy as np
import torch

from models.densepose.network import DensePoseRCNN
from models.densepose.weights import zoo_shapes

# Drawn at random alone, the networks find nobody or a hundred people: features grow with each
# residual block, and each layer's mean outweighs what differs from place to place. So filters
# sum to zero, and these factors on He's initialisation, and shifts, keep features near 1, put
# proposals apart, pass a few people on a photograph, and keep U and V between 0 and 1.
GAINS = {
    "stem.conv1.norm.weight": 0.01,  # pixels are some 100 times what layers expect
    "conv3.norm.weight": 0.3,
    "anchor_deltas.weight": 0.5,
    "cls_score.weight": 3.0,
    "bbox_pred.weight": 1.0,
    "u_lowres.weight": 0.1,
    "v_lowres.weight": 0.1,
}
SHIFTS = {"cls_score.bias": (-4.75, 4.75), "u_lowres.bias": 0.5, "v_lowres.bias": 0.5}


def seeded_array(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array of one of the zoo's keys."""
    charts = "lowres.weight" in key  # transposed: inputs come first
    drawn = (*shape[:2], 1, 1) if charts else shape  # charts are smooth, as true ones are
    a = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(drawn)
    if key.endswith("running_var"):
        a = 1 + 0.1 * np.abs(a)
    elif key.endswith("running_mean"):
        a = 0.1 * a
    elif len(shape) == 1 and key.endswith("weight"):  # of a norm
        a = 1 + 0.1 * a
    elif key.endswith("bias"):
        a = 0.05 * a
    else:
        inputs = 0 if charts else tuple(range(1, len(shape)))
        a -= a.mean(axis=inputs, keepdims=True)
        a *= np.sqrt(2 / np.prod(shape[1:]))
    gain = next((gain for end, gain in GAINS.items() if key.endswith(end)), 1.0)
    shift = next((shift for end, shift in SHIFTS.items() if key.endswith(end)), 0.0)
    return np.broadcast_to(gain * a + shift, shape).astype(np.float32)


def seeded_file(name: str) -> bytes:
    """A file such as the model zoo's of the model `name`."""
    with torch.device("meta"):
        shapes = zoo_shapes(DensePoseRCNN(name))
    model = {key: seeded_array(key, tuple(shape)) for key, shape in shapes.items()}
    return pickle.dumps({"model": model, "__author__": "reposer's tests"}, protocol=2)
