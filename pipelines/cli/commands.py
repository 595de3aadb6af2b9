"""The table of commands, by task."""

from dataclasses import dataclass

from configs.benchmark import BenchmarkConfig, ReportConfig
from configs.checkpoint import CheckpointImportConfig
from configs.demo import DemoConfig
from configs.evaluate import EvaluateConfig
from configs.extract import ExtractConfig
from configs.face_pairs import FacesPlanConfig
from configs.fields import Frozen
from configs.poses import PosesConfig
from configs.render import RenderConfig
from configs.run import CompactConfig, ListConfig, ShowConfig
from configs.study import StudyAnalyzeConfig, StudyBuildConfig, StudyServeConfig
from configs.synthesize import SynthesizeConfig
from configs.train import TrainGeneratorConfig, TrainInpainterConfig
from configs.train_poser import TrainPoserConfig


@dataclass(frozen=True)
class Command:
    """A command: its words, the config it takes, and the module whose `run` does it."""

    words: str
    config: type[Frozen]
    module: str
    arguments: str  # of the example
    dry_run: bool = False  # whether `run` takes dry=True
    first: str | None = None  # the key that a bare first argument sets

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
            ExtractConfig,
            "pipelines.extract",
            "input=photos out=catalog",
            dry_run=True,
        ),
        Command(
            "poses",
            PosesConfig,
            "pipelines.poses",
            "size=512 out=poses",
            dry_run=True,
        ),
        Command(
            "synthesize",
            SynthesizeConfig,
            "pipelines.synthesize",
            "items=12 views=4 size=128 out=world",
            dry_run=True,
        ),
    ],
    "faces": [
        Command(
            "faces plan",
            FacesPlanConfig,
            "pipelines.faces",
            "catalog=faces out=protocol",
        ),
    ],
    "renders": [
        Command(
            "demo",
            DemoConfig,
            "pipelines.demo",
            "out=demo-out",
        ),
        Command(
            "render",
            RenderConfig,
            "pipelines.render",
            "catalog=world pairs=world/pairs out=renders",
            dry_run=True,
        ),
        Command(
            "checkpoint import",
            CheckpointImportConfig,
            "pipelines.checkpoint",
            "inpainter=inpainter.pth refiner=refiner.pth out=checkpoint",
        ),
    ],
    "evaluation": [
        Command(
            "evaluate",
            EvaluateConfig,
            "pipelines.evaluation.evaluate",
            "renders=renders catalog=world metrics=[ssim_dsc,l1] out=metrics",
            dry_run=True,
        ),
        Command(
            "benchmark",
            BenchmarkConfig,
            "pipelines.benchmark.benchmark",
            "--config configs/benchmark/full.yaml out=benchmark",
        ),
        Command(
            "benchmark report",
            ReportConfig,
            "pipelines.benchmark.report",
            "out=benchmark",
        ),
    ],
    "user studies": [
        Command(
            "study build",
            StudyBuildConfig,
            "pipelines.study.build",
            "runs=[renders] catalog=world question=real_or_fake out=study",
            dry_run=True,
        ),
        Command(
            "study serve",
            StudyServeConfig,
            "pipelines.study.serve",
            "pack=study",
        ),
        Command(
            "study analyze",
            StudyAnalyzeConfig,
            "pipelines.study.analyze",
            "answers=study/answers.db pack=study out=preferences",
        ),
    ],
    "training": [
        Command(
            "train inpainter",
            TrainInpainterConfig,
            "pipelines.training.train",
            "catalog=world texture_size=128 out=f",
        ),
        Command(
            "train generator",
            TrainGeneratorConfig,
            "pipelines.training.train",
            "catalog=world inpainter=f backbone.name=efficientnet_lite0 out=model",
        ),
        Command(
            "train poser",
            TrainPoserConfig,
            "pipelines.training.train",
            "catalog=world out=poser",
        ),
    ],
    "runs": [
        Command(
            "runs list",
            ListConfig,
            "pipelines.runs.list",
            ".",
            first="url",
        ),
        Command(
            "runs show",
            ShowConfig,
            "pipelines.runs.show",
            "renders",
            first="url",
        ),
        Command(
            "runs compact",
            CompactConfig,
            "pipelines.runs.compact",
            "renders out=compacted",
            first="url",
        ),
    ],
}
COMMANDS = [command for commands in TASKS.values() for command in commands]
