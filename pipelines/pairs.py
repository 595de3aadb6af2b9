"""Which pairs `reposer evaluate` scores: the keys of its rows, from each kind of input."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from configs.schema import EvaluateConfig
from eval.naming import EXTENSIONS, Pair, is_image, pair_folders, side_by_side, strips
from pipelines.aside import tell_left_aside
from pipelines.runs import RunError, fingerprint, finished_run
from pipelines.splits import Overlap, Split, overlap
from workers.catalog import Catalog
from workers.names import canonical_key, item_id
from workers.rows import ScoreKey
from workers.storage import Store

ITSELF = "of a source with itself"
OTHER_ITEM = "of two items (no photograph shows the one in the other's clothes)"

NOT_LISTED = "that split= does not list"


@dataclass(frozen=True)
class Pairs:
    """The rows to score, and what they come from."""

    keys: list[ScoreKey]
    inputs: dict[str, str]  # fingerprints
    excluded: Counter[str] = field(default_factory=Counter)  # pairs left out, by reason
    split: str | None = None  # the id of the list of pairs
    overlap: Overlap | None = None  # with the model's training images


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
        keys = _keys(config.method or _name(config.strips), pairs)
    else:
        assert config.generated
        assert config.reference
        names, references = image_names(config.generated), image_names(config.reference)
        pairs = pair_folders(names, references, canonical_key)
        inputs = {side: _fingerprint(url) for side, url in
                  (("generated", config.generated), ("reference", config.reference))}  # fmt: skip
        keys = _keys(config.method or _name(config.generated), pairs, references)
    chosen, left_out = _listed(keys, lambda key: tuple(key.pair_id.split("__")), split)
    return Pairs(chosen, inputs, left_out, split.id if split else None)


def _of_renders(config: EvaluateConfig, url: str, catalog_url: str, split: Split | None) -> Pairs:
    """Renders whose pose is a photograph of their source's item."""
    plan, catalog = finished_run(url, "render"), Catalog(catalog_url)
    method = config.method or plan.identity["model"]["name"]
    ids, of = catalog.images.ids.to_pylist(), catalog.images.column("item_id").to_pylist()
    items = dict(zip(ids, of, strict=True))
    one_catalog = plan.identity["inputs"]["catalog"].endswith(plan.identity["inputs"]["poses"])
    keys, excluded = [], Counter[str]()
    for source, pose in plan.keys:
        assert source is not None
        assert pose is not None
        theirs = [items.get(name) or item_id(name) for name in (source, pose)]
        if split is None and one_catalog and source == pose:
            excluded[ITSELF] += 1
        elif split is None and all(theirs) and theirs[0] != theirs[1]:
            excluded[OTHER_ITEM] += 1
        else:
            pair_id = f"{spelled(source)}__{spelled(pose)}"
            item = theirs[1] or spelled(pose)
            keys.append(ScoreKey(pair_id, method, item, source, f"{source}__{pose}", pose))
    if not keys:
        why = "; ".join(f"{n} {reason}" for reason, n in excluded.items())
        raise RunError(f"{url}: no pair has a ground truth in {catalog_url} ({why})")
    chosen, left_out = _listed(
        keys, lambda key: (canonical_key(str(key.source)), canonical_key(key.reference)), split
    )
    inputs = {"renders": fingerprint(Store(url), "renders")}
    inputs["catalog"] = fingerprint(catalog.store, "images")
    split_id = split.id if split else None
    return Pairs(chosen, inputs, excluded + left_out, split_id, overlap(plan, chosen))


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


def _keys(method: str, pairs: Sequence[Pair], references: Sequence[str] = ()) -> list[ScoreKey]:
    by_key = {canonical_key(name): name for name in references}
    keys = []
    for pair in pairs:
        source, _, target = pair.pair_id.rpartition("__")
        item = item_id(target) or target
        names = (by_key.get(source), pair.generated, pair.reference)
        keys.append(ScoreKey(pair.pair_id, method, item, *names))
    return keys


def _listed(
    keys: list[ScoreKey], names_of: Callable[[ScoreKey], tuple[str, ...]], split: Split | None
) -> tuple[list[ScoreKey], Counter[str]]:
    """The keys that a split lists, by canonical names of source and target.

    A pair that is listed and was not generated is a row, too, that will fail.
    """
    if split is None:
        return keys, Counter()
    named = {names_of(key): key for key in keys}
    chosen = [key for names, key in named.items() if names in split.pairs]
    if not chosen:
        raise RunError(f"{split.url}: lists none of the {len(keys)} pairs there are, such as "
                       f"{keys[0].pair_id}")  # fmt: skip
    left_out = Counter({NOT_LISTED: len(keys) - len(chosen)})
    for names, (source, target) in split.pairs.items():
        if names not in named:
            ids = ("__".join(names), chosen[0].method, item_id(target) or target)
            chosen.append(ScoreKey(*ids, source, None, target))
    return chosen, left_out


def spelled(name: str) -> str:
    """DeepFashion's names in one spelling, so that runs of other tools' images compare."""
    return canonical_key(name) if item_id(name) else name


def image_names(url: str) -> list[str]:
    """The names of a folder's images, those below it included; RunError where there are none.

    What else lies there is named.
    """
    listing = Store(url).listing()
    names = [file.name for file in listing.files if is_image(file.name)]
    tell_left_aside(url, listing._replace(folders=[]), set(names))
    if not names:
        raise RunError(f"{url}: no images there ({', '.join(EXTENSIONS)})")
    return names


def _fingerprint(url: str) -> str:
    return fingerprint(Store(url))


def _name(url: str) -> str:
    return PurePosixPath(url).name
