"""Galleries of the pairs that a method won and lost most clearly."""

from collections.abc import Sequence

import pandas as pd

from eval.evaluation_page import Gallery, Shown
from eval.study.preference import FAKE, PICK, REAL, Question, lead, votes
from pipelines.evaluation.report import thumbnail
from pipelines.study.key import Key

EACH = 6  # pairs a gallery


def wins_and_losses(key: Key, questions: Sequence[Question]) -> list[Gallery]:
    """Two galleries a question, of its first method."""
    galleries = []
    for question in questions:
        table = votes(question.answers)
        ahead = lead(table, question.label(question.options[0])).sort_values(kind="stable")
        for what, rows in (("wins", ahead[ahead > 0].iloc[::-1]), ("losses", ahead[ahead < 0])):
            shown = [
                _shown(key, str(pair), table.loc[pair], question) for pair in rows.index[:EACH]
            ]
            galleries.append(Gallery(f"Clearest {what}: {question.title}", shown))
    return galleries


def _shown(key: Key, pair: str, given: pd.Series, question: Question) -> Shown:
    pictures = []
    for method in dict.fromkeys(("source", "target", *question.options)):
        pixels = key.picture(pair, method)
        if pixels is not None:
            pictures.append((method, thumbnail(pixels)))
    labels = question.options if question.kind == PICK else (REAL, FAKE)
    value = ", ".join(f"{label} {given.get(label, 0)}" for label in labels)
    return Shown(f"of {given.sum()} answers · {pair}", value, pictures)
