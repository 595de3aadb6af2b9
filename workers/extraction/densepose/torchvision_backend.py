"""DensePose on torchvision, for machines without detectron2."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.backends import cudnn

from configs.densepose import DensePose
from models.densepose.boxes import clipped_boxes, not_empty
from models.densepose.charts import body_surface
from models.densepose.heads import Charts
from models.densepose.inference import prepared
from models.densepose.preprocess import batch, network_size, padded_size, resized
from models.densepose.weights import load
from workers.extraction.densepose.batches import in_batches
from workers.extraction.densepose.detection import Person
from workers.extraction.people import chosen


class Torchvision:
    """A `workers.extraction.densepose.detection.Detector`: detectron2's results on its weights."""

    def __init__(self, settings: DensePose, weights: bytes, batch: int):
        self.settings, self.batch = settings, batch
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.mixed = settings.precision == "mixed"
        network = load(f"densepose_rcnn_{settings.config}", str(settings.weights), weights)
        self.network = prepared(network, self.device, self.mixed)

    def __call__(self, photographs: Sequence[np.ndarray]) -> list[list[Person]]:
        """See `Detector`."""
        sizes = [padded_size(self._size(photograph)) for photograph in photographs]
        return in_batches(photographs, sizes, self.batch, self._detect)

    def _size(self, photograph: np.ndarray) -> tuple[int, int]:
        height, width, _ = photograph.shape
        return network_size(height, width, self.settings.short_side, self.settings.long_side)

    @torch.inference_mode()
    def _detect(self, photographs: Sequence[np.ndarray]) -> list[list[Person]]:
        """The people on photographs that the network sees at one padded size."""
        sizes = [self._size(photograph) for photograph in photographs]
        seen = [resized(p, *size) for p, size in zip(photographs, sizes, strict=True)]
        with (
            # Else a GPU's float32 would be TF32, of 10 bits.
            cudnn.flags(enabled=True, allow_tf32=self.mixed),
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed),
        ):
            images = batch(seen, self.device)
            pyramid, found = self.network.people(images, sizes, self.settings.min_score)
            placed = [
                on_photograph(boxes, size, photograph)
                for (boxes, _), size, photograph in zip(found, sizes, photographs, strict=True)
            ]
            taken = [
                self._taken(boxes, scores, photograph)
                for boxes, (_, scores), photograph in zip(placed, found, photographs, strict=True)
            ]
            if not any(taken):
                return [[] for _ in photographs]
            at = [boxes[i] for (boxes, _), i in zip(found, taken, strict=True)]
            charts = iter(self.network.charts(pyramid, at).people())
        return [
            [_person(boxes[i], scores[i], next(charts)) for i in indices]
            for boxes, (_, scores), indices in zip(placed, found, taken, strict=True)
        ]

    def _taken(self, boxes: Tensor, scores: Tensor, photograph: np.ndarray) -> list[int]:
        """Which of the people found become rows."""
        there = not_empty(boxes).nonzero()[:, 0]
        height, width, _ = photograph.shape
        found = boxes[there].cpu().numpy(), scores[there].cpu().numpy()
        return there[chosen(*found, height, width, self.settings)].tolist()


def on_photograph(boxes: Tensor, size: tuple[int, int], photograph: np.ndarray) -> Tensor:
    """Boxes (N, 4) as seen at `size`, brought to the photograph's own pixels."""
    (seen_height, seen_width), (height, width, _) = size, photograph.shape
    x, y = width / seen_width, height / seen_height
    return clipped_boxes(boxes * boxes.new_tensor([x, y, x, y]), (height, width))


def _person(box: Tensor, score: Tensor, charts: Charts) -> Person:
    labels, uv = body_surface(charts, box)
    return Person(box.cpu().numpy(), score.item(), labels.cpu().numpy(), uv.cpu().numpy())
