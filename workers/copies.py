"""Copies between the host and a model's device."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

Planes = Callable[[], np.ndarray]  # waits for an image, uint8 (3, h, w)


class Copies:
    """Moves arrays to a device, and images back.

    On a GPU this happens beside what it computes: from and to pinned memory, on streams of their
    own. `cuda` is what stands for CUDA.
    """

    def __init__(self, device: torch.device, cuda: Any = torch.cuda):
        self.device, self.cuda = device, cuda
        if device.type == "cuda":
            self.upward, self.downward = cuda.Stream(device), cuda.Stream(device)

    def up(self, array: np.ndarray) -> Tensor:
        """An array on the device, there before what the current stream is given next."""
        host = torch.from_numpy(array)
        if self.device.type != "cuda":
            return host.to(self.device)
        pinned = torch.empty(host.shape, dtype=host.dtype, pin_memory=True).copy_(host)
        with self.cuda.stream(self.upward):
            there = torch.empty(host.shape, dtype=host.dtype, device=self.device)
            there.copy_(pinned, non_blocking=True)
        here = self.cuda.current_stream(self.device)
        here.wait_stream(self.upward)
        there.record_stream(here)  # else its memory might be used again before it was read
        return there

    def down(self, images: Tensor) -> list[Planes]:
        """Begin to fetch images (K, 3, h, w), in [0, 1] or bytes already; each as bytes.

        Floats become bytes on the device. On a CPU they do so in the thread that asks for them.
        """
        if self.device.type != "cuda":
            return [partial(_bytes, image) for image in images.cpu().numpy()]
        if images.is_floating_point():
            images = images.float().mul(255).round_().clamp_(0, 255).to(torch.uint8)
        images = images.contiguous()
        pinned = torch.empty(images.shape, dtype=images.dtype, pin_memory=True)
        self.downward.wait_stream(self.cuda.current_stream(self.device))
        with self.cuda.stream(self.downward):
            pinned.copy_(images, non_blocking=True)
        images.record_stream(self.downward)
        done = self.cuda.Event(blocking=True)  # the thread that waits for it sleeps
        done.record(self.downward)

        def arrived(number: int) -> np.ndarray:
            done.synchronize()
            return pinned[number].numpy()

        return [partial(arrived, number) for number in range(len(images))]


def _bytes(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8:
        image = np.rint(image * 255).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(image)
