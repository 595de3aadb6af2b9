"""Which images a model was trained on, and which pairs it is measured on.

Two splits of DeepFashion are in use, and most test images of the one are training images of the
other. Names are compared as `canonical_key` spells them, contents by `content_key`.
"""

import hashlib
from collections.abc import Container, Iterable
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from models.checkpoint import training_images
from pipelines.runs.pair_lists import is_paired, oriented
from pipelines.runs.plan import Plan, RunError
from workers.data.catalog import Catalog
from workers.data.contents import PIXELS, content_keys
from workers.data.names import canonical_key, former_key, short
from workers.data.user_tables import PairList, read_pair_list, read_pairs, read_text
from workers.model import checkpoint
from workers.shards.rows import ScoreKey

LIST = ".lst"


class Split:
    """A list of pairs to score."""

    def __init__(self, url: str, listed: PairList | None = None):
        self.url, self.listed = url, listed or read_pair_list(url)
        table = self.listed.table
        self.pairs = {
            (canonical_key(source), canonical_key(target)): (source, target)
            for source, target in zip(table["from"], table["to"], strict=True)
        }
        if len(self.pairs) < len(table):
            raise RunError(f"{url}: a pair stands there twice, in two spellings: remove one")

    def fitting(self, made: Container[tuple[str, str]]) -> tuple["Split", str]:
        """The list in the order of columns in which more of it was made, and which that is.

        `made` are canonical names of source and target. A header decides where there is one.
        """

        def found(table: pd.DataFrame) -> int:
            return sum(
                (canonical_key(source), canonical_key(target)) in made
                for source, target in zip(table["from"], table["to"], strict=True)
            )

        listed, said = oriented(self.listed, found)
        return (self if listed is self.listed else Split(self.url, listed)), said

    @property
    def is_paired(self) -> bool:
        """Whether source and target are one photograph in every pair."""
        return is_paired(self.listed.table)

    @cached_property
    def id(self) -> str:
        """Identifies the pairs, in whatever order and spelling: a SHA-256 in hex."""
        lines = sorted(f"{source},{target}" for source, target in self.pairs)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class Overlap(NamedTuple):
    """Images of the pairs, and how many of them the model was trained on."""

    trained_on: str  # the SHA-256 of the list of training images
    images: int
    seen: int
    listed: int  # training images
    examples: tuple[str, str]  # one of these, and one of the pairs' images
    renamed: tuple[str, ...] = ()  # those seen that are known by their content alone
    by_content: bool = False  # whether the list knows contents, beside names

    @property
    def sentence(self) -> str:
        """What a reader must know of it."""
        if self.seen:
            renamed = (
                f", {len(self.renamed)} of them under other names, such as {short(self.renamed[0])}"
                if self.renamed
                else ""
            )
            return (
                f"the model was trained on {self.seen} of the {self.images} images of these pairs"
                f"{renamed} (training list {self.trained_on[:12]})"
            )
        there, here = map(short, self.examples)
        how, lost = (
            ("by name and content", "changed") if self.by_content else ("by name", "renamed")
        )
        return (
            f"{how}, none of the {self.images} images of these pairs is among the {self.listed} "
            f"that the model was trained on (there such as {there}, here {here}): images that were "
            f"{lost} in between are not recognised"
        )


def read_images(url: str) -> set[str]:
    """The images of a list, a .lst of a name a line or a table `from,to`, by canonical key."""
    if url.lower().endswith(LIST):
        names: Iterable[str] = map(str.strip, read_text(url).splitlines())
    else:
        pairs = read_pairs(url)
        names = [*pairs["from"], *pairs["to"]]
    if not (images := {canonical_key(name) for name in names if name}):
        raise RunError(f"{url}: the list is empty")
    return images


def overlap(renders: Plan, keys: Iterable[ScoreKey], catalog: str) -> Overlap | None:
    """What a run of render's model has seen of pairs; None where the model does not say.

    `catalog` holds the photographs of the pairs' poses. Photographs are known by name and, where
    the list of training images says what these show, by content.
    """
    trained_on = renders.identity["model"].get("trained_on")
    if trained_on is None:
        return None
    model = renders.identity["config"]["model"]
    try:
        known = training_images(checkpoint(model).read, trained_on)
    except ValueError as error:
        raise RunError(
            f"{model}: {error}, so nobody can tell which images the model was trained on; copy "
            "the checkpoint whole again"
        ) from error
    contents = {name for name in known if name.startswith(PIXELS)}
    known = {canonical_key(name) for name in known - contents}
    keys = list(keys)
    images = {canonical_key(n): n for key in keys for n in (key.source, key.reference) if n}
    seen = {key for key, n in images.items() if key in known or former_key(n) in known}
    renamed: dict[str, str] = {}
    if contents:
        sources = {key.source for key in keys if key.source}
        poses = {key.reference for key in keys}
        rendered = renders.identity["config"]["catalog"]
        for url, ids in ((rendered, sources), (catalog, poses)):
            there = content_keys(Catalog(url), {n for n in ids if canonical_key(n) not in seen})
            renamed |= {canonical_key(n): n for n, shown in there.items() if shown in contents}
    examples = min(known), min(images.values())
    count = len(seen | set(renamed))
    again = tuple(sorted(renamed.values()))
    return Overlap(trained_on, len(images), count, len(known), examples, again, bool(contents))
