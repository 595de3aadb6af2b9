"""What human parsers write beside photographs -> `annotations.segmentation`."""
