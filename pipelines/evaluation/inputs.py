"""What an evaluation reads: one of `Renders`, `Transfers`, `Folders`, `Strips`, `SideBySide`.

Each knows its pairs, the fingerprints of what it reads, and the album of its pictures.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from configs.evaluate import EvaluateConfig
from eval.metrics.variants import Mask
from eval.naming import pair_folders, side_by_side, strips
from pipelines.evaluation.pairs import (
    Pairs,
    image_names,
    listed,
    score_keys,
)
from pipelines.evaluation.renders import Renders, Transfers
from pipelines.evaluation.splits import Split
from pipelines.runs.plan import RunError, fingerprint
from workers.albums import Album, FolderAlbum, StripAlbum
from workers.data.names import canonical_key
from workers.data.storage import Store
from workers.shards.rows import ScoreKey


class Input(Protocol):
    """Generated images, and the photographs they are measured against."""

    def pairs(self, split: Split | None) -> Pairs:
        """Its pairs, of a split those that it lists; RunError where there is none to score."""
        ...

    def fingerprints(self) -> dict[str, str]:
        """Identify what it reads, by name."""
        ...

    @property
    def album(self) -> Album:
        """Its pictures."""
        ...


def input_of(config: EvaluateConfig, masks: frozenset[Mask] = frozenset()) -> Input:
    """The input that a config names; RunError where its pictures cannot come with the masks."""
    if config.renders and config.catalog:
        return Renders(config.renders, config.catalog, config.method, masks, config.unpaired)
    if config.renders and config.truth:
        return Transfers(Renders(config.renders, config.truth, config.method, masks))
    if masks:
        raise RunError(
            f".{min(masks)}: only a catalog says where the {min(masks)} is; give renders= and "
            "catalog= or truth="
        )
    if config.generated and config.reference:
        return Folders(config.generated, config.reference, config.method)
    if config.strips:
        return Strips(config.strips, config.method)
    assert config.side_by_side
    return SideBySide(config.side_by_side)


@dataclass(frozen=True)
class Folders:
    """A folder of generated images, in the field's names, and one of the photographs."""

    generated: str
    reference: str
    method: str | None = None

    def pairs(self, split: Split | None) -> Pairs:
        """Every generated image, paired by name."""
        generated, references = image_names(self.generated), image_names(self.reference)
        pairs = pair_folders(generated, references, canonical_key)
        return listed(score_keys(self.method or _name(self.generated), pairs, references), split)

    def fingerprints(self) -> dict[str, str]:
        """Of both folders."""
        return {
            "generated": fingerprint(Store(self.generated)),
            "reference": fingerprint(Store(self.reference)),
        }

    @property
    def album(self) -> FolderAlbum:
        """Both folders."""
        return FolderAlbum(self.generated, self.reference)


@dataclass(frozen=True)
class Strips:
    """A folder of files that each hold [condition | target | generated]."""

    strips: str
    method: str | None = None

    def pairs(self, split: Split | None) -> Pairs:
        """Every strip."""
        pairs = strips(image_names(self.strips), canonical_key)
        return listed(score_keys(self.method or _name(self.strips), pairs), split)

    def fingerprints(self) -> dict[str, str]:
        """Of the folder."""
        return {"strips": fingerprint(Store(self.strips))}

    @property
    def album(self) -> StripAlbum:
        """The folder."""
        return StripAlbum(self.strips)


@dataclass(frozen=True)
class SideBySide:
    """A folder of N_METHOD.png, with N_target.png: several methods."""

    side_by_side: str

    def pairs(self, split: Split | None) -> Pairs:
        """Every image of a method, a pair's methods together."""
        if split:
            raise RunError("split= lists pairs by name; the images of side_by_side are numbered")
        names = image_names(self.side_by_side)
        stems = {PurePosixPath(name).stem: name for name in names}
        keys = []
        for method, pairs in side_by_side(names).items():
            for pair in pairs:
                source = stems.get(f"{pair.pair_id}_source")
                ids = (pair.pair_id, method, pair.pair_id)  # a pair is an item of its own
                keys.append(ScoreKey(*ids, source, pair.generated, pair.reference))
        return Pairs(sorted(keys, key=lambda key: key.pair_id))

    def fingerprints(self) -> dict[str, str]:
        """Of the folder."""
        return {"side_by_side": fingerprint(Store(self.side_by_side))}

    @property
    def album(self) -> FolderAlbum:
        """The folder, twice."""
        return FolderAlbum(self.side_by_side, self.side_by_side)


def _name(url: str) -> str:
    return PurePosixPath(url).name
