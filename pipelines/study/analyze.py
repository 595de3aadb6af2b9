"""`reposer study analyze`: a study's answers as preferences, and the report of them."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from configs.study import StudyAnalyzeConfig
from eval.study.analysis import ALL, FILTERED, Analysis, analyse
from eval.study.design import MAIN
from eval.study.preference import Question, questions, votes
from eval.study.report import markdown, page, report_of
from eval.study.screening import Rule, screen, unapplied
from pipelines.runs.execute import OK
from pipelines.runs.plan import RunError
from pipelines.study.answers import Answers, read_answers
from pipelines.study.galleries import wins_and_losses
from pipelines.study.key import Key, open_key
from workers.data.storage import Store
from workers.data.tables import SCHEMAS, parquet_bytes

PREFERENCES, SCORES = "preferences.parquet", "bradley_terry.parquet"
PAGE, MARKDOWN, JSON = "index.html", "report.md", "report.json"
OURS = {PREFERENCES, SCORES, PAGE, MARKDOWN, JSON}


def run(config: StudyAnalyzeConfig) -> int:
    """Analyse, print what can be said, and leave tables and a report; returns the exit code."""
    store = Store(config.out)
    if strangers := [file.name for file in store.list() if file.name not in OURS]:
        raise RunError(f"{store.url} is not empty ({strangers[0]}); use another out=")
    key = open_key(config.pack) if config.pack else None
    answers = read_answers(config, key.trials if key else None)
    order = _order(config, key, answers)
    rule = Rule(**config.exclude.model_dump())
    screened = screen(answers.frame, rule)
    kept = answers.frame[~answers.frame["participant"].isin(_excluded(screened))]
    whole = analyse(answers.frame, order, ALL)
    told, other = whole, None
    if len(kept) < len(answers.frame):
        if not (kept["role"] == MAIN).any():
            raise RunError(f"the rule excludes every participant with {rule}; set exclude.*")
        told, other = analyse(kept, order, FILTERED), whole
    notes = [*answers.notes, *unapplied(screened, rule)]
    report = report_of(
        _sources(config),
        _counts(answers, screened),
        answers.dropped,
        notes,
        str(rule),
        _numbered(screened),
        told,
        other,
        order[0],
    )
    _write_tables(store, told, whole)
    store.put(JSON, json.dumps(report, indent=1).encode())
    store.put(MARKDOWN, markdown(report).encode())
    main = kept[kept["role"] == MAIN]
    mine = [question for question in questions(main, order) if question.options[0] == order[0]]
    galleries = wins_and_losses(key, mine) if key else []
    shares = {question.title: (_shares(question), question.chance) for question in mine}
    store.put(PAGE, page(store.url, report, shares, galleries).encode())
    _tell(store, report, screened)
    return OK


def _order(config: StudyAnalyzeConfig, key: Key | None, answers: Answers) -> list[str]:
    """The methods that were shown, the one whose preference is told first."""
    main = answers.frame[answers.frame["role"] == MAIN]
    shown = sorted({method for options in main["options"] for method in options})
    if config.method and config.method not in shown:
        raise RunError(f"method={config.method} was not shown (methods: {', '.join(shown)})")
    known = key.methods if key else []
    order = [*([config.method] if config.method else []), *known, *shown]
    return [method for method in dict.fromkeys(order) if method in shown]


def _shares(question: Question) -> np.ndarray:
    """Each pair's share of answers for the first method, (pairs,)."""
    table = votes(question.answers)
    return (table.get(question.label(question.options[0]), 0) / table.sum(axis=1)).to_numpy()


def _excluded(screened: pd.DataFrame) -> pd.Series:
    return screened["participant"][screened["excluded"] != ""]


def _numbered(screened: pd.DataFrame) -> pd.DataFrame:
    """Numbers for names: a worker's id leads to a person, and reports are passed on."""
    return screened.assign(participant=[f"P{n + 1}" for n in range(len(screened))])


def _sources(config: StudyAnalyzeConfig) -> dict[str, str]:
    urls = {"answers": config.answers, "study": config.pack, "key": config.key}
    return {name: url for name, url in urls.items() if url}


def _counts(answers: Answers, screened: pd.DataFrame) -> dict[str, int]:
    roles = Counter(answers.frame["role"])
    excluded = answers.frame["participant"].isin(_excluded(screened))
    main = answers.frame["role"] == MAIN
    return {
        "participants": len(screened),
        "participants excluded": len(_excluded(screened)),
        "answers": int(main.sum()),
        "answers of those excluded": int((main & excluded).sum()),
        **{f"{role} answers, not counted": n for role, n in sorted(roles.items()) if role != MAIN},
    }


def _write_tables(store: Store, told: Analysis, whole: Analysis) -> None:
    """Rows of both exclusions, equal ones where the rule excludes nobody."""
    analyses = [whole, Analysis(**{**vars(told), "exclusion": FILTERED})]
    rows: dict[str, list[dict[str, Any]]] = {
        "preferences": [row for analysis in analyses for row in analysis.rows()],
        "bradley_terry": [row for analysis in analyses for row in analysis.score_rows()],
    }
    for name, table in rows.items():
        found = pa.Table.from_pylist(table, schema=SCHEMAS[name])
        store.put(f"{name}.parquet", parquet_bytes(found))


def _tell(store: Store, report: dict[str, Any], screened: pd.DataFrame) -> None:
    for headline in report["headlines"]:
        print(headline["sentence"])
        if headline["without_exclusions"]:
            print(f"  without exclusions: {headline['without_exclusions']}")
    for reason, n in report["dropped"].items():
        print(f"dropped        {n} {reason}")
    for note in report["notes"]:
        print(f"note           {note}")
    for who in screened[screened["excluded"] != ""].itertuples():
        print(f"excluded       {who.participant}: {who.excluded}")
    for kind, name in (("preferences", PREFERENCES), ("report", MARKDOWN), ("page", PAGE)):
        print(f"{kind:14} {store.url}/{name}")
