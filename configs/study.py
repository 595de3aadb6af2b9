"""The configuration of `reposer study build`, `serve` and `analyze`."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.fields import Frozen, Url

Comparison = Annotated[tuple[str, ...], Field(min_length=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class StudyBuildConfig(Frozen):
    """Make a study of two or more methods: its design, its pictures and its pages."""

    out: Url = Field(description="URL of the study: a folder, file:// or s3://")
    runs: tuple[Url, ...] = Field(
        default=(),
        description="finished runs of render (with catalog=), or folders of generated images (with "
        "reference=, or named alike), a method each; joined by pair",
    )
    catalog: Url | None = Field(
        default=None, description="catalog whose photographs of the poses are the ground truth"
    )
    reference: Url | None = Field(
        default=None, description="folder of the photographs, for runs= that are folders"
    )
    side_by_side: Url | None = Field(
        default=None, description="folder of N_METHOD.png, with N_target.png: several methods"
    )
    methods: tuple[str, ...] | None = Field(
        default=None,
        description="names of runs, in their order (default: the models', or the folders'); or "
        "which methods of side_by_side (default: all)",
    )
    question: Literal["pick", "real_or_fake"] = Field(
        default="pick",
        description="pick: the best of the pictures shown; real_or_fake: of one picture",
    )
    comparisons: tuple[Comparison, ...] | None = Field(
        default=None,
        description="the methods of each kind of question, [[A,B],[A,C]] or [[A,B,C]] (default: "
        "the first method against each other; real_or_fake: each method)",
    )
    pairs: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="pairs in the study (default: as many as balance, at most 80)"
    )
    reuse: bool = Field(default=False, description="show pairs several times where there are fewer")
    participants: Annotated[int, Field(ge=1)] = Field(default=20, description="people asked")
    views: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="people who see each pair (default: all participants)"
    )
    practice: Annotated[int, Field(ge=0)] = Field(
        default=2, description="first questions of a participant that do not count"
    )
    sentinels: Annotated[int, Field(ge=0)] = Field(
        default=4, description="questions a participant whose answer is known: a damaged picture"
    )
    repeats: Annotated[int, Field(ge=0)] = Field(
        default=4, description="questions a participant that are asked again, sides changed"
    )
    show_target: bool = Field(default=True, description="pick: show the ground truth beside")
    show_source: bool = Field(default=False, description="show the source photograph beside")
    size: Annotated[int, Field(ge=16)] | None = Field(
        default=None,
        description="most pixels of a picture's longer side (default: the weakest method's)",
    )
    image: Literal["png", "jpeg", "webp"] = Field(
        default="png", description="file format of the pictures: png loses nothing"
    )
    prompt: str | None = Field(default=None, description="the question (default: by its kind)")
    consent: str = Field(
        default="I take part freely, and my answers are recorded without my name.",
        description="what a participant agrees to",
    )
    mturk_base: str = Field(
        default="https://HOST/pack/images/",
        description="where the images will lie for Mechanical Turk, ending in /",
    )
    seed: int = Field(default=0, description="seed of the design")

    @model_validator(mode="after")
    def _one_input(self) -> Self:
        if bool(self.runs) == bool(self.side_by_side):
            raise ValueError("wants either runs= or side_by_side=")
        return self


class StudyServeConfig(Frozen):
    """Serve a study to participants, and keep their answers."""

    pack: Url = Field(description="URL of the study that `study build` made")
    answers: Url | None = Field(
        default=None, description="SQLite file of the answers (default: answers.db of the study)"
    )
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8765, description="port to listen on; 0: any that is free"
    )
    rate: Annotated[float, Field(gt=0)] = Field(
        default=5.0, description="requests a second of a participant, more are refused (429)"
    )


class Exclusions(Frozen):
    """Whose answers are left out; figures are told with and without them."""

    sentinels: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.8, description="who gets a smaller share of the sentinel trials right"
    )
    seconds: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="whose median time an answer is smaller"
    )
    one_side: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.95, description="who gives a greater share of ten or more answers at one place"
    )


class Columns(Frozen):
    """Where another study's table holds what; {n} in a name counts a row's questions from 1."""

    choice: str | None = Field(
        default=None,
        description="of another study's answers=: the choice (Answer.q{n}; of radio buttons whose "
        "columns are Answer.q1.A and Answer.q1.B, too)",
    )
    places: Annotated[tuple[str, ...], Field(min_length=2)] = Field(
        default=("A", "B"), description="what choice holds for each place, left to right"
    )
    options: tuple[str | Names, ...] = Field(
        default=(),
        description="what was shown at each place; of row n of key=, where it is given; "
        "[[type_a,level_a],[type_b,level_b]]: several columns make one name",
    )
    method: str | None = Field(
        default=None,
        description="pattern that finds the method in options, as its group (default: all of it)",
    )
    item: str | None = Field(default=None, description="the item shown (default: the question)")
    participant: str = Field(default="WorkerId", description="who answered")
    seconds: str | None = Field(default=None, description="time an answer took")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.choice and len(self.options) != len(self.places):
            raise ValueError("columns.options wants a column for each of columns.places")
        if self.method and _groups(self.method) != 1:
            raise ValueError("columns.method wants a regular expression with one group")
        return self


def _groups(pattern: str) -> int:
    try:
        return re.compile(pattern).groups
    except re.error:
        return 0


class StudyAnalyzeConfig(Frozen):
    """Turn the answers to a study into preferences."""

    answers: Url = Field(
        description="answers.db of the server, a table `responses`, a folder or glob of "
        "answers-CODE.json, or a Mechanical Turk CSV"
    )
    pack: Url | None = Field(
        default=None, description="URL of the study that `study build` made and that was answered"
    )
    columns: Columns = Field(
        default=Columns(), description="how to read a CSV of another study, which has no pack="
    )
    key: Url | None = Field(
        default=None, description="CSV whose row n says what question n of columns showed"
    )
    method: str | None = Field(
        default=None,
        description="whose preference is told (default: the first of the study, else by name)",
    )
    exclude: Exclusions = Field(default=Exclusions(), description="whose answers are left out")
    out: Url = Field(description="output URL")

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if bool(self.pack) == bool(self.columns.choice):
            raise ValueError("wants either pack=, or columns.choice= of another study's answers")
        return self
