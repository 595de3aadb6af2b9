"""The authors' released weights, `inpainter.pth` and `refiner.pth`, made a checkpoint.

Their keys, and ours (LEAF is `weight`, `bias` or a statistic of BatchNorm):

    f  gate{1..12}.conv_f.LEAF            encoder.{0..11}.features.LEAF
       gate{13..15}.conv_f.LEAF           decoder.{0..2}.features.LEAF
       ... .conv_m.LEAF, ... .norm.LEAF   ... .gate.LEAF, ... .norm.LEAF
       sequence.{0-11,13,15,16}...        the same tensors as gate{1..15}... once more
       final.conv1.LEAF                   out.LEAF
    g  source_enc{1..3}, target_enc{1..3} source_encoder.{0..2}, target_encoder.{0..2}
       res{1..6}, dec{1..3}               middle.{0..5}, decoder.{0..2}
       ... .conv.module.bias              ... .conv.bias
       ... .conv.module.weight_bar        ... .conv.parametrizations.weight.original
       ... .conv.module.weight_u, _v      ... .conv.parametrizations.weight.0._u, ._v
       final.conv1.module...              out...
"""

import re
import warnings
from pathlib import Path

import torch
from torch import Tensor

from models.checkpoint import check_state, save
from models.config import ModelConfig
from models.generator import Generator
from models.inpainter import Inpainter

AUTHORS_CONFIG = ModelConfig(layout="smpl", convention="compat")

ORIGIN = """The weights are those released by the paper's authors, converted from `inpainter.pth`
and `refiner.pth`. Their code is under the MIT licence; the weights were trained on DeepFashion,
which is for non-commercial research, and with SMPL's texture coordinates: their licences bind
whoever uses this model."""

_SEQUENCE = [*range(12), 13, 15, 16]  # where gates 1..15 stand among f's up-samplings

_F_LEAVES = {"features": "conv_f", "gate": "conv_m", "norm": "norm"}
_G_MODULES = {
    "source_encoder": "source_enc",
    "target_encoder": "target_enc",
    "middle": "res",
    "decoder": "dec",
}
_G_LEAVES = {
    "bias": "bias",
    "parametrizations.weight.original": "weight_bar",
    "parametrizations.weight.0._u": "weight_u",
    "parametrizations.weight.0._v": "weight_v",
}


def inpainter_names(key: str) -> list[str]:
    """The authors' names of one of f's tensors; where there are two, the last one counts."""
    part, leaf = key.split(".", 1)
    if part == "out":
        return [f"final.conv1.{leaf}"]
    index, block, leaf = leaf.split(".")
    gate = int(index) + (12 if part == "decoder" else 0)
    leaf = f"{_F_LEAVES[block]}.{leaf}"
    return [f"gate{gate + 1}.{leaf}", f"sequence.{_SEQUENCE[gate]}.{leaf}"]


def generator_names(key: str) -> list[str]:
    """The authors' name, the only one, of one of g's tensors."""
    part, leaf = key.split(".", 1)
    if part == "out":
        return [f"final.conv1.module.{_G_LEAVES[leaf]}"]
    index, _, leaf = leaf.split(".", 2)
    return [f"{_G_MODULES[part]}{int(index) + 1}.conv.module.{_G_LEAVES[leaf]}"]


def import_authors(
    inpainter: Path, refiner: Path, training_images: bytes | None = None
) -> dict[str, bytes]:
    """The files of a checkpoint (see `models.checkpoint.save`) with the authors' weights.

    Raises ValueError, in one line that names the file, and the key where it is one, on
    anything but the released architecture's two state dicts. Nothing in the files is run.
    """
    f, g = Inpainter(AUTHORS_CONFIG.inpainter_width), Generator(AUTHORS_CONFIG.generator_width)
    f_names = {key: inpainter_names(key) for key in f.state_dict()}
    g_names = {key: generator_names(key) for key in g.state_dict()}
    f_state, g_state = _read_state(inpainter), _read_state(refiner)
    if _names(g_names) & f_state.keys() and _names(f_names) & g_state.keys():
        raise ValueError(f"{inpainter} holds g and {refiner} holds f: swap the two files")
    _fill(f, f_names, inpainter, f_state)
    _fill(g, g_names, refiner, g_state)
    return save(AUTHORS_CONFIG, {"inpainter": f, "generator": g}, ORIGIN, training_images)


def _names(names: dict[str, list[str]]) -> set[str]:
    return {name for both in names.values() for name in both}


def _read_state(file: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings(action="ignore"):  # what torch thinks of a stray file
            state = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from error
    except Exception as error:  # on a malformed pickle torch raises whatever it stumbles over
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        why = f"it asks to run {code[1]} on loading" if code else "torch cannot read it"
        raise ValueError(f"{file} is no state dict and was not loaded: {why}") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(f"{file} is no state dict: it holds more than named tensors")
    return state


def _fill(
    network: Inpainter | Generator,
    names: dict[str, list[str]],
    file: Path,
    state: dict[str, Tensor],
) -> None:
    own = network.state_dict()
    check_state(file, state, {name: own[k].shape for k, both in names.items() for name in both})
    network.load_state_dict({key: state[both[-1]] for key, both in names.items()})
