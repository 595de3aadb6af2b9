"""Networks in microbatches of one fixed size, so that values do not depend on the batch."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.backends import cudnn

ON_GPU = 16  # images a call


@torch.inference_mode()
def in_microbatches(
    network: Callable[..., tuple[Tensor, ...]], device: torch.device, *batches: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Call the network on slices of the batches, (N, ...) each; its (n, ...) outputs joined.

    A convolution may be computed another way in a batch of another size. So every call has the
    same: one image on a CPU, where more are no faster, and 16 on a GPU, the last call filled up
    with its last image. A GPU's float32 is not TF32 here: values are to be a CPU's.
    """
    size = ON_GPU if device.type == "cuda" else 1
    outputs = []
    for start in range(0, len(batches[0]), size):
        rows = np.minimum(np.arange(start, start + size), len(batches[0]) - 1)
        with cudnn.flags(enabled=True, allow_tf32=False):
            results = network(*(torch.from_numpy(batch[rows]).to(device) for batch in batches))
        outputs.append([r[: len(batches[0]) - start].cpu().numpy() for r in results])
    return tuple(np.concatenate(parts) for parts in zip(*outputs, strict=True))
