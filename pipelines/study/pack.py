"""The files of a study: pictures under blinded names, pages, and the key to them.

Names, ids and codes are hashes of the study's identity, which holds the fingerprints of its inputs:
the same study always has the same ones, and nobody without the inputs can guess them.
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from configs.study import StudyBuildConfig
from eval.study.design import DAMAGED, PRACTICE, SENTINEL, TARGET, Trial
from eval.study.pages import mturk_template, page_files
from eval.study.pictures import damage, equalise
from pipelines.study.files import MTURK, PACK, PARTICIPANTS, PICTURES, TRIALS
from pipelines.study.inputs import Material
from workers.data.images import encode
from workers.data.storage import READERS, Store
from workers.data.tables import SCHEMAS, parquet_bytes

LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # of codes: none looks like another
CODE_LENGTH = 12  # 59 bits


class Pair(NamedTuple):
    """A pair of a study."""

    made: str  # the id that the methods know it by
    item_id: str
    copy: int  # 0; where pairs are shown several times, which time this is

    @property
    def pair_id(self) -> str:
        """The id in the study's tables."""
        return self.made if self.copy == 0 else f"{self.made}#{self.copy + 1}"


class Picture(NamedTuple):
    """A file of the pack."""

    file: str
    width: int
    height: int


class Pictures(NamedTuple):
    """A study's files by pair, as the methods know it, and method; and how large they were."""

    files: dict[tuple[str, str], Picture]
    sizes: dict[str, Counter[str]]  # WIDTHxHEIGHT by method as they came; under "" as they are


@dataclass(frozen=True)
class Study:
    """A study's design, before there are files."""

    config: StudyBuildConfig
    trials: list[Trial]
    pairs: list[Pair]
    above: tuple[str, ...]  # what stands over the options: source, target
    known: str  # whose picture is the right answer beside a damaged one
    texts: dict[str, Any]
    identity: str

    def hidden(self, *names: object, length: int = 16) -> str:
        """A name that reveals nothing, always the same for the same study and names."""
        text = json.dumps([self.identity, *map(str, names)])
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def trial_id(self, slot: int, position: int) -> str:
        """The id of a participant's question."""
        return self.hidden("trial", slot, position)

    def options(self, trial: Trial) -> list[str]:
        """The methods that a question shows."""
        known = trial.role in (PRACTICE, SENTINEL)
        return [self.known if known and o == TARGET else o for o in trial.options]

    @cached_property
    def codes(self) -> list[str]:
        """The participants' codes, by slot."""
        slots = range(self.config.participants)
        numbers = [int(self.hidden("code", slot, length=64), 16) for slot in slots]
        return [
            "".join(LETTERS[n // len(LETTERS) ** i % len(LETTERS)] for i in range(CODE_LENGTH))
            for n in numbers
        ]

    @cached_property
    def sessions(self) -> list[list[Trial]]:
        """The questions by slot."""
        sessions: list[list[Trial]] = [[] for _ in self.codes]
        for trial in self.trials:
            sessions[trial.slot].append(trial)
        return sessions


def make_pictures(study: Study, material: Material, scratch: Store) -> Pictures:
    """Encode every picture that the study shows into a scratch store, all of a pair in one size."""
    files: dict[tuple[str, str], Picture] = {}
    sizes: dict[str, Counter[str]] = {}
    wanted: dict[str, set[str]] = {}
    for trial in study.trials:
        shown = wanted.setdefault(study.pairs[trial.pair].made, set(study.above))
        shown.update(study.options(trial))
    fmt = study.config.image
    extension = {"jpeg": "jpg"}.get(fmt.format, fmt.format)

    for made, names in sorted(wanted.items()):
        given = material.pictures(made, (*study.above, study.known))
        shown = equalise(given, study.config.size)
        if DAMAGED in names:
            shown[DAMAGED] = damage(shown[study.known])
        for name, pixels in given.items():
            sizes.setdefault(name, Counter())[_size(pixels)] += 1
        for name in sorted(names):
            file = f"{study.hidden('picture', made, name)}.{extension}"
            scratch.put(file, encode(shown[name], fmt))
            files[made, name] = Picture(file, shown[name].shape[1], shown[name].shape[0])
            sizes.setdefault("", Counter())[_size(shown[name])] += 1
    return Pictures(files, sizes)


def write_pack(study: Study, pictures: Pictures, scratch: Store, store: Store) -> dict[str, int]:
    """Write pack, key and Mechanical Turk's files; returns totals."""
    with ThreadPoolExecutor(READERS) as pool:
        names = sorted(picture.file for picture in pictures.files.values())
        list(pool.map(lambda n: store.put(f"{PACK}/images/{n}", scratch.read(n)), names))
    public = {"id": study.hidden("study", length=8), **study.texts}
    store.put(f"{PACK}/study.json", _json(public))
    for slot, code in enumerate(study.codes):
        session = {"trials": [_question(study, pictures, t) for t in study.sessions[slot]]}
        store.put(f"{PACK}/sessions/{code}.json", _json(session))
    for name, data in page_files(study.texts).items():
        store.put(f"{PACK}/{name}", data)
    questions = len(study.sessions[0])
    template = mturk_template(study.texts, questions, study.config.practice)
    store.put(f"{MTURK}/template.html", template.encode())
    header, *rows = _mturk_rows(study, pictures)
    store.put(f"{MTURK}/input.csv", _csv([header, *rows]))
    placeholders = sum(len(f"${{{column}}}") for column in header)
    filled = len(template.encode()) - placeholders + max(len("".join(row)) for row in rows)
    store.put(TRIALS, _table("trials", _trial_rows(study)))
    store.put(PICTURES, _table("pictures", _picture_rows(study, pictures)))
    store.put(PARTICIPANTS, _csv([["slot", "code"], *enumerate(study.codes)]))
    return {
        "pictures": len(names),
        "participants": len(study.codes),
        "questions": questions,
        "pairs": len(study.pairs),
        "hit_bytes": filled,
    }


def _question(study: Study, pictures: Pictures, trial: Trial) -> dict[str, Any]:
    """A question as a participant's browser gets it: file names, and nothing of whose they are."""
    made = study.pairs[trial.pair].made
    options = [pictures.files[made, name] for name in study.options(trial)]
    return {
        "id": study.trial_id(trial.slot, trial.position),
        "above": [pictures.files[made, name].file for name in study.above],
        "options": [picture.file for picture in options],
        "width": options[0].width,
        "height": options[0].height,
        "practice": trial.role == PRACTICE,
    }


def _mturk_rows(study: Study, pictures: Pictures) -> Iterable[list[str]]:
    numbers = range(1, len(study.sessions[0]) + 1)
    yield ["base", *(f"{name}_{n}" for n in numbers for name in ("trial", "above", "options"))]
    for session in study.sessions:
        row = [study.config.mturk_base]
        for question in (_question(study, pictures, trial) for trial in session):
            row += [question["id"], " ".join(question["above"]), " ".join(question["options"])]
        yield row


def _trial_rows(study: Study) -> list[dict[str, Any]]:
    return [
        {
            "trial_id": study.trial_id(trial.slot, trial.position),
            "slot": trial.slot,
            "position": trial.position,
            "role": trial.role,
            "question": study.config.question,
            "pair_id": study.pairs[trial.pair].pair_id,
            "item_id": study.pairs[trial.pair].item_id,
            "options": study.options(trial),
            "answer": trial.answer,
            "repeat_of": None
            if trial.repeat_of is None
            else study.trial_id(trial.slot, trial.repeat_of),
        }
        for trial in study.trials
    ]


def _picture_rows(study: Study, pictures: Pictures) -> list[dict[str, Any]]:
    ids: dict[str, list[str]] = {}
    for pair in study.pairs:
        ids.setdefault(pair.made, []).append(pair.pair_id)
    return [
        {"pair_id": pair_id, "method": method, **picture._asdict()}
        for (made, method), picture in pictures.files.items()
        for pair_id in ids[made]
    ]


def _table(name: str, rows: list[dict[str, Any]]) -> bytes:
    return parquet_bytes(pa.Table.from_pylist(rows, SCHEMAS[name]))


def _csv(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
