"""DensePose as detectron2's DensePose project runs it: the one file that imports detectron2."""
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from densepose import add_densepose_config
from detectron2.config import CfgNode, get_cfg
from detectron2.data.transforms import ResizeShortestEdge
from detectron2.modeling import build_model

from configs.densepose import MODELS, DensePose
from models.densepose.charts import body_surface
from models.densepose.heads import Charts
from models.densepose.preprocess import network_size, padded_size
from models.densepose.weights import read_zoo_file
from workers.extraction.densepose.batches import in_batches
from workers.extraction.densepose.detection import Person
from workers.extraction.people import chosen

# What the DensePose project's config files say, which its package lacks, in detectron2's keys.
_LEVELS = ["p2", "p3", "p4", "p5"]
_RCNN: dict[str, Any] = {
    "META_ARCHITECTURE": "GeneralizedRCNN",
    "BACKBONE": {"NAME": "build_resnet_fpn_backbone"},
    "RESNETS": {"OUT_FEATURES": ["res2", "res3", "res4", "res5"]},
    "FPN": {"IN_FEATURES": ["res2", "res3", "res4", "res5"]},
    "ANCHOR_GENERATOR": {
        "SIZES": [[32], [64], [128], [256], [512]],
        "ASPECT_RATIOS": [[0.5, 1.0, 2.0]],
    },
    "RPN": {
        "IN_FEATURES": [*_LEVELS, "p6"],
        "PRE_NMS_TOPK_TEST": 1000,
        "POST_NMS_TOPK_TEST": 1000,
    },
    "DENSEPOSE_ON": True,
    "ROI_HEADS": {"NAME": "DensePoseROIHeads", "IN_FEATURES": _LEVELS, "NUM_CLASSES": 1},
    "ROI_BOX_HEAD": {
        "NAME": "FastRCNNConvFCHead",
        "NUM_FC": 2,
        "POOLER_RESOLUTION": 7,
        "POOLER_SAMPLING_RATIO": 2,
        "POOLER_TYPE": "ROIAlign",
    },
    "ROI_DENSEPOSE_HEAD": {"POOLER_TYPE": "ROIAlign", "NUM_COARSE_SEGM_CHANNELS": 2},
}
_DEPTH_AND_HEAD = {
    "R_50_FPN_s1x": (50, "DensePoseV1ConvXHead"),
    "R_101_FPN_DL_s1x": (101, "DensePoseDeepLabHead"),
}


def network_config(settings: DensePose) -> CfgNode:
    """detectron2's config of the network that the settings name."""
    cfg = get_cfg()
    add_densepose_config(cfg)
    if settings.config in MODELS:
        depth, head = _DEPTH_AND_HEAD[settings.config]
        cfg.MODEL.merge_from_other_cfg(CfgNode(_RCNN))
        cfg.MODEL.RESNETS.DEPTH, cfg.MODEL.ROI_DENSEPOSE_HEAD.NAME = depth, head
    else:
        cfg.merge_from_file(settings.config)
    cfg.MODEL.DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = settings.min_score
    return cfg


class Detectron2:
    """A `workers.extraction.densepose.detection.Detector`: the project's own network."""

    def __init__(self, settings: DensePose, weights: bytes, batch: int):
        self.settings, self.batch = settings, batch
        cfg = network_config(settings)
        self.model = build_model(cfg).eval()
        self.bgr = cfg.INPUT.FORMAT == "BGR"
        self.resize = ResizeShortestEdge([settings.short_side] * 2, settings.long_side)
        self._load(weights)

    def _load(self, weights: bytes) -> None:
        file = str(self.settings.weights)
        found = self.model.load_state_dict(read_zoo_file(file, weights), strict=False)
        # Older files hold these constants, newer ones do not.
        lacking = [k for k in found.missing_keys if not k.startswith("pixel_")]
        beyond = [k for k in found.unexpected_keys if "anchor_generator" not in k]
        if lacking or beyond:
            fault = f"lacks {lacking[0]}" if lacking else f"has {beyond[0]}"
            raise ValueError(f"{file} is not of the config {self.settings.config}: it {fault}")

    def __call__(self, photographs: Sequence[np.ndarray]) -> list[list[Person]]:
        """See `Detector`."""
        short, long = self.settings.short_side, self.settings.long_side
        sizes = [
            padded_size(network_size(p.shape[0], p.shape[1], short, long)) for p in photographs
        ]
        return in_batches(photographs, sizes, self.batch, self._detect)

    def _detect(self, photographs: Sequence[np.ndarray]) -> list[list[Person]]:
        mixed = self.settings.precision == "mixed"
        with torch.inference_mode(), torch.autocast("cuda") if mixed else nullcontext():
            results = self.model([self._input(photograph) for photograph in photographs])
        return [self._people(result["instances"]) for result in results]

    def _input(self, photograph: np.ndarray) -> dict[str, Any]:
        height, width = photograph.shape[:2]
        pixels = photograph[..., ::-1] if self.bgr else photograph
        pixels = self.resize.get_transform(pixels).apply_image(pixels)
        image = torch.as_tensor(pixels.astype(np.float32).transpose(2, 0, 1))
        return {"image": image, "height": height, "width": width}

    @torch.inference_mode()
    def _people(self, instances: Any) -> list[Person]:
        boxes, scores = instances.pred_boxes.tensor, instances.scores
        found = boxes.cpu().numpy(), scores.cpu().numpy()
        people = []
        height, width = instances.image_size
        for i in chosen(*found, height, width, self.settings):
            dense = instances.pred_densepose
            charts = Charts(dense.coarse_segm[i], dense.fine_segm[i], dense.u[i], dense.v[i])
            labels, uv = body_surface(charts, boxes[i])
            people.append(
                Person(found[0][i], float(found[1][i]), labels.cpu().numpy(), uv.cpu().numpy())
            )
        return people
