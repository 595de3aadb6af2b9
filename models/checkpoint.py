"""Checkpoints: a folder of `model.safetensors`, `config.json` and `README.md`, as plain bytes.

A store writes what `save` returns and reads for `load`, so a checkpoint lives wherever files
do. Weights are kept as trained (with spectral norm's vectors), so that training can go on.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from models.config import ModelConfig
from models.generator import build_generator
from models.inpainter import build_inpainter
from models.reposer import CoordinateReposer, Precision

FORMAT = 1
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
TRAINED_ON = "trained_on.txt"
LENDER = "inpainter_of"  # in CONFIG: the folder, seen from here, of a checkpoint that lends its f

Read = Callable[[str], bytes]  # a file's name in the checkpoint's folder -> its content


class Network(NamedTuple):
    """A network that checkpoints hold."""

    letter: str  # the paper's
    build: Callable[[ModelConfig], nn.Module | None]  # None where the variant has no such network


NETWORKS = {
    "inpainter": Network("f", build_inpainter),
    "generator": Network("g", build_generator),
}


class Checkpoint(NamedTuple):
    """What a checkpoint holds."""

    config: ModelConfig
    networks: dict[str, Any]  # trainable, under names of NETWORKS
    sha256: str  # of the weights


def save(
    config: ModelConfig,
    networks: Mapping[str, nn.Module],
    origin: str,
    training_images: bytes | None = None,
) -> dict[str, bytes]:
    """The files of a checkpoint of `networks`, under names of NETWORKS: name -> content.

    `origin` is a Markdown paragraph for the model card: where the weights come from and
    under which licence. `training_images` are the names of the images that they were trained
    on, a line each, where that is known: nobody should measure the model on these.
    """
    weights = safetensors.torch.save(_state(networks))
    card = partial(_card, config, networks, origin=origin)
    return folder({"model": config.described()}, weights, card, training_images)


def folder(
    what: dict[str, Any],
    weights: bytes,
    card: Callable[[str], str],
    training_images: bytes | None = None,
) -> dict[str, bytes]:
    """The files of a checkpoint: name -> content. `card` is called with the SHA-256 of `weights`.

    `what` describes the networks, under a name that tells of which kind they are.
    """
    sha256 = hashlib.sha256(weights).hexdigest()
    description = {"format": FORMAT, **what, "sha256": sha256}
    files = {}
    if training_images is not None:
        description["trained_on"] = hashlib.sha256(training_images).hexdigest()
        files[TRAINED_ON] = training_images
    return files | {
        WEIGHTS: weights,
        CONFIG: (json.dumps(description, indent=2) + "\n").encode(),
        CARD: card(sha256).encode(),
    }


def trained_on(read: Read) -> str | None:
    """The SHA-256 of a checkpoint's list of training images; None where it has none."""
    try:
        return json.loads(read(CONFIG)).get("trained_on")
    except (FileNotFoundError, ValueError, AttributeError):  # no checkpoint: `load` says so
        return None


def weights_sha256(read: Read) -> str:
    """The SHA-256 of a checkpoint's weights, as its configuration tells it; else as `load`."""
    return read_description(read)["sha256"]


def training_images(read: Read, sha256: str) -> set[str]:
    """The names of a checkpoint's training images; ValueError if the list is not that one."""
    names = _read(read, TRAINED_ON)
    if hashlib.sha256(names).hexdigest() != sha256:
        raise ValueError(f"{TRAINED_ON} is of another checkpoint")
    return set(names.decode().splitlines())


def load(
    read: Read,
    device: torch.device,
    precision: Precision = "fp32",
    compiled: bool = True,
    lookup: np.ndarray | None = None,
) -> CoordinateReposer:
    """The model of a checkpoint, made ready for inference on `device`.

    `precision`, `compiled` and `lookup` as in `CoordinateReposer`.

    Raises ValueError, in one line, on a folder that is no checkpoint, was written by a newer
    version, or whose weights are damaged or do not fit its configuration.
    """
    config, networks, weights = load_networks(read)
    decides = f"{weights} {json.dumps(config.described(), sort_keys=True)}"
    sha256 = hashlib.sha256(decides.encode()).hexdigest()
    f, g = networks.get("inpainter"), networks["generator"]
    return CoordinateReposer(config, f, g, sha256, device, precision, compiled, lookup)


def load_networks(read: Read, *names: str) -> Checkpoint:
    """The networks of these names, or all that the checkpoint's variant has.

    Raises as `load` does, also where a network of a name is not there.
    """
    config, state, sha256 = _read_weights(read)
    networks: dict[str, nn.Module] = {}
    for name in names or NETWORKS:
        letter, build = NETWORKS[name]
        network = build(config)
        if network is not None:
            networks[name] = network
        elif names:
            raise ValueError(f"a checkpoint of variant {config.variant} has no {letter}")
    if names:
        state = {key: x for key, x in state.items() if key.partition(".")[0] in names}
    if "generator" in networks and not any(key.startswith("generator.") for key in state):
        raise ValueError(f"{WEIGHTS} holds f alone: train g on it, with reposer train generator")
    check_state(WEIGHTS, state, {key: x.shape for key, x in _state(networks).items()})
    for name, network in networks.items():
        start = f"{name}."
        own = {k.removeprefix(start): x for k, x in state.items() if k.startswith(start)}
        network.load_state_dict(own)
    return Checkpoint(config, networks, sha256)


def _read_weights(read: Read) -> tuple[ModelConfig, dict[str, Tensor], str]:
    config, sha256 = _read_config(read)
    state = read_weights(read, sha256)
    if lender := read_description(read).get(LENDER):
        _, theirs = _read_config(lambda name: _read(read, f"{lender}/{name}"))
        lent = read_weights(read, theirs, f"{lender}/{WEIGHTS}")
        state |= {key: x for key, x in lent.items() if key.startswith("inpainter.")}
        sha256 = hashlib.sha256(f"{sha256} {theirs}".encode()).hexdigest()
    return config, state, sha256


def read_weights(read: Read, sha256: str, name: str = WEIGHTS) -> dict[str, Tensor]:
    """The tensors of a checkpoint; ValueError, in one line, if they are not those of `sha256`."""
    weights = _read(read, name)
    found = hashlib.sha256(weights).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{name} is damaged or of another checkpoint: its sha256 is {found[:12]}..., "
            f"its {CONFIG} says {sha256[:12]}...; copy the whole folder again"
        )
    try:
        return safetensors.torch.load(weights)
    except SafetensorError as error:
        raise ValueError(f"{name} is not a safetensors file: {error}") from error


def check_state(file: object, state: dict[str, Tensor], expected: dict[str, torch.Size]) -> None:
    """Raise ValueError naming the file and the first key by which a state does not fit."""
    for key, shape in expected.items():
        if key not in state:
            raise ValueError(f"{file}: the key {key!r} is missing")
        if state[key].shape != shape:
            raise ValueError(
                f"{file}: {key!r} has shape {tuple(state[key].shape)}, expected {tuple(shape)}"
            )
    for key in state:
        if key not in expected:
            raise ValueError(f"{file}: the key {key!r} belongs to no layer of the network")


def _state(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": tensor.contiguous()
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }


def _read(read: Read, name: str) -> bytes:
    try:
        return read(name)
    except FileNotFoundError as error:
        raise ValueError(f"not a checkpoint: it has no {name}") from error


def read_description(read: Read) -> dict[str, Any]:
    """What a checkpoint's configuration holds; ValueError, in one line, where it cannot be read."""
    try:
        description = json.loads(_read(read, CONFIG))
        version, _ = description["format"], description["sha256"]
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise ValueError(f"{CONFIG} is not a checkpoint's configuration") from error
    if version != FORMAT:
        raise ValueError(
            f"{CONFIG} has format {version}, this version of reposer reads {FORMAT}: update reposer"
        )
    return description


def _read_config(read: Read) -> tuple[ModelConfig, str]:
    description = read_description(read)
    if "poser" in description:
        raise ValueError("it holds a poser, which makes UV maps of skeletons, and no f or g")
    try:
        return ModelConfig(**description["model"]), str(description["sha256"])
    except (TypeError, KeyError) as error:
        raise ValueError(f"{CONFIG} does not describe a model: {error}") from error


def _card(config: ModelConfig, networks: Mapping[str, nn.Module], sha256: str, origin: str) -> str:
    rows = []
    if "inpainter" in networks:
        rows.append(f"| texture | {config.texture_size} x {config.texture_size} texels |")
    for name, network in networks.items():
        trainable = sum(p.numel() for p in network.parameters())
        width = getattr(config, f"{name}_width")
        letter = NETWORKS[name].letter
        rows.append(f"| {letter}, width {width} | {trainable:,} trainable parameters |")
    if config.reveals:
        rows.append("| stays | head and hands of the target's photograph |")
    use = "Use it as `reposer render model=URL_OF_THIS_FOLDER ...`."
    if "generator" not in networks:
        use = "It holds f alone: `reposer train generator inpainter=URL_OF_THIS_FOLDER ...`."
    if config.reveals:
        use = (
            "It dresses people in the clothes of others: `reposer render catalog=GARMENTS "
            "poses=PEOPLE model=URL_OF_THIS_FOLDER ...`."
        )
    about = "".join(f"\n{row}" for row in rows)
    return f"""# A reposer model

Renders the person of a photograph in another pose, after "Coordinate-based Texture Inpainting
for Pose-Guided Human Image Generation" (Grigorev, Sevastopolsky, Vakhitov, Lempitsky, CVPR 2019).

{origin}

| | |
|---|---|
| variant | `{config.variant}`: {config.form.about} |
| UV layout of its input | `{config.layout}` |
| coordinate convention | `{config.convention}` |{about}
| sha256 of `{WEIGHTS}` | `{sha256}` |

Photographs are RGB in [0, 1]; UV maps are (u, v) in [-1, 1], undefined off the body.
{use}
"""
