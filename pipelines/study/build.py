"""`reposer study build`: which questions, asked of whom; the pictures, pages and key of a study."""

import json
from collections import Counter
from collections.abc import Iterable
from tempfile import TemporaryDirectory

import numpy as np

from configs.fields import identity_of
from configs.study import StudyBuildConfig
from eval.study.balance import Balance, balance_lines, check_balance
from eval.study.design import (
    GARMENT,
    PERSON,
    REAL_OR_FAKE,
    SOURCE,
    TARGET,
    Numbers,
    Trial,
    arrangements,
    check,
    make_design,
    step,
)
from eval.study.pages import study_texts
from pipelines.runs.lifecycle import has_begun, refuse_another
from pipelines.runs.plan import RunError, versions
from pipelines.study.files import DESIGN, MANIFEST, MTURK, PACK, PARTICIPANTS, PICTURES
from pipelines.study.inputs import Material, find_methods, join, needs_truth
from pipelines.study.pack import Pair, Study, make_pictures, write_pack
from workers.data.storage import Store

HIT_BYTES = 65_535  # that Mechanical Turk takes
MOST_PAIRS = 80  # of a study that was not told how many


def run(config: StudyBuildConfig, dry: bool = False) -> int:
    """Design a study and write it; returns the exit code. With `dry`, print the design alone."""
    methods = find_methods(config)
    comparisons = _comparisons(config, list(methods))
    used = {name for comparison in comparisons for name in comparison}
    material = join({name: method for name, method in methods.items() if name in used})
    numbers = _numbers(config, comparisons, len(material.pairs))
    later = {  # keys that studies of before did not know
        "show_garment": config.show_garment,
        "show_person": config.show_person,
        "within_one": numbers.within_one,
    }
    identity = {
        "config": identity_of(config),
        "inputs": {name: method.inputs for name, method in material.methods.items()},
        **{name: True for name, given in later.items() if given},
    }
    trials = make_design(config.question, comparisons, numbers, config.seed)
    round_size = len(comparisons) * len(arrangements(config.question, comparisons[0]))
    balance = check_balance(trials, round_size)
    print("\n".join(_described(config, comparisons, numbers, material, trials, balance)))
    if dry:
        return 0
    shown = {
        GARMENT: config.show_garment,
        SOURCE: config.show_source,
        PERSON: config.show_person,
        TARGET: config.show_target and config.question != REAL_OR_FAKE,
    }
    above = tuple(name for name, asked in shown.items() if asked)
    texts = study_texts(config.question, above, len(comparisons[0]), config.prompt, config.consent)
    pairs = _chosen(material, numbers.n_pairs, config.seed)
    known = TARGET if needs_truth(config) else comparisons[0][0]
    study = Study(config, trials, pairs, above, known, texts, json.dumps(identity, sort_keys=True))
    store = Store(config.out)
    _check_out(store, identity)
    with TemporaryDirectory() as folder:  # a bad picture is found before anything is written
        pictures = make_pictures(study, material, Store(folder))
        facts = {"numbers": numbers._asdict(), "comparisons": comparisons, "texts": texts}
        store.put(DESIGN, _json({"identity": identity, **facts, "balance": balance.to_dict()}))
        totals = write_pack(study, pictures, Store(folder), store)
    manifest = {"command": "study build", "identity": identity, "totals": totals}
    store.put(MANIFEST, _json(manifest | {"versions": versions()}))
    store.sweep()
    print("\n".join(_written(store, pictures.sizes, totals)))
    return 0


def _comparisons(config: StudyBuildConfig, methods: list[str]) -> list[tuple[str, ...]]:
    """The methods of each kind of question: those asked for, or the first against each other."""
    if config.comparisons is None:
        if config.question == REAL_OR_FAKE:
            return [(name,) for name in methods]
        if len(methods) < 2:
            raise RunError(f"question=pick wants two methods, there is only {methods[0]}")
        return [(methods[0], other) for other in methods[1:]]
    for comparison in config.comparisons:
        if strangers := [name for name in comparison if name not in methods]:
            raise RunError(f"comparisons= names {strangers[0]}; there are {', '.join(methods)}")
        if len(set(comparison)) < len(comparison):
            raise RunError(f"comparisons= compares a method with itself: {', '.join(comparison)}")
    if len({frozenset(comparison) for comparison in config.comparisons}) < len(config.comparisons):
        raise RunError("comparisons= names a comparison twice")
    return list(config.comparisons)


def _numbers(
    config: StudyBuildConfig, comparisons: list[tuple[str, ...]], available: int
) -> Numbers:
    """The size of the study; without `n_pairs`, as many as balance."""
    per_pair = config.participants_per_pair or config.participants
    numbers = Numbers(
        config.n_pairs or 1,
        config.participants,
        per_pair,
        config.practice,
        config.sentinels,
        config.repeats,
        config.balance == "within_one",
    )
    if config.n_pairs is None:
        by = step(config.question, comparisons, numbers)
        most = min(available, MOST_PAIRS) // by * by
        numbers = numbers._replace(n_pairs=most or by)
    check(config.question, comparisons, numbers)
    if numbers.n_pairs > available and not config.reuse:
        raise RunError(
            f"the methods share {available} pairs, and a balanced study wants "
            f"{numbers.n_pairs}: reuse=true shows them several times"
        )
    return numbers


def _chosen(material: Material, count: int, seed: int) -> list[Pair]:
    """The study's pairs, by chance, from as many items as there are; again, where too few."""
    order = np.random.default_rng([seed, 1]).permutation(len(material.pairs))
    seen, rank = Counter[str](), {}
    for pair in (material.pairs[i] for i in order):
        rank[pair] = seen[material.items[pair]]  # items' first pairs come before any second
        seen[material.items[pair]] += 1
    ranked = sorted(rank, key=lambda pair: rank[pair])
    return [
        Pair(ranked[i % len(ranked)], material.items[ranked[i % len(ranked)]], i // len(ranked))
        for i in range(count)
    ]


def _check_out(store: Store, identity: dict) -> None:
    """Refuse a URL that holds something else; the same study is written again, byte by byte."""
    if has_begun(store, DESIGN, "study"):
        there, wanted = json.loads(store.read(DESIGN))["identity"], json.loads(json.dumps(identity))
        refuse_another(store, ("study build", there), ("study build", wanted))


def _described(
    config: StudyBuildConfig,
    comparisons: list[tuple[str, ...]],
    numbers: Numbers,
    material: Material,
    trials: list[Trial],
    balance: Balance,
) -> Iterable[str]:
    yield f"methods        {', '.join(material.methods)}"
    kind = "real or fake: " if config.question == REAL_OR_FAKE else "the best of "
    yield f"question       {kind}{'; '.join(' · '.join(c) for c in comparisons)}"
    yield (
        f"pairs          {numbers.n_pairs}, of {len(material.pairs)} that all methods made, "
        f"{len(set(material.items.values()))} items"
    )
    for reason, count in material.left_out.items():
        yield f"left out       {count} {reason}"
    mine = Counter(trial.role for trial in trials if trial.slot == trials[0].slot)
    roles = ", ".join(f"{count} {role}" for role, count in mine.items())
    yield f"participants   {numbers.participants}, {numbers.participants_per_pair} a pair"
    yield f"questions      {mine.total()} a participant: {roles}"
    yield ""
    yield from balance_lines(balance)
    yield ""


def _written(store: Store, sizes: dict[str, Counter[str]], totals: dict[str, int]) -> Iterable[str]:
    shown = sizes.pop("")
    given = "; ".join(f"{name} {_counts(counts)}" for name, counts in sizes.items())
    yield f"pictures       {totals['pictures']}, shown at {_counts(shown)} (given: {given})"
    yield f"pack           {store.url}/{PACK}: the participants' page, for any file host"
    yield f"mturk          {store.url}/{MTURK}: template.html, and input.csv of a row a participant"
    if totals["hit_bytes"] > HIT_BYTES:
        yield (
            f"note           a HIT has {totals['hit_bytes']:,} bytes, more than Mechanical Turk "
            f"takes ({HIT_BYTES:,}): ask fewer questions a participant"
        )
    yield f"key            {store.url}: trials/, {PICTURES}, {PARTICIPANTS}; keep it apart"


def _counts(counts: Counter[str]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{name} ({n})" for name, n in counts.most_common())


def _json(value: dict) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()
