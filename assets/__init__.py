"""What comes with the software, wherever it is installed."""

from pathlib import Path

HERE = Path(__file__).parent
SAMPLE = HERE / "sample"  # a catalog of the sample world
POSES = HERE / "poses"  # a catalog of poses, `poses=bundled`
NETWORKS = HERE / "small"  # a checkpoint, `model=bundled`
POSER = HERE / "poser"  # a checkpoint of a poser, `keypoints.model=bundled`
TRYON = HERE / "tryon"  # one for garment transfer, `model=bundled-tryon`, with the f of `small`
