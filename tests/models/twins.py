"""Every pass of `models.fused` against its twin in `models.passes`.

Run by `test_half.py` in a process of its own, because Triton must be told before it is imported
that it is to interpret. On a GPU the kernels themselves run.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from models import fused, passes
from models.passes import Raw, Read

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CHANNELS = 24  # no power of two
SIZES = ((11, 18), (18, 11))


def random(*shape: int) -> Tensor:
    x = torch.randn(shape, device=DEVICE).half() * 3 + 1
    return x.contiguous(memory_format=torch.channels_last)


def twins(name: str, expected: Sequence[Tensor | None], found: Sequence[Tensor | None]) -> None:
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(b, a, atol=4e-3, rtol=2e-3, msg=lambda m: f"{name}: {m}")


def main() -> None:
    torch.manual_seed(0)
    for size, border, aligned in (((7, 10), 1, True), ((10, 7), 2, False), ((8, 8), 0, True)):
        y, more = random(2, CHANNELS, *size), random(2, CHANNELS, *size)
        half = random(2, CHANNELS, (size[0] + 1) // 2, (size[1] + 1) // 2)
        one = random(1, CHANNELS, 13, 9).expand(2, -1, -1, -1)  # one source in two poses
        field = torch.rand(2, 2, *size, device=DEVICE) * 2.6 - 1.3  # beyond the edges, too
        twins("normed", passes.normed(y), fused.normed(y))
        reads = [
            Read(passes.normed(y)),
            Read(passes.normed(y), plus=passes.normed(more)),
            Read(passes.normed(half)),
            Read(Raw(one), at=field),
        ]
        expected = passes.joined(reads, size, border, aligned)
        found = fused.joined(reads, size, border, aligned)
        twins("joined", [expected], [found])
        assert found.is_contiguous(memory_format=torch.channels_last)
        shown = passes.laid_out(field, border, 8), fused.laid_out(field, border, 8)
        twins("laid_out", shown[:1], shown[1:])
    for outputs in (3, 4, 5):
        weight, bias = random(outputs, CHANNELS, 3, 3) / 40, torch.randn(outputs, device=DEVICE)
        painted = [by.painted(passes.normed(y), weight, bias) for by in (passes, fused)]
        twins("painted", painted[:1], painted[1:])
    print("twins")


if __name__ == "__main__":
    main()
