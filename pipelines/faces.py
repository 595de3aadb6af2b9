"""`reposer faces plan`: the paper's pairs of faces, as tables that other commands take."""

import re
import shlex
from collections.abc import Sequence

from configs.face_pairs import FacesPlanConfig
from eval.face_pairs import Frame, Pair, held_out, pairs_to_test, pairs_to_train, source_frames
from pipelines.runs.plan import RunError
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.shards.rows import photograph_id


def run(config: FacesPlanConfig) -> int:
    """Write the pairs; returns the exit code."""
    frames, notes = frames_of(config.catalog)
    subjects = {frame.subject for frame in frames}
    tested = held_out(subjects, config.test, config.seed)
    if config.test and not tested:
        raise RunError(
            f"{config.catalog} has {_counted(len(subjects), 'subject')}, of which test="
            f"{config.test:g} leaves none to be tested: test=1 tests all"
        )
    seen = [frame for frame in frames if frame.subject not in tested]
    unseen = [frame for frame in frames if frame.subject in tested]
    train = pairs_to_train(seen, config.train_targets, config.seed)
    test = pairs_to_test(unseen, config.source_every, config.quantiles, config.itself)
    sources = source_frames(unseen, config.source_every)
    if tested and not test:
        raise RunError(
            f"{config.catalog}: no frame has a number that is a multiple of "
            f"source_every={config.source_every}, and another frame beside it"
        )
    lacking = len(sources) * len(config.quantiles) - len(test)
    if lacking:
        notes.append(f"{_counted(lacking, 'target')} fewer: videos are too short")
    store = Store(config.out)
    for name, pairs, those, about in (
        ("train", train, subjects - tested, ""),
        ("test", test, tested, f", {_counted(len(sources), 'source')}"),
    ):
        if pairs:
            _write(store, f"{name}.csv", pairs)
            said = f"{_counted(len(those), 'subject')}{about}, {_counted(len(pairs), 'pair')}"
            print(f"{name:14} {store.url}/{name}.csv: {said}")
    for note in notes:
        print(f"{'note':14} {note}")
    named = f"catalog={shlex.quote(config.catalog)} pairs={shlex.quote(f'{config.out}/test.csv')}"
    print(f"next           reposer render {named} model=symmetry out=renders")
    return 0


def frames_of(url: str) -> tuple[list[Frame], list[str]]:
    """The frames of a catalog of faces, and what is to be said of those that are left out.

    A photograph's id ends in its frame's number. Its video, which is its subject, is its item.
    RunError where the catalog has no such frames.
    """
    catalog = Catalog(url)
    facings, items = catalog.facings(), catalog.items()
    frames, nameless, blind = [], 0, 0
    for name in catalog.usable(photographs=True):
        number, item = re.search(r"\d+$", name), items[name]
        if not number or not item or photograph_id(name) != name:  # a further person's face
            nameless += 1
        elif facing := facings.get(name):
            frames.append(Frame(name, item, item, int(number[0]), facing))
        else:
            blind += 1
    if not frames:
        raise RunError(
            f"{url}: no frame of a video there that says where its face looks: ids end in a "
            "frame's number, as clip/000120, and the table faces/ has facing"
        )
    notes = []
    if nameless:
        notes.append(f"left out: {_counted(nameless, 'photograph')} whose id names no frame")
    if blind:
        notes.append(f"left out: {_counted(blind, 'photograph')} without facing in faces/")
    return frames, notes


def _write(store: Store, name: str, pairs: Sequence[Pair]) -> None:
    data = "".join(f"{a},{b}\n" for a, b in [("from", "to"), *pairs]).encode()
    if not store.create(name, data) and store.read(name) != data:
        raise RunError(f"{store.url}/{name} holds other pairs: use another out=")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
