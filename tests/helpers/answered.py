"""The people who answer studies, and the files their answers come in, for tests."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.coverage import simulate
from pipelines.study.answer_store import Answer, Answers
from workers.data.tables import SCHEMAS


def trials_of(study: Path) -> pd.DataFrame:
    """The key of a study."""
    return pq.read_table(study / "trials").to_pandas()


def respond(
    trials: pd.DataFrame, first: str, preference: float = 0.7, seed: int = 0, sd: float = 0.4
) -> pd.DataFrame:
    """Rows of `responses` of attentive people who prefer `first` in that share of answers.

    Where first is not shown, or passes for real, they choose by chance; what has a right answer
    they get right, and asked again they say the same.
    """
    rng = np.random.default_rng(seed)
    rows = trials.reset_index(drop=True)
    item = np.unique(rows["pair_id"], return_inverse=True)[1]
    likes = simulate(rng, rows["slot"].to_numpy(), item, preference, sd, sd)
    choices: dict[str, int] = {}
    for like, row in zip(likes, rows.to_dict("records"), strict=True):
        options = list(row["options"])
        others = [place for place, method in enumerate(options) if method != first]
        if row["role"] in ("sentinel", "practice"):
            choice = int(row["answer"])
        elif row["question"] == "real_or_fake":
            choice = int(not like) if options == [first] else 0
        elif row["role"] == "repeat":
            before = rows[rows["trial_id"] == row["repeat_of"]].iloc[0]
            choice = options.index(before["options"][choices[row["repeat_of"]]])
        else:
            choice = options.index(first) if like and first in options else int(rng.choice(others))
        choices[row["trial_id"]] = choice
    return pd.DataFrame(
        {
            "trial_id": rows["trial_id"],
            "participant": [f"p-{slot:02}" for slot in rows["slot"]],
            "choice": [choices[trial] for trial in rows["trial_id"]],
            "seconds": 2 + rng.exponential(2, len(rows)),
        }
    )


def as_parquet(responses: pd.DataFrame, path: Path) -> Path:
    """As `study serve` exports them."""
    whole = responses.assign(answered_at=pd.Timestamp("2026-01-01", tz="UTC"), source="server")
    table = pa.Table.from_pandas(whole, schema=SCHEMAS["responses"], preserve_index=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def as_database(responses: pd.DataFrame, path: Path) -> Path:
    """As `study serve` keeps them."""
    answers = Answers(path, "a study")
    columns = ["trial_id", "participant", "choice", "seconds"]
    answers.record([Answer(*row) for row in responses[columns].itertuples(index=False)])
    answers.close()
    return path


def as_json(responses: pd.DataFrame, folder: Path) -> Path:
    """As participants of a static pack send them: a file each."""
    folder.mkdir()
    for who, mine in responses.groupby("participant"):
        rows: list[dict[str, Any]] = mine.to_dict("records")  # type: ignore[assignment]
        stamped = [{**row, "answered_at": "2026-01-01T10:00:00.000Z"} for row in rows]
        (folder / f"answers-{who}.json").write_text(json.dumps(stamped))
    return folder


def as_mturk(study: Path, responses: pd.DataFrame, path: Path) -> Path:
    """As Mechanical Turk exports the results of `study build`'s template."""
    given = responses.set_index("trial_id")
    with (study / "mturk" / "input.csv").open() as file:
        hits = list(csv.DictReader(file))
    count = sum(name.startswith("trial_") for name in hits[0])
    rows = []
    for hit in hits:
        row = {"HITId": "h", "WorkTimeInSeconds": "600", "AssignmentStatus": "Approved"}
        row |= {f"Input.{name}": value for name, value in hit.items()}
        for n in range(1, count + 1):
            answer = given.loc[hit[f"trial_{n}"]]
            row["WorkerId"] = str(answer["participant"])
            row[f"Answer.choice_{n}"] = str(answer["choice"])
            row[f"Answer.seconds_{n}"] = str(answer["seconds"])
        rows.append(row)
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def as_form(table: Path, path: Path) -> Path:
    """A table of Mechanical Turk's whose answers are JSON in one column, as crowd-form's may be."""
    rows = pd.read_csv(table, dtype=str)
    names = [name for name in rows.columns if name.startswith("Answer.")]
    forms = [
        json.dumps([{name.removeprefix("Answer."): row[name] for name in names if row[name]}])
        for row in rows.fillna("").to_dict("records")
    ]
    rows.drop(columns=names).assign(**{"Answer.taskAnswers": forms}).to_csv(path, index=False)
    return path
