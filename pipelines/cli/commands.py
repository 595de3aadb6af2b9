"""The table of commands, by task.

It names what commands are made of, and imports none of it: `reposer runs show` is not to wait for
what `reposer train` needs.
"""

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from configs.fields import Frozen


@dataclass(frozen=True)
class Command:
    """A command: its words, the config it takes, and the module whose `run` does it."""

    words: str
    takes: str  # MODULE:CLASS of its config
    module: str
    arguments: str  # of the example
    dry_run: bool = False  # whether `run` takes dry=True
    first: str | None = None  # the key that a bare first argument sets

    @cached_property
    def config(self) -> type[Frozen]:
        """The config that it takes."""
        module, _, name = self.takes.partition(":")
        return getattr(import_module(module), name)

    @property
    def about(self) -> str:
        """What it does, in a sentence."""
        return (self.config.__doc__ or "").partition("\n")[0]

    @property
    def example(self) -> str:
        """A call that a person may type."""
        return f"reposer {self.words} {self.arguments}"


# The examples work together: those of the sample world can be typed one after the other.
TASKS = {
    "photographs and poses": [
        Command(
            "extract",
            "configs.extract:ExtractConfig",
            "pipelines.extract",
            "input=photos out=catalog",
            dry_run=True,
        ),
        Command(
            "poses",
            "configs.poses:PosesConfig",
            "pipelines.poses",
            "size=512 out=poses",
            dry_run=True,
        ),
        Command(
            "synthesize",
            "configs.synthesize:SynthesizeConfig",
            "pipelines.synthesize",
            "items=12 views=4 size=128 out=world",
            dry_run=True,
        ),
    ],
    "faces": [
        Command(
            "faces plan",
            "configs.face_pairs:FacesPlanConfig",
            "pipelines.faces",
            "catalog=faces out=protocol",
        ),
    ],
    "renders": [
        Command(
            "demo",
            "configs.demo:DemoConfig",
            "pipelines.demo",
            "out=demo-out",
        ),
        Command(
            "render",
            "configs.render:RenderConfig",
            "pipelines.render",
            "catalog=world pairs=world/pairs out=renders",
            dry_run=True,
        ),
        Command(
            "checkpoint import",
            "configs.checkpoint:CheckpointImportConfig",
            "pipelines.checkpoint",
            "inpainter=inpainter.pth refiner=refiner.pth out=checkpoint",
        ),
    ],
    "evaluation": [
        Command(
            "evaluate",
            "configs.evaluate:EvaluateConfig",
            "pipelines.evaluation.evaluate",
            "renders=renders catalog=world metrics=[ssim_dsc,l1] out=metrics",
            dry_run=True,
        ),
        Command(
            "benchmark",
            "configs.benchmark:BenchmarkConfig",
            "pipelines.benchmark.benchmark",
            "--config configs/benchmark/full.yaml out=benchmark",
        ),
        Command(
            "benchmark report",
            "configs.benchmark:ReportConfig",
            "pipelines.benchmark.report",
            "out=benchmark",
        ),
    ],
    "user studies": [
        Command(
            "study build",
            "configs.study:StudyBuildConfig",
            "pipelines.study.build",
            "runs=[renders] catalog=world question=real_or_fake out=study",
            dry_run=True,
        ),
        Command(
            "study serve",
            "configs.study:StudyServeConfig",
            "pipelines.study.serve",
            "pack=study",
        ),
        Command(
            "study analyze",
            "configs.study:StudyAnalyzeConfig",
            "pipelines.study.analyze",
            "answers=study/answers.db pack=study out=preferences",
        ),
    ],
    "training": [
        Command(
            "train inpainter",
            "configs.train:TrainInpainterConfig",
            "pipelines.training.train",
            "catalog=world texture_size=128 out=f",
        ),
        Command(
            "train generator",
            "configs.train:TrainGeneratorConfig",
            "pipelines.training.train",
            "catalog=world inpainter=f backbone.name=efficientnet_lite0 out=model",
        ),
        Command(
            "train poser",
            "configs.train_poser:TrainPoserConfig",
            "pipelines.training.train",
            "catalog=world out=poser",
        ),
    ],
    "runs": [
        Command(
            "runs list",
            "configs.run:ListConfig",
            "pipelines.runs.list",
            ".",
            first="url",
        ),
        Command(
            "runs show",
            "configs.run:ShowConfig",
            "pipelines.runs.show",
            "renders",
            first="url",
        ),
        Command(
            "runs compact",
            "configs.run:CompactConfig",
            "pipelines.runs.compact",
            "renders out=compacted",
            first="url",
        ),
    ],
}
COMMANDS = [command for commands in TASKS.values() for command in commands]
