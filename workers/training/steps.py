"""What is common to the training of f and of g: precision, rates, what a step must not do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parametrize

from configs.train import TrainConfig
from models.checkpoint import load_networks
from models.config import ModelConfig
from workers.model import checkpoint


class Training(Protocol):
    """Networks in training: what the loop needs of f or of g."""

    config: Any  # with a learning_rate
    columns: tuple[str, ...]  # names of the pictures of a sheet
    model: Any  # the networks' configuration
    networks: dict[str, nn.Module]  # what is served, under the names of `models.checkpoint`
    save: Callable[..., dict[str, bytes]]  # of model, networks, and as `models.checkpoint.save`
    parts: dict[str, Any]  # all that has a state to go on from: networks in training, optimisers
    optimisers: tuple[torch.optim.Adam, ...]
    # () 1 once a loss or a gradient was not finite: nothing changes any more, else 0.
    failed: Tensor
    note: str  # a sentence for the model card, or nothing

    def step(self, batch: Any) -> dict[str, Tensor]:
        """One step of every optimiser; the losses, `total` among them, and the gradients' norms.

        Nothing in it waits for the device. It is `descend` that keeps what is not finite from
        changing anything.
        """
        ...

    def test(self, batch: Any) -> dict[str, Tensor]:
        """The losses on a batch that is not trained on."""
        ...

    def sheet(self, batch: Any) -> list[np.ndarray]:
        """The pictures of every sample, named by `columns`: (B, H, W, 3) uint8 each."""
        ...


class NotFiniteError(ValueError):
    """A loss or a gradient is NaN or infinite; the message names it and the batch."""


def trained_network(key: str, url: str, name: str) -> tuple[ModelConfig, Any]:
    """A checkpoint's configuration and its network of a name; `key` is what the config calls it.

    Raises ValueError naming key and checkpoint, where that cannot be.
    """
    try:
        found = load_networks(checkpoint(url).read, name)
    except ValueError as error:
        raise ValueError(f"{key}={url}: {error}") from error
    return found.config, found.networks[name]


Function = TypeVar("Function", bound=Callable)


def compiled(function: Function, config: TrainConfig, device: torch.device) -> Function:
    """The same function, compiled for a GPU where the config wants it and the machine can."""
    if device.type != "cuda" or not config.execution.compile:
        return function
    torch._dynamo.config.suppress_errors = True  # a machine without a C compiler goes on without
    return torch.compile(function, dynamic=False)  # pyright: ignore[reportReturnType]


def adam(
    network: nn.Module, device: torch.device, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.Adam:
    """An optimiser whose rate, a tensor, is yet to be set, and whose step a graph may hold."""
    fused = torch.optim.Adam(
        network.parameters(), betas=betas, fused=True, capturable=device.type == "cuda"
    )
    for group in fused.param_groups:
        group["lr"] = torch.zeros((), device=device)
    return fused


def descend(
    optimiser: torch.optim.Optimizer, losses: dict[str, Tensor], name: str, failed: Tensor
) -> Tensor:
    """A step down the loss of a name; returns the norm of its gradient.

    If a loss or the gradient is not finite, here or in another process, or was not before,
    `failed` becomes 1 and nothing else changes. A loss may be finite where its gradient is not: a
    step there would spoil every checkpoint to come.
    """
    optimiser.zero_grad(set_to_none=True)
    losses[name].backward()
    gradients = [
        p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None
    ]
    norm = torch.nn.utils.get_total_norm(gradients)
    values = torch.stack([*(loss.detach() for loss in losses.values()), norm])
    failed.copy_(failed.maximum((~values.isfinite()).any().float()))
    if torch.distributed.is_initialized():
        torch.distributed.all_reduce(failed, torch.distributed.ReduceOp.MAX)
    # As GradScaler does: where it is 1, the step is left out.
    optimiser.found_inf = failed  # pyright: ignore[reportAttributeAccessIssue]
    optimiser.step()
    return norm


def rate_at(config: TrainConfig, rate: float, step: int) -> float:
    """The learning rate of a step: constant, then falling to 0 over the last share of `decay`."""
    last = config.steps * config.decay
    return rate * min(1.0, (config.steps - step) / last) if last else rate


def distributed(module: nn.Module, device: torch.device) -> nn.Module:
    """The module with its gradients averaged over all processes, where there are several."""
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return module
    ids = [device] if device.type == "cuda" else None
    return DistributedDataParallel(module, device_ids=ids)


def in_bf16(precision: str, device: torch.device) -> bool:
    """Whether convolutions run in bfloat16: on a processor that is made for it it is faster.

    A CPU without instructions for it is ten times slower in it.
    """
    if precision != "auto":
        return precision == "mixed"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    known = torch.cpu.get_capabilities()
    return known.get("avx512_bf16", False) or known.get("amx_bf16", False)


@contextmanager
def mixed(device: torch.device, bf16: bool, *networks: nn.Module) -> Iterator[None]:
    """Run convolutions in bfloat16 where `bf16`; parametrised weights are made in float32, once.

    Spectral norm would otherwise run a power iteration at every use of a weight, in bfloat16.
    """
    with parametrize.cached():
        for network in networks:
            for module in network.modules():
                if parametrize.is_parametrized(module):
                    _ = module.weight
        with torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext():
            yield


def pictures(*images: Tensor) -> list[np.ndarray]:
    """(B, 3, H, W) in [0, 1] each -> (B, H, W, 3) uint8 each."""
    return [
        x.detach().float().clamp(0, 1).mul(255).round().movedim(1, -1).to(torch.uint8).cpu().numpy()
        for x in images
    ]
