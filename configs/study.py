"""The configuration of `reposer study build`, `serve` and `analyze`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.schema import Frozen, ImageFormat, Url

Comparison = Annotated[tuple[str, ...], Field(min_length=1)]


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
    image: ImageFormat = Field(
        default=ImageFormat(format="png"), description="encoding of the pictures"
    )
    prompt: str | None = Field(default=None, description="the question (default: by its kind)")
    consent: str = Field(
        default="I take part of my own will and may stop at any time. My answers are recorded "
        "without my name and used to compare methods that make pictures.",
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


class StudyAnalyzeConfig(Frozen):
    """Turn the answers to a study into preferences."""

    answers: Url = Field(description="answers of the server, of the static pack, or of an export")
    pack: Url | None = Field(default=None, description="URL of the study that was answered")
    out: Url = Field(description="output URL")
