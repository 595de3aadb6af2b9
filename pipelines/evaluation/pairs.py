"""Which pairs `reposer evaluate` scores: the keys of its rows, from each kind of input."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from configs.evaluate import EvaluateConfig
from eval.naming import EXTENSIONS, Pair, is_image, pair_folders, side_by_side, strips
from pipelines.evaluation.splits import Overlap, Split, overlap
from pipelines.runs.ignored import tell_ignored
from pipelines.runs.lifecycle import finished_run
from pipelines.runs.plan import RunError, fingerprint
from workers.data.catalog import Catalog
from workers.data.names import canonical_key, item_id, short
from workers.data.storage import Store
from workers.shards.rows import ScoreKey

ITSELF = "of a source with itself"
OTHER_ITEM = "of two items (no photograph shows the one in the other's clothes)"

NOT_LISTED = "that split= does not list"
TRUTH = ("the photograph of each pose is taken for the ground truth of every render in that pose, "
         "whatever it shows; give item_id in the table that extract reads, or a folder an item "
         "(input=PHOTOS/*/*)")  # fmt: skip

Named = Mapping[tuple[str | None, str], ScoreKey]  # by the canonical names of source and target


@dataclass(frozen=True)
class Pairs:
    """The rows to score, and what they come from."""

    keys: list[ScoreKey]
    inputs: dict[str, str]  # fingerprints
    excluded: Counter[str] = field(default_factory=Counter)  # pairs left out, by reason
    split: str | None = None  # the id of the list of pairs
    overlap: Overlap | None = None  # with the model's training images
    notices: tuple[str, ...] = ()  # what a reader must know of them


def find_pairs(config: EvaluateConfig) -> Pairs:
    """The pairs of a config's input; RunError, one line, where there is no sense in it."""
    split = Split(config.split) if config.split else None
    if config.renders and config.catalog:
        return _of_renders(config, config.renders, config.catalog, split)
    if config.side_by_side:
        if split:
            raise RunError("split= lists pairs by name; the images of side_by_side are numbered")
        return _of_side_by_side(config.side_by_side)
    if config.strips:
        names = image_names(config.strips)
        pairs, inputs = strips(names, canonical_key), {"strips": _fingerprint(config.strips)}
        named = _named(config.method or _name(config.strips), pairs)
    else:
        assert config.generated
        assert config.reference
        names, references = image_names(config.generated), image_names(config.reference)
        pairs = pair_folders(names, references, canonical_key)
        inputs = {side: _fingerprint(url) for side, url in
                  (("generated", config.generated), ("reference", config.reference))}  # fmt: skip
        named = _named(config.method or _name(config.generated), pairs, references)
    chosen, left_out = _listed(named, split)
    return Pairs(chosen, inputs, left_out, split.id if split else None)


def _of_renders(config: EvaluateConfig, url: str, catalog_url: str, split: Split | None) -> Pairs:
    """Renders whose pose is a photograph of their source's item."""
    plan, catalog = finished_run(url, "render"), Catalog(catalog_url)
    method = config.method or plan.identity["model"]["name"]
    items, shown = catalog.items(), dict[str, str | None]()
    one_catalog = plan.identity["inputs"]["catalog"].endswith(plan.identity["inputs"]["poses"])
    keys, excluded = [], Counter[str]()
    for source, pose in plan.keys:
        assert source is not None
        assert pose is not None
        theirs = {name: items.get(name) or item_id(name) for name in (source, pose)}
        if split is None and one_catalog and source == pose:
            excluded[ITSELF] += 1
        elif split is None and all(theirs.values()) and theirs[source] != theirs[pose]:
            excluded[OTHER_ITEM] += 1
        else:
            shown |= theirs
            keys.append(render_key(source, pose, method, theirs[pose]))
    if not keys:
        why = "; ".join(f"{n} {reason}" for reason, n in excluded.items())
        raise RunError(f"{url}: no pair has a ground truth in {catalog_url} ({why})")
    named: Named = {(canonical_key(str(key.source)), canonical_key(key.reference)): key
                    for key in by_pair(keys).values()}  # fmt: skip
    chosen, left_out = _listed(named, split)
    inputs = {"renders": fingerprint(Store(url), "renders")}
    inputs["catalog"] = fingerprint(catalog.store, "images")
    split_id = split.id if split else None
    notices = () if split else _of_items(shown)
    return Pairs(chosen, inputs, excluded + left_out, split_id, overlap(plan, chosen), notices)


def _of_items(items: Mapping[str, str | None]) -> tuple[str, ...]:
    """What a reader must know where the items of photographs are not known."""
    unknown = sum(item is None for item in items.values())
    if not unknown:
        return ()
    if unknown == len(items):
        return (f"no items are known: {TRUTH}",)
    return (f"of {unknown} of {len(items)} photographs the item is not known: there {TRUTH}",)


def render_key(source: str, pose: str, method: str, item: str | None) -> ScoreKey:
    """The key of a render, whose pose is an item of its own where its item is not known."""
    target = canonical_key(pose)
    pair_id = f"{canonical_key(source)}__{target}"
    return ScoreKey(pair_id, method, item or target, source, f"{source}__{pose}", pose)


def by_pair(keys: Iterable[ScoreKey]) -> dict[str, ScoreKey]:
    """One method's keys by their pair; RunError where two are of one pair."""
    found: dict[str, ScoreKey] = {}
    for key in keys:
        if (first := found.setdefault(key.pair_id, key)) is not key:
            both = f"{short(str(first.generated))} and {short(str(key.generated))}"
            raise RunError(f"{both} are two images of one pair, {short(key.pair_id)}: remove one")
    return found


def _of_side_by_side(url: str) -> Pairs:
    names = image_names(url)
    sources = {PurePosixPath(n).stem.removesuffix("_source"): n for n in names
               if PurePosixPath(n).stem.endswith("_source")}  # fmt: skip
    keys = [
        ScoreKey(p.pair_id, method, p.pair_id, sources.get(p.pair_id), p.generated, p.reference)
        for method, pairs in side_by_side(names).items()
        for p in pairs
    ]
    # A pair's methods together.
    return Pairs(sorted(keys, key=lambda key: key.pair_id), {"side_by_side": _fingerprint(url)})


def _named(method: str, pairs: Sequence[Pair], references: Sequence[str] = ()) -> Named:
    by_key = {canonical_key(name): name for name in references}
    return {
        (pair.source, pair.target): ScoreKey(
            pair.pair_id, method, item_id(pair.target) or pair.target,
            by_key.get(pair.source or ""), pair.generated, pair.reference,
        )
        for pair in pairs
    }  # fmt: skip


def _listed(named: Named, split: Split | None) -> tuple[list[ScoreKey], Counter[str]]:
    """The keys that a split lists.

    A pair that is listed and was not generated is a row, too, that will fail.
    """
    if split is None:
        return list(named.values()), Counter()
    chosen = [key for names, key in named.items() if names in split.pairs]
    if not chosen:
        some = next(iter(named.values())).pair_id
        raise RunError(f"{split.url}: lists none of the {len(named)} pairs there are, such as "
                       f"{some}")  # fmt: skip
    left_out = Counter({NOT_LISTED: len(named) - len(chosen)})
    for names, (source, target) in split.pairs.items():
        if names not in named:
            ids = ("__".join(names), chosen[0].method, item_id(target) or canonical_key(target))
            chosen.append(ScoreKey(*ids, source, None, target))
    return chosen, left_out


def image_names(url: str) -> list[str]:
    """The names of a folder's images, those below it included; RunError where there are none.

    What else lies there is named.
    """
    listing = Store(url).listing()
    names = [file.name for file in listing.files if is_image(file.name)]
    tell_ignored(url, listing._replace(folders=[]), set(names))
    if not names:
        raise RunError(f"{url}: no images there ({', '.join(EXTENSIONS)})")
    return names


def _fingerprint(url: str) -> str:
    return fingerprint(Store(url))


def _name(url: str) -> str:
    return PurePosixPath(url).name
