"""The forms of g that are compared."""

from collections.abc import Callable

import torch

from bench.gpu.inputs import Bench
from models.generator import Painted
from models.maps import Target, Texture
from models.reposer import CoordinateReposer


def _as_it_was(bench: Bench) -> CoordinateReposer:
    reposer = bench.reposer("fp32")
    reposer.cudnn["allow_tf32"] = True
    return reposer


def _compiled(bench: Bench) -> CoordinateReposer:
    reposer = bench.reposer("fp16", compiled=False)
    if bench.tiny:  # the C++ that it would make takes a minute to compile
        return reposer
    reposer.generator.forward = torch.compile(reposer.generator.forward, dynamic=False)
    return reposer


class Graphed:
    """`paint` as a CUDA graph: one launch a batch instead of some seventy."""

    def __init__(self, reposer: CoordinateReposer):
        self.reposer, self.plain = reposer, reposer.paint
        self.shapes: tuple | None = None

    def __call__(self, of_g: list[torch.Tensor], W_and_E: Texture, target: Target) -> Painted:
        given = [*of_g, *W_and_E, *target]
        shapes = tuple((x.shape, x.stride()) for x in given)
        if shapes != self.shapes:
            self._capture(given, len(of_g))
            self.shapes = shapes
        for static, x in zip(self.static, given, strict=True):
            if x.stride(0) == 0:  # one source's, expanded
                static, x = static[:1], x[:1]
            static.copy_(x)
        self.graph.replay()
        return Painted(*(x.clone() for x in self.painted))

    def _capture(self, given: list[torch.Tensor], levels: int) -> None:
        self.static = [
            x[:1].clone().expand(x.shape) if x.stride(0) == 0 else x.clone() for x in given
        ]
        *of_g, W, E, M_N = self.static
        for _ in range(2):
            self.plain(of_g, Texture(W, E), Target(M_N))
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.painted = self.plain(of_g, Texture(W, E), Target(M_N))


def _graphed(bench: Bench) -> CoordinateReposer:
    reposer = bench.reposer("fp16")
    reposer.paint = Graphed(reposer)
    return reposer


CONTENDERS: dict[str, Callable[[Bench], CoordinateReposer]] = {
    "fp16 kernels": lambda bench: bench.reposer("fp16"),
    "fp16 kernels, graph": _graphed,
    "fp16 compiled": _compiled,
    "tf32, as it was": _as_it_was,
    "fp16 eager": lambda bench: bench.reposer("fp16", compiled=False),
    "fp32": lambda bench: bench.reposer("fp32"),
}
