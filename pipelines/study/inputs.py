"""The methods of a study and the pairs that all of them made, from whatever holds them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

import numpy as np

from configs.study import StudyBuildConfig
from eval.naming import strips
from eval.study.design import DAMAGED, GARMENT, PERSON, REAL_OR_FAKE, SOURCE, TARGET
from pipelines.evaluation.inputs import Folders, Renders, SideBySide
from pipelines.evaluation.pairs import by_pair, image_names, render_key
from pipelines.runs.outline import PLAN, RunError
from pipelines.runs.plan import fingerprint
from workers.albums import Album, FolderAlbum
from workers.data.catalog import Catalog
from workers.data.errors import RowError
from workers.data.names import canonical_key, elided, item_id
from workers.data.storage import Store
from workers.shards.rows import ScoreKey

T = TypeVar("T")


@dataclass(frozen=True)
class Method:
    """One method's images: which pairs it made, and where they are read."""

    name: str
    keys: dict[str, ScoreKey]  # by pair id
    album: Album
    inputs: dict[str, str]  # fingerprints
    failed: int = 0  # pairs whose render is a failed row


@dataclass(frozen=True)
class Material:
    """What a study is made of."""

    methods: dict[str, Method]
    pairs: list[str]  # that every method made, sorted
    items: dict[str, str]  # by pair
    left_out: Counter[str]  # pairs, by reason

    def pictures(self, pair_id: str, above: tuple[str, ...]) -> dict[str, np.ndarray]:
        """The pictures of a pair, (H, W, 3) uint8, by method; `above` names photographs, too.

        RunError, naming the picture, where one is missing or bad.
        """
        shown = {
            m.name: _loaded(m.name, m.keys[pair_id], m.album.generated)
            for m in self.methods.values()
        }
        first = next(iter(self.methods.values()))
        for name in (n for n in above if n in (TARGET, PERSON)):
            shown[name] = _loaded(
                "the photograph", first.keys[pair_id], lambda key: first.album.pair(key).reference
            )
        for name in (n for n in above if n in (SOURCE, GARMENT)):
            sources = (
                _loaded("the source photograph", m.keys[pair_id], m.album.source)
                for m in self.methods.values()
            )
            source = next((pixels for pixels in sources if pixels is not None), None)
            if source is None:
                raise RunError(
                    f"no source photograph of {elided(pair_id)} is known: give show_{name}=false"
                )
            shown[name] = source
        return shown


def needs_truth(config: StudyBuildConfig) -> bool:
    """Whether the study shows ground truth, so that every pair must have one."""
    return config.show_target or config.question == REAL_OR_FAKE


def find_methods(config: StudyBuildConfig) -> dict[str, Method]:
    """A config's methods by name, in its order; RunError, one line, where there is no sense."""
    if config.side_by_side:
        found = _of_side_by_side(config, config.side_by_side)
    else:
        names = config.methods or (None,) * len(config.runs)
        if len(names) != len(config.runs):
            raise RunError(f"methods= names {len(names)} methods of {len(config.runs)} runs")
        found = [_of_run(config, url, name) for url, name in zip(config.runs, names, strict=True)]
    methods = {method.name: method for method in found}
    if len(methods) < len(found):
        twice = Counter(method.name for method in found).most_common(1)[0][0]
        raise RunError(f"two runs are named {twice}: name them by methods=[A,B]")
    if taken := methods.keys() & {TARGET, SOURCE, GARMENT, PERSON, DAMAGED}:
        raise RunError(f"a method cannot be named {taken.pop()}: name it by methods=")
    return methods


def join(methods: dict[str, Method]) -> Material:
    """The pairs that all of these methods made; RunError where there is none."""
    shared = set.intersection(*(set(method.keys) for method in methods.values()))
    if not shared:
        some = ", ".join(
            f"{m.name} has {elided(min(m.keys), 60) if m.keys else 'none'}"
            for m in methods.values()
        )
        raise RunError(f"the methods share no pair (for example {some})")
    left_out = Counter({f"whose render by {m.name} failed": m.failed for m in methods.values()})
    for method in methods.values():
        left_out[f"of {method.name} that another method lacks"] = len(method.keys) - len(shared)
    first = next(iter(methods.values()))
    items = {pair: first.keys[pair].item_id for pair in shared}
    return Material(methods, sorted(shared), items, +left_out)


def _of_side_by_side(config: StudyBuildConfig, url: str) -> list[Method]:
    images = SideBySide(url)
    by_method: dict[str, dict[str, ScoreKey]] = {}
    for key in images.pairs(None).keys:
        by_method.setdefault(key.method, {})[key.pair_id] = key
    wanted = config.methods or tuple(by_method)
    if strangers := [name for name in wanted if name not in by_method]:
        raise RunError(f"{url} has no method {strangers[0]} ({', '.join(by_method)})")
    album, inputs = images.album, images.fingerprints()
    return [Method(name, by_method[name], album, inputs) for name in wanted]


def _of_run(config: StudyBuildConfig, url: str, name: str | None) -> Method:
    if Store(url).exists(PLAN):
        return _of_renders(config, url, name)
    name = name or PurePosixPath(url).name
    if config.reference is None and (needs_truth(config) or config.show_person):
        shown = "show_person=false" if config.show_person else "show_target=false"
        raise RunError(
            f"{url} holds no run of render: give reference=, the folder of the "
            f"photographs, or {shown}"
        )
    if config.reference:
        images = Folders(url, config.reference, name)
        keys = by_pair(images.pairs(None).keys)
        return Method(name, keys, images.album, images.fingerprints())
    alone = [
        ScoreKey(
            pair.pair_id,
            name,
            item_id(pair.target) or pair.pair_id,
            None,
            pair.generated,
            pair.generated,
        )
        for pair in strips(image_names(url), canonical_key)
    ]
    return Method(
        name, by_pair(alone), FolderAlbum(url, url), {"generated": fingerprint(Store(url))}
    )


def _of_renders(config: StudyBuildConfig, url: str, name: str | None) -> Method:
    """A run of render; pairs of two items, which have no ground truth, where none is needed."""
    if config.catalog is None:
        raise RunError(f"{url} is a run of render: give catalog=, where its photographs lie")
    renders = Renders(url, config.catalog, name)
    if needs_truth(config):
        pairs, inputs = renders.pairs(None), renders.fingerprints()
        if pairs.unpaired:
            raise RunError(
                f"{url} shows clothes on other people, and no photograph shows the truth: give "
                "show_target=false (and show_garment=true, show_person=true)"
            )
        keys = pairs.keys
    else:
        items = Catalog(config.catalog).items()
        keys = [
            render_key(
                str(source),
                str(pose),
                renders.name,
                items.get(str(source)) or item_id(str(source)) or canonical_key(str(source)),
            )
            for source, pose in renders.plan.keys
            if source != pose
        ]
        inputs = {"renders": fingerprint(Store(url), "renders")}
    album = renders.album
    statuses = zip(
        album.renders.ids.to_pylist(), album.renders.column("status").to_pylist(), strict=True
    )
    ok = {render for render, status in statuses if status == "ok"}
    good = by_pair(key for key in keys if key.generated in ok)
    return Method(renders.name, good, album, inputs, len(keys) - len(good))


def _loaded(what: str, key: ScoreKey, load: Callable[[ScoreKey], T]) -> T:
    try:
        return load(key)
    except RowError as error:
        raise RunError(f"{what} of the pair {elided(key.pair_id)}: {error}") from error
