"""From names to the keys of an evaluation's rows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from eval.naming import EXTENSIONS, FilePair, is_image
from pipelines.evaluation.splits import Overlap, Split
from pipelines.runs.ignored import tell_ignored
from pipelines.runs.pair_lists import PAIRED
from pipelines.runs.plan import RunError
from workers.data.names import canonical_key, item_id, short
from workers.data.storage import Store
from workers.shards.rows import ScoreKey

NOT_LISTED = "that split= does not list"

ByNames = Mapping[tuple[str | None, str], ScoreKey]
"""Keys by the canonical names of source and target."""


@dataclass(frozen=True)
class Pairs:
    """The pairs to score, and what a reader must know of them."""

    keys: list[ScoreKey]
    excluded: Counter[str] = field(default_factory=Counter)  # pairs left out, by reason
    notices: tuple[str, ...] = ()
    overlap: Overlap | None = None  # with the model's training images
    split: Split | None = None  # its columns in the order in which the pairs were made
    unpaired: bool = False  # whether no photograph is the truth of any of them


def image_names(url: str) -> list[str]:
    """The names of a folder's images, those below it included; RunError where there are none.

    Prints the names of the other files there.
    """
    listing = Store(url).listing()
    names = [file.name for file in listing.files if is_image(file.name)]
    tell_ignored(url, listing._replace(folders=[]), set(names))
    if not names:
        raise RunError(f"{url}: no images there ({', '.join(EXTENSIONS)})")
    return names


def score_keys(method: str, pairs: Sequence[FilePair], references: Sequence[str] = ()) -> ByNames:
    """The keys of a method's files; `references` are names among which the source may be, too."""
    by_key = {canonical_key(name): name for name in references}
    return {
        (pair.source, pair.target): ScoreKey(
            pair.pair_id,
            method,
            item_id(pair.target) or pair.target,
            by_key.get(pair.source or ""),
            pair.generated,
            pair.reference,
        )
        for pair in pairs
    }


def render_key(source: str, pose: str, method: str, item: str | None) -> ScoreKey:
    """The key of a render; a pose whose item is not known is an item of its own."""
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


def listed(keys: ByNames, split: Split | None) -> Pairs:
    """The pairs that a split lists; without one, all.

    A pair that is listed but was not generated becomes a row that fails.
    """
    if split is None:
        return Pairs(list(keys.values()))
    split, said = split.fitting(keys)
    chosen = [key for names, key in keys.items() if names in split.pairs]
    if not chosen:
        some = next(iter(keys.values())).pair_id
        raise RunError(
            f"{split.url}: lists none of the {len(keys)} pairs there are, such as {some}"
        )
    excluded = Counter({NOT_LISTED: len(keys) - len(chosen)})
    for names, (source, target) in split.pairs.items():
        if names not in keys:
            ids = ("__".join(names), chosen[0].method, item_id(target) or canonical_key(target))
            chosen.append(ScoreKey(*ids, source, None, target))
    told = [said, PAIRED if split.is_paired else ""]
    name = PurePosixPath(split.url).name
    notices = tuple(f"{name}: {sentence}" for sentence in told if sentence)
    return Pairs(chosen, excluded, notices, split=split)
