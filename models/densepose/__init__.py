"""DensePose R-CNN on torchvision: photographs -> boxes, body parts, U and V."""
