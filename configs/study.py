"""The configuration of `reposer study build`, `serve` and `analyze`."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.fields import NOT_IDENTITY, Count, Frozen, ImageFormat, Share, Url

Names = Annotated[tuple[str, ...], Field(min_length=1)]
Questions = Annotated[int, Field(ge=0)]


class Pictures(ImageFormat):
    """How a study's pictures are encoded."""

    format: Literal["jpeg", "png", "webp"] = Field(
        default="png", description="File format; png loses nothing."
    )


class StudyBuildConfig(Frozen):
    """Make an A/B user study of runs: a balanced design, pages, blinded pictures."""

    out: Annotated[Url, NOT_IDENTITY] = Field(
        description="Where the study is written: a folder, file:// or s3://."
    )
    runs: Annotated[tuple[Url, ...], NOT_IDENTITY] = Field(
        default=(),
        description="The methods: finished runs of render (with catalog=), or folders of generated "
        "images (with reference=, or with the same names), joined by pair.",
    )
    catalog: Annotated[Url | None, NOT_IDENTITY] = Field(
        default=None,
        description="Catalog whose photographs of the target poses are the ground truth.",
    )
    reference: Annotated[Url | None, NOT_IDENTITY] = Field(
        default=None, description="Folder of the real photographs, for runs= that are folders."
    )
    side_by_side: Annotated[Url | None, NOT_IDENTITY] = Field(
        default=None,
        description="Folder of N_METHOD.png of several methods, with N_target.png, the photograph.",
    )
    methods: tuple[str, ...] | None = Field(
        default=None,
        description="Names of runs, in their order (default: the models', or the folders'); or "
        "which methods of side_by_side to take (default: all).",
    )
    question: Literal["pick", "real_or_fake"] = Field(
        default="pick",
        description="pick: which of the pictures shown is the best? real_or_fake: is this one "
        "real?",
    )
    comparisons: tuple[Names, ...] | None = Field(
        default=None,
        description="Methods to compare, such as [[A,B],[A,C]] or [[A,B,C]] (default: the first "
        "with each of the others; for real_or_fake, each method).",
    )
    n_pairs: Count | None = Field(
        default=None,
        description="Number of pairs in the study (default: as many as balance, at most 80).",
    )
    reuse: bool = Field(
        default=False, description="If there are fewer pairs, show some of them several times."
    )
    participants: Count = Field(default=20, description="Number of participants.")
    participants_per_pair: Count | None = Field(
        default=None, description="How many participants see each pair (default: all)."
    )
    practice: Questions = Field(
        default=2, description="First questions of each participant that do not count."
    )
    sentinels: Questions = Field(
        default=4,
        description="Questions to each participant whose answer is known: one picture is damaged.",
    )
    repeats: Questions = Field(
        default=4,
        description="Questions to each participant that are asked again, with sides changed.",
    )
    show_target: bool = Field(
        default=True, description="Show the real photograph above the pictures, if question=pick."
    )
    show_source: bool = Field(
        default=False, description="Show the source photograph above the pictures."
    )
    # These decide a study, too, and stand in its identity where they are given: studies of before
    # know no such keys.
    show_garment: Annotated[bool, NOT_IDENTITY] = Field(
        default=False,
        description="Of garment transfer: show the photograph of the clothes (the source) above "
        "the pictures.",
    )
    show_person: Annotated[bool, NOT_IDENTITY] = Field(
        default=False,
        description="Of garment transfer: show the photograph of the person (that of the pose) "
        "above the pictures, which is no truth; wants show_target=false.",
    )
    balance: Annotated[Literal["exact", "within_one"], NOT_IDENTITY] = Field(
        default="exact",
        description="within_one: n_pairs need not suit the number of places; each participant then "
        "sees a method once more at one place than at another, and each pair is balanced exactly.",
    )
    size: Annotated[int, Field(ge=16)] | None = Field(
        default=None,
        description="Longer side of the pictures in pixels, at most (default: that of the "
        "method whose pictures are smallest).",
    )
    image: Pictures = Field(default=Pictures(), description="Encoding of the pictures.")
    prompt: str | None = Field(
        default=None, description="Text of the question (default: depends on question)."
    )
    consent: str = Field(
        default="I take part freely, and my answers are recorded without my name.",
        description="Text that a participant agrees to.",
    )
    mturk_base: Annotated[str, NOT_IDENTITY] = Field(
        default="https://HOST/pack/images/",
        description="URL of the folder that you copy the pictures to for Mechanical Turk, with a "
        "slash at its end.",
    )
    seed: int = Field(default=0, description="Seed of the design.")

    @model_validator(mode="after")
    def _one_input(self) -> Self:
        if bool(self.runs) == bool(self.side_by_side):
            raise ValueError("wants either runs= or side_by_side=")
        if self.show_person and self.show_target and self.question == "pick":
            raise ValueError(
                "show_person=true wants show_target=false: both are the photograph of the pose"
            )
        return self


class StudyServeConfig(Frozen):
    """Serve a study to its participants, and keep their answers."""

    pack: Url = Field(description="The study that `study build` made.")
    answers: Url | None = Field(
        default=None,
        description="SQLite file that the answers are written to (default: answers.db in the "
        "study's folder).",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8765, description="Port to listen on; 0 takes one that is free."
    )
    rate: Annotated[float, Field(gt=0)] = Field(
        default=5.0,
        description="Requests a second that a participant may make; more are refused (429).",
    )


class Exclusions(Frozen):
    """Which participants are left out; figures are given with and without them."""

    sentinels: Share = Field(
        default=0.8,
        description="Leave out who gets a smaller share of the sentinel questions right.",
    )
    seconds: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="Leave out whose answers take less time, in the median."
    )
    one_side: Share = Field(
        default=0.95,
        description="Leave out who gives a greater share of ten or more answers at one place.",
    )


class Columns(Frozen):
    """Where another study's table holds what; {n} in a name counts a row's questions from 1."""

    choice: str | None = Field(
        default=None,
        description="Column of the choice, where answers= is another study's table: Answer.q{n}, "
        "also for radio buttons, whose columns are Answer.q1.A and Answer.q1.B. {n} counts the "
        "questions of a row from 1.",
    )
    places: Annotated[tuple[str, ...], Field(min_length=2)] = Field(
        default=("A", "B"), description="What that column holds for each place, from left to right."
    )
    options: tuple[str | Names, ...] = Field(
        default=(),
        description="Columns that say what was shown at each place, in row n of key= if that is "
        "given. [[type_a,level_a],[type_b,level_b]]: several columns make one name.",
    )
    method: str | None = Field(
        default=None,
        description="Regular expression whose group finds the method in what was shown (default: "
        "all of it).",
    )
    item: str | None = Field(
        default=None, description="Column of the item shown (default: each question is an item)."
    )
    participant: str = Field(default="WorkerId", description="Column of who answered.")
    seconds: str | None = Field(
        default=None, description="Column of the seconds that an answer took."
    )

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
    """Turn a study's answers into preferences with honest intervals."""

    answers: Url = Field(
        description="The server's answers.db, a table `responses`, a folder or glob of "
        "answers-CODE.json, or a CSV of Mechanical Turk."
    )
    pack: Url | None = Field(
        default=None, description="The study that was answered, which `study build` made."
    )
    columns: Columns = Field(
        default=Columns(), description="How to read the table of another study, without pack=."
    )
    key: Url | None = Field(
        default=None,
        description="CSV whose row n says what question n of another study showed.",
    )
    method: str | None = Field(
        default=None,
        description="Method whose preference is told (default: the study's first, else the first "
        "by name).",
    )
    exclude: Exclusions = Field(
        default=Exclusions(), description="Which participants are left out."
    )
    out: Url = Field(description="Where the results are written: a folder, file:// or s3://.")

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if bool(self.pack) == bool(self.columns.choice):
            raise ValueError("wants either pack=, or columns.choice= of another study's answers")
        return self
