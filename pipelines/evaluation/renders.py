"""Finished runs of render as inputs of an evaluation, against photographs or a truth."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property

from eval.metrics.variants import Mask
from pipelines.evaluation.pairs import (
    ByNames,
    Pairs,
    by_pair,
    listed,
    render_key,
)
from pipelines.evaluation.splits import Split, overlap
from pipelines.runs.lifecycle import finished_run
from pipelines.runs.pair_lists import PAIRED
from pipelines.runs.plan import Plan, RunError, fingerprint
from workers.albums import RenderAlbum
from workers.data.catalog import Catalog
from workers.data.indexed_table import CatalogError
from workers.data.names import canonical_key, item_id, short
from workers.data.storage import Store

# What source and pose of a render are to each other, as messages say it.
ITSELF = "of a source with itself"
ONE_ITEM = "of one item (the photograph of the pose is the truth)"
OTHER_ITEM = "of two items (no photograph shows the one in the other's clothes)"
UNKNOWN = "of photographs whose item is not known"
NO_TRUTH = "without a truth"
TRUTH = (
    "the photograph of each pose is taken for the ground truth of every render in that pose, "
    "whatever it shows; give item_id in the table that extract reads, or a folder an item "
    "(input=PHOTOS/*/*), or unpaired=true if they show clothes on other people"
)


@dataclass(frozen=True)
class Renders:
    """A finished run of render, and the catalog of the photographs and masks of its poses."""

    renders: str
    catalog: str
    method: str | None = None
    masks: frozenset[Mask] = frozenset()
    unpaired: bool = False  # whether photographs of unknown items are of two

    @cached_property
    def plan(self) -> Plan:
        """The run's plan."""
        return finished_run(self.renders, "render")

    @property
    def annotated(self) -> frozenset[Mask]:
        """The masks that the catalog's annotations tell."""
        return self.masks - {"body"}

    @property
    def name(self) -> str:
        """The method's name in the tables."""
        return self.method or self.plan.identity["model"]["name"]

    def pairs(self, split: Split | None) -> Pairs:
        """Renders whose pose is a photograph of their source's item, or those of a split.

        Where there is none, those of two items, which are unpaired.
        """
        relation = self._relation
        counts = Counter(relation(str(source), str(pose)) for source, pose in self.plan.keys)
        kept = set(counts) if split else _measured(counts, self.unpaired)
        keys = [
            render_key(str(source), str(pose), self.name, self.items(str(pose)))
            for source, pose in self.plan.keys
            if relation(str(source), str(pose)) in kept
        ]
        excluded = Counter({reason: n for reason, n in counts.items() if reason not in kept})
        if not keys:
            why = "; ".join(f"{n} {reason}" for reason, n in excluded.items())
            raise RunError(f"{self.renders}: no pair has a ground truth in {self.catalog} ({why})")
        by_names: ByNames = {
            (canonical_key(str(key.source)), canonical_key(key.reference)): key
            for key in by_pair(keys).values()
        }
        found = listed(by_names, split)
        made = [key for key in found.keys if key.generated]
        if split:
            counts = Counter(relation(str(key.source), key.reference) for key in made)
            kept = _measured(counts, self.unpaired)
        unpaired = self.unpaired or kept == {OTHER_ITEM}
        names = {name for key in made for name in (str(key.source), key.reference)}
        unknown = () if split or unpaired else _of_items({n: self.items(n) for n in names})
        notices = found.notices + unknown
        if kept == {ITSELF} and PAIRED not in " ".join(notices):
            notices = (*notices, PAIRED)
        return replace(
            found,
            excluded=excluded + found.excluded,
            notices=notices,
            overlap=overlap(self.plan, found.keys, self.catalog),
            unpaired=unpaired,
        )

    @property
    def sources(self) -> str:
        """The catalog that was rendered."""
        return self.plan.identity["config"]["catalog"]

    @cached_property
    def items(self) -> Callable[[str], str | None]:
        """The item of a photograph, by its id; None where it is not known."""
        known = Catalog(self.catalog).items()
        with suppress(CatalogError):  # it may be gone
            known = {name: item for name, item in Catalog(self.sources).items().items() if item} | {
                name: item for name, item in known.items() if item
            }
        return cache(lambda name: known.get(name) or item_id(name))

    @cached_property
    def _relation(self) -> Callable[[str, str], str]:
        """What source and pose are to each other."""
        inputs = self.plan.identity["inputs"]
        one_catalog = inputs["catalog"].endswith(inputs["poses"])

        def relation(source: str, pose: str) -> str:
            if one_catalog and source == pose:
                return ITSELF
            ours, theirs = self.items(source), self.items(pose)
            if ours is None or theirs is None:
                return UNKNOWN
            return ONE_ITEM if ours == theirs else OTHER_ITEM

        return relation

    def fingerprints(self) -> dict[str, str]:
        """Of the run's table and of the catalog's photographs; of people, where they are masks."""
        catalog = Store(self.catalog)
        people = {"annotations": fingerprint(catalog, "annotations")} if self.annotated else {}
        return {
            "renders": fingerprint(Store(self.renders), "renders"),
            "catalog": fingerprint(catalog, "images"),
            **people,
        }

    @property
    def album(self) -> RenderAlbum:
        """With its masks; RunError where the catalog has none."""
        if self.annotated and not Store(self.catalog).list("annotations"):
            mask = min(self.annotated)
            raise RunError(
                f".{mask}: {self.catalog} does not say where the {mask} is (no annotations/): "
                "`synthesize` and `extract extractor=bodyfit` write catalogs that do"
            )
        try:
            sources = self.sources
        except RunError:  # the run is gone, and its pictures with it
            sources = None
        return RenderAlbum(self.renders, self.catalog, self.masks, sources)


@dataclass(frozen=True)
class Transfers:
    """A finished run of render across people; its catalog holds the truth by the renders' ids."""

    run: Renders

    def pairs(self, split: Split | None) -> Pairs:
        """Renders that have a truth, or those of a split."""
        run, items = self.run, Catalog(self.run.catalog).items()
        made = [render_key(str(s), str(pose), run.name, None) for s, pose in run.plan.keys]
        known = [
            key._replace(item_id=items[key.generated] or key.pair_id)
            for key in made
            if key.generated in items
        ]
        if not known:
            raise RunError(
                f"{run.catalog} has no image of the id of a render of {run.renders}, such as "
                f"{short(str(made[0].generated))}: `synthesize pairs=` makes such catalogs"
            )
        by_names: ByNames = {
            (canonical_key(str(key.source)), canonical_key(key.reference)): key
            for key in by_pair(known).values()
        }
        found, rendered = listed(by_names, split), run.plan.identity["config"]
        seen = overlap(run.plan, found.keys, rendered["poses"] or rendered["catalog"])
        judged = [key._replace(reference=f"{key.source}__{key.reference}") for key in found.keys]
        without = Counter({NO_TRUTH: len(made) - len(known)})
        return Pairs(judged, without + found.excluded, overlap=seen)

    def fingerprints(self) -> dict[str, str]:
        """As of any renders."""
        return self.run.fingerprints()

    @property
    def album(self) -> RenderAlbum:
        """As of any renders."""
        return self.run.album


def _measured(counts: Mapping[str, int], unpaired: bool) -> set[str]:
    """Which pairs are measured, by what source and pose are to each other.

    Those with a truth, where there are any; else those of two items; else photographs in their own
    poses.
    """
    if unpaired:
        return {OTHER_ITEM, UNKNOWN}
    choices = ({ONE_ITEM, UNKNOWN}, {OTHER_ITEM}, {ITSELF})
    return next(kept for kept in choices if any(counts.get(reason) for reason in kept))


def _of_items(items: Mapping[str, str | None]) -> tuple[str, ...]:
    """What a reader must know where the items of photographs are not known."""
    unknown = sum(item is None for item in items.values())
    if not unknown:
        return ()
    if unknown == len(items):
        return (f"no items are known: {TRUTH}",)
    return (f"of {unknown} of {len(items)} photographs the item is not known: there {TRUTH}",)
