"""People found by DensePose: detectors, and what becomes of what they find."""
