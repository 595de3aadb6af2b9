"""Skeletons -> poses: the extractor `keypoints`."""
