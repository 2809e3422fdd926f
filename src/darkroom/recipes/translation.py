"""What the recipes of image translation share: pairs, losses, the run that is made of them, and its evaluations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from darkroom.core.dataset import Dataset
from darkroom.core.evaluation import Evaluation
from darkroom.core.method import Example
from darkroom.core.randomness import generator as random_generator
from darkroom.data.side_by_side import Direction
from darkroom.data.streams import PatchStream
from darkroom.data.translation_pairs import LABELS, Layout, Split, folder_pairs, translation_pairs
from darkroom.engine.optimization import adam
from darkroom.engine.run import Run
from darkroom.evaluations.inference_cost import InferenceCost
from darkroom.evaluations.paired_images import PairedImages
from darkroom.methods import adversarial
from darkroom.methods.pix2pix import Pix2Pix
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.networks.patch_discriminator import MultiscaleDiscriminator
from darkroom.networks.translation import TranslationNetwork
from darkroom.networks.vgg_levels import VGGLevels
from darkroom.recipes.options import OptimizationOptions
from darkroom.recipes.protocols.distributions import DistanceOptions
from darkroom.recipes.protocols.segmented import segmentation_score

SEGMENTED_AT = {"shapes": 96, "camvid": 180, "cityscapes": 256}
"""Height of the photographs that segmentation networks are trained on and given, by the name of the pairs."""

SMALL_PAIRS = {
    "facades_small": dict(pairs="facades", size=(128, 128), margin=16),
    "camvid_small": dict(pairs="camvid", size=(96, 128), margin=12),
}
"""Pairs of the rows that one CPU core trains, for every generator the same."""

LOSSES = {
    "standard": adversarial.standard,
    "least_squares": adversarial.least_squares,
    "hinge": adversarial.hinge,
}


@dataclass(frozen=True)
class PairOptions:
    """Pairs to train and to evaluate on."""

    pairs: str = "facades"
    """shapes (drawn, embedded), facades, camvid, cityscapes, or a folder of your own."""
    size: tuple[int, int] = (256, 256)
    """Height and width to which photographs and label maps are resized."""
    margin: int = 30
    """Training images are larger by so many pixels, and cropped at random to the size: the papers' jitter."""
    batch_size: int = 1
    """Samples per step, over all devices."""
    instances: bool = False
    """Give the networks the edges of instances, where there are maps of them (shapes, cityscapes)."""
    layout: Layout = "halves"
    """Of your own folder: halves (train/ and test/, A left and B right) or folders (trainA/, trainB/, testA/, testB/)."""
    direction: Direction = "AtoB"
    """Of your own folder: what is the input, and what the target."""
    labels: int = 0
    """Of your own folders: number of ids of the input's label maps (grey PNGs); 0 for images."""

    segmenter: str = ""
    """The network that labels generated photographs: a run's folder or a weights file; by default that of these label maps in runs/."""

    @property
    def label_count(self) -> int:
        """Number of label ids of the input; 0 for images."""
        return LABELS.get(self.pairs, self.labels)

    def dataset(self, split: Split) -> Dataset:
        """The pairs of a split."""
        more = self.margin if split == "train" else 0
        size = (self.size[0] + more, self.size[1] + more)
        if self.pairs in LABELS:
            return translation_pairs(self.pairs, split, size, instances=self.instances)
        folder = Path(self.pairs).expanduser()
        return folder_pairs(folder, split, size, layout=self.layout, direction=self.direction, labels=self.labels)

    def random_example(self, random: torch.Generator) -> Example:
        """An input of the size, in blocks of 32 pixels as label maps have regions, and a black target."""
        height, width = self.size
        grid = (1 if self.label_count else 3, height // 32 + 1, width // 32 + 1)
        cells = torch.randint(self.label_count or 256, grid, generator=random)
        blocks = cells.repeat_interleave(32, 1).repeat_interleave(32, 2)[:, :height, :width]
        condition = (blocks,) if self.instances else ()
        return Example(blocks if self.label_count else blocks / 255, torch.zeros(3, height, width), condition)


@dataclass(frozen=True)
class LossOptions:
    """The discriminator and the losses."""

    adversarial_loss: Literal["standard", "least_squares", "hinge"] = "standard"
    """standard (cross-entropy), least_squares or hinge."""
    l1_weight: float = 0.0
    """Weight of the L1 distance of images in [-1, 1]."""
    matching_weight: float = 0.0
    """Weight of the distance of the discriminator's features."""
    perceptual_weight: float = 0.0
    """Weight of the distance of VGG-19's features, whose weights are then looked for in PyTorch's cache, else downloaded."""
    vgg19: str = ""
    """A file with torchvision's VGG-19, instead."""
    discriminator_width: int = 64
    """Features of the discriminators' first layer."""
    scales: int = 1
    """Number of discriminators, each at half the resolution of the one before."""
    spectral: bool = False
    """Spectral normalisation of the discriminators."""
    discriminator_lr: float = 2e-4
    """Learning rate of the discriminators before the schedule."""


def drawn(make: Callable[[], TranslationNetwork], seed: int) -> TranslationNetwork:
    """The generator that `make` constructs, with weights drawn once: its layers' own, of 180 million numbers, are not drawn first."""
    with torch.device("meta"):
        network = make()
    return network.to_empty(device="cpu").initialise(random_generator(seed, "weights"))


def translation_run(
    network: TranslationNetwork,
    pairs: PairOptions,
    losses: LossOptions,
    distances: DistanceOptions,
    optimization: OptimizationOptions,
    *,
    betas: tuple[float, float],
    affine: bool,
    seed: int,
) -> Run:
    """The training of a generator against a discriminator on pairs.

    Args:
        network: the generator, with its weights.
        pairs, losses, distances, optimization: the options.
        betas: of Adam.
        affine: see `PatchDiscriminator`.
        seed: of the discriminator's weights and the order of the pairs.
    """
    discriminator = MultiscaleDiscriminator(
        network.channels + 3, losses.discriminator_width, scales=losses.scales, affine=affine, spectral=losses.spectral
    )
    network.require(torch.empty(1, 3, *pairs.size, device="meta", dtype=torch.long if network.labels else torch.float32))
    discriminator.require(*pairs.size)
    perceptual = VGGLevels(Path(losses.vgg19) if losses.vgg19 else None) if losses.perceptual_weight else None
    method = Pix2Pix(
        network,
        discriminator.initialise(random_generator(seed, "discriminator")),
        LOSSES[losses.adversarial_loss],
        perceptual,
        l1_weight=losses.l1_weight,
        matching_weight=losses.matching_weight,
        perceptual_weight=losses.perceptual_weight,
    )
    test = pairs.dataset("test")
    of_discriminator = adam(
        losses.discriminator_lr, betas=betas, schedule=optimization.schedule_function(), clip=optimization.clip
    )
    return Run(
        method=method,
        stream=PatchStream(
            pairs.dataset("train"),
            patch_size=pairs.size,
            batch_size=pairs.batch_size,
            seed=seed,
            augmentation="flip",
        ),
        optimizers={"generator": optimization.adam(betas), "discriminator": of_discriminator},
        steps=optimization.steps,
        validation=PairedImages(test, None, (psnr, ssim)).subset(4),
        validation_interval=optimization.validation_interval,
        evaluations=evaluations(test, pairs, distances),
        kind="generator",
        network=network,
        requires=[*distances.requirements(), *([perceptual.find] if perceptual else [])],
        seed=seed,
    )


def evaluations(test: Dataset, pairs: PairOptions, distances: DistanceOptions) -> Sequence[Evaluation]:
    """Against the photographs one by one and as distributions; by a segmentation network; and the cost of a prediction."""
    fidelity = PairedImages(test, None, (psnr, ssim, *distances.metrics()))
    cost = InferenceCost(pairs.random_example, pairs.size, network="generator")
    return [fidelity, *_segmented(test, pairs), cost]


def _segmented(test: Dataset, pairs: PairOptions) -> list[Evaluation]:
    """By a segmentation network, at the height that it was trained at."""
    height = SEGMENTED_AT.get(pairs.pairs)
    if height is None:
        return []
    size = (height, round(height * pairs.size[1] / pairs.size[0]))
    return [segmentation_score(test, pairs.pairs, size, pairs.segmenter)]
