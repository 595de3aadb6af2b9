"""DensePose R-CNN: from a batch of photographs to the people on each and their charts.

Its modules are named as in the model zoo's files, so that these load as they are.
"""

import torch
from torch import Tensor, nn
from torchvision.ops import nms

from models.densepose.backbone import Pyramid
from models.densepose.boxes import clipped_boxes, shifted_boxes
from models.densepose.heads import (
    BOX_POOL,
    CHART_POOL,
    BoxHead,
    BoxPredictor,
    ChartPredictor,
    Charts,
    Decoder,
    DeepLabHead,
    PlainHead,
)
from models.densepose.pooling import pooled
from models.densepose.proposals import ProposalNetwork

MODELS = {  # the model zoo's name -> depth of the ResNet, head
    "densepose_rcnn_R_50_FPN_s1x": (50, PlainHead),
    "densepose_rcnn_R_101_FPN_DL_s1x": (101, DeepLabHead),
}
MEAN_BGR = (103.53, 116.28, 123.675)  # of ImageNet's pixels, 0..255
STRIDE = 32  # sides of the network's input are multiples of it
DETECTIONS = 100  # of a photograph, at most
LARGEST_OVERLAP = 0.5  # of two people, as intersection over union


Sizes = list[tuple[int, int]]  # height and width of each photograph, without padding
People = list[tuple[Tensor, Tensor]]  # on each photograph: boxes (N, 4), scores (N,), best first


class RoiHeads(nn.Module):
    """People among the proposals, and their charts."""

    def __init__(self, head: type[nn.Module]):
        super().__init__()
        self.box_head = BoxHead()
        self.box_predictor = BoxPredictor()
        self.decoder = Decoder()
        self.densepose_head = head()
        self.densepose_predictor = ChartPredictor()

    def people(
        self, pyramid: list[Tensor], proposals: list[Tensor], sizes: Sizes, min_score: float
    ) -> People:
        """Each image's boxes (N, 4) and scores (N,)."""
        features = self.box_head(pooled(pyramid, proposals, BOX_POOL))
        scores, deltas = self.box_predictor(features)
        boxes = shifted_boxes(torch.cat(proposals), deltas, (10, 5))
        counts = [len(p) for p in proposals]
        images = zip(boxes.split(counts), scores.split(counts), sizes, strict=True)
        return [best_people(*image, min_score) for image in images]

    def charts(self, pyramid: list[Tensor], boxes: list[Tensor]) -> Charts:
        """The charts of all images' boxes."""
        features = pooled([self.decoder(pyramid)], boxes, CHART_POOL)
        return self.densepose_predictor(self.densepose_head(features))


class DensePoseRCNN(nn.Module):
    """The network of the zoo's model `name`."""

    def __init__(self, name: str):
        super().__init__()
        depth, head = MODELS[name]
        self.name = name
        self.backbone = Pyramid(depth)
        self.proposal_generator = ProposalNetwork()
        self.roi_heads = RoiHeads(head)

    def people(self, images: Tensor, sizes: Sizes, min_score: float) -> tuple[list[Tensor], People]:
        """Images (B, 3, H, W) of `preprocess.batch` -> their features p2..p5, and their people.

        Boxes are in pixels of `images`; people whose score is not above `min_score` are left out.
        """
        pyramid = self.backbone(images)
        proposals = self.proposal_generator(pyramid, sizes)
        return pyramid[:4], self.roi_heads.people(pyramid[:4], proposals, sizes, min_score)

    def charts(self, pyramid: list[Tensor], boxes: list[Tensor]) -> Charts:
        """The charts of some people, (N, 4) of each image, in the order of images and boxes."""
        return self.roi_heads.charts(pyramid, boxes)


def best_people(
    boxes: Tensor, scores: Tensor, size: tuple[int, int], min_score: float
) -> tuple[Tensor, Tensor]:
    """Of one image's candidates (N, 4), (N,) those above `min_score` that hardly overlap."""
    valid = boxes.isfinite().all(dim=1) & (scores > min_score)
    boxes, scores = clipped_boxes(boxes[valid], size), scores[valid]
    keep = nms(boxes, scores, LARGEST_OVERLAP)[:DETECTIONS]
    return boxes[keep], scores[keep]
