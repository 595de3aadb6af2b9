"""`render poses=SKELETONS`: the skeletons become a catalog of poses first, in the run's folder.

That is a run of `extract` of its own, at OUT/poses. So each pose is drawn once, however many people
wear it, by the same workers, and resumes with the same command.
"""

from dataclasses import dataclass

from configs.extract import ExtractConfig
from configs.fields import identity_of
from configs.render import RenderConfig
from pipelines.extract import carry_out_prepared, prepare
from pipelines.runs.lifecycle import POSES, has_begun, refuse_another
from pipelines.runs.outline import PLAN, RunError
from pipelines.runs.plan import Plan, read_plan
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.extraction.extraction import Extraction
from workers.extraction.keypoints.poses import are_skeletons

SIZE = 256  # pixels a side, for which the networks were made


@dataclass(frozen=True)
class SkeletonPoses:
    """The extraction that makes the poses of a run of render."""

    config: ExtractConfig
    plan: Plan
    extraction: Extraction

    @property
    def poser(self) -> dict[str, str]:
        """Name and SHA-256 of the network."""
        return self.extraction.facts["model"]

    @property
    def layout(self) -> str | None:
        """The layout of the poser's UV maps."""
        return self.extraction.layout

    def make(self, dry: bool) -> int:
        """Make what is left of them; returns the exit code. RunError where none could be made."""
        code = carry_out_prepared(self.plan, self.extraction, self.config, dry)
        if dry:
            print("These are the poses. Once they are made, --dry-run tells of the renders, too.")
        elif not Catalog(self.config.out).usable(photographs=False):
            raise RunError(
                f"{self.config.input}: no skeleton became a pose; {self.config.out}/index.html "
                "says why"
            )
        return code


def skeleton_poses(config: RenderConfig) -> SkeletonPoses | None:
    """The poses of a run of render whose `poses` are skeletons; None where they are a catalog.

    Raises RunError where the run's folder holds another run: nothing is made beside it.
    """
    if config.poses in (None, "bundled") or not are_skeletons(config.poses):
        return None
    store = Store(config.out)
    if has_begun(store, PLAN, "run"):
        written = read_plan(store)
        there = {"config": written.identity["config"]}
        refuse_another(store, (written.command, there), ("render", {"config": identity_of(config)}))
    extract = ExtractConfig(
        input=config.poses,
        extractor="keypoints",
        size=config.size if isinstance(config.size, int) else SIZE,
        out=f"{config.out}/{POSES}",
        max_failed_fraction=config.max_failed_fraction,
        retry_failed=config.retry_failed,
        execution=config.execution,
    )
    return SkeletonPoses(extract, *prepare(extract))
