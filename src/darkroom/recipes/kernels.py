"""Non-uniform blur kernel estimation (Carbajal, Vitoria, Delbracio, Musé, Lezama 2021): a kernel for every pixel, then deconvolution.

    darkroom train kernels laptop          three minutes on two CPU cores, nothing to download; across or down, no more yet
    darkroom train kernels small           50 minutes of one CPU core, BSDS500; one kernel for the image, which shows its path
    darkroom train kernels small_segments  35 minutes of one CPU core; two segments that move differently
    darkroom train kernels synthetic       the paper's network; days on one GPU (estimated)
    darkroom report kernels                one page: curves, kernel fields, restored images, the curve over Richardson-Lucy's iterations
    darkroom apply shaken.jpg -o sharp.png --weights runs/kernels/small --show-kernels

Training images are blurred by random camera shake in linear light, in up to --segments differently moving segments. Every row is
evaluated on synthetic shake (distance of the kernels, reblurred image, restored image), and on GoPro and Köhler's benchmark where
they are present. The paper trains on segments of ADE20K; `labels` takes those of CamVid. The short rows show the network derivatives
and learn by the Kullback-Leibler divergence first: by the paper's losses they end with one mean kernel for every image.
"""

from dataclasses import replace
from typing import Literal

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.randomness import generator
from darkroom.core.record import Published
from darkroom.core.stream import Stream
from darkroom.data.camvid import camvid
from darkroom.data.named_sets import evaluation_images
from darkroom.data.shaken import DrawnForEachImage, SegmentedStream
from darkroom.engine.run import Run
from darkroom.evaluations.kernel_fields import KernelFields, no_blur, true_kernels
from darkroom.evaluations.kernel_metrics import kernel_l1, reblur_psnr
from darkroom.methods.kernel_estimation import KernelEstimation, KernelLoss
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.networks.kernel_net import SIDE, KernelNet
from darkroom.operators.linear_light import GAMMA
from darkroom.operators.motion import EXPOSURES, CameraShake
from darkroom.operators.shaken import ShakenPair
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import deblurring
from darkroom.solvers.blind import Restoration
from darkroom.solvers.richardson_lucy import STEPS

TASK = "deblurring"

_SHAKEN = (0.1, 0.5, 1.0)  # no points among the kernels: every training image teaches something

_SHORT = dict(
    derivatives=True, kernel_loss="kl", l1_from=0.7, kernel_weight=1.0, batch_size=8, lr=1e-3, schedule="linear", clip=1.0
)
_SMALL = {**_SHORT, "width": 12, "exposures": _SHAKEN, "patch_size": 128, "image_count": 20}

ROWS = {
    "synthetic": dict(),
    "uniform": dict(segments=1),
    "labels": dict(segments_of="camvid", test_set="bsd68"),
    "small": {**_SMALL, "basis": 1, "segments": 1, "steps": 14_000},
    "small_segments": {**_SMALL, "basis": 9, "segments": 2, "steps": 3500},
    "laptop": {
        **_SHORT,
        "width": 8,
        "basis": 1,
        "segments": 1,
        "exposures": (0.5,),
        "train_set": "embedded",
        "test_set": "embedded",
        "shuffle_colors": True,  # there are only five training images
        "patch_size": 96,
        "steps": 1500,
        "image_count": 1,
    },
}

_CARBAJAL = "Carbajal et al. 2021, table of results on the data of Köhler et al."
_OTHERS = "Kupyn et al. 2018 (DeblurGAN), Table 2"

PUBLISHED = {
    row: [
        Published("best_frame_psnr", "koehler", 28.39, _CARBAJAL),
        Published("best_frame_psnr", "koehler", 26.10, _OTHERS, method="DeblurGAN"),
    ]
    for row in ("synthetic", "labels")
}


def recipe(
    width: int = 64,
    basis: int = 25,
    derivatives: bool = False,
    segments: int = 4,
    segments_of: Literal["drawn", "camvid"] = "drawn",
    exposures: tuple[float, ...] = EXPOSURES,
    sigma: float = 2.55,
    blur_gamma: float = GAMMA,
    reblur_weight: float = 1.0,
    kernel_weight: float = 100.0,
    kernel_loss: KernelLoss = "l2",
    l1_from: float = 0.5,
    solver_steps: int = STEPS,
    smoothing: float = 0.0,
    image_count: int = 0,
    data: DataOptions = DataOptions("bsds500", "bsd68", patch_size=288, batch_size=16),
    optimization: OptimizationOptions = OptimizationOptions(300_000, 1e-4, "multistep", (0.5, 0.75)),
    seed: int = 0,
) -> Run:
    """A kernel network on synthetic camera shake.

    Args:
        width: Features of the network at full resolution.
        basis: Number of basis kernels.
        derivatives: Show the network the image's derivatives, at one contrast, instead of its values.
        segments: Largest number of differently moving segments in an image.
        segments_of: Shapes of the segments in training: drawn, or those of CamVid's label maps (with its photographs).
        exposures: Exposure times to draw from, as shares of a trajectory.
        sigma: Noise level (0-255 scale) of the shaken images, in training and in evaluation.
        blur_gamma: Gamma between files and linear light, in which images are blurred and restored.
        reblur_weight: Weight of the reblur loss.
        kernel_weight: Weight of the kernel loss.
        kernel_loss: Kernel loss in the first part of the training: the squared L2 norm, or the Kullback-Leibler divergence.
        l1_from: Share of the training after which the kernel loss is the L1 norm.
        solver_steps: Iterations of Richardson-Lucy, which is stopped early.
        smoothing: Weight of the total variation in Richardson-Lucy.
        image_count: Test images, the first ones; 0 for all.
        data: Training and test images; the network sees patches 32 pixels smaller than patch-size.
        optimization: Adam.
        seed: Of weights, patches and shakes.
    """
    network = KernelNet(width, basis, gamma=blur_gamma, derivatives=derivatives).initialise(generator(seed, "weights"))
    restoration = Restoration(solver_steps, blur_gamma, smoothing=smoothing)
    shake = CameraShake(SIDE, exposures=exposures)
    pair = ShakenPair(shake, segments, sigma, blur_gamma, field_given=True)
    images = evaluation_images(data.test_set)
    images = images.first(image_count) if image_count else images
    counts = sorted({1, segments})
    evaluations = [_evaluation(images, replace(pair, segments=count), restoration, seed) for count in counts]
    return Run(
        method=KernelEstimation(
            network,
            reblur_weight=reblur_weight,
            kernel_weight=kernel_weight,
            kernel_loss=kernel_loss,
            l1_from=round(l1_from * optimization.steps),
            restoration=restoration,
        ),
        stream=_stream(segments_of, pair, data, seed),
        optimizers={"network": optimization.adam()},
        steps=optimization.steps,
        validation=evaluations[-1].first(8).with_metrics((kernel_l1, reblur_psnr(blur_gamma))),
        validation_interval=optimization.validation_interval,
        evaluations=[*evaluations, deblurring.on_gopro(), deblurring.on_koehler(linear_gamma=blur_gamma)],
        kind="kernel network",
        network=network,
        seed=seed,
    )


def _evaluation(images: Dataset, pair: ShakenPair, restoration: Restoration, seed: int) -> KernelFields:
    return KernelFields(
        images,
        DrawnForEachImage(pair, seed),
        (kernel_l1, reblur_psnr(pair.gamma), psnr, ssim),
        restoration,
        variant={"segments": float(pair.segments)},
        baselines={"no blur": no_blur, "true kernels": true_kernels},
    )


def _stream(segments_of: str, pair: ShakenPair, data: DataOptions, seed: int) -> Stream:
    if segments_of == "camvid":
        return SegmentedStream(camvid("train"), pair, patch_size=data.patch_size, batch_size=data.batch_size, seed=seed)
    if data.train_set == "gopro":
        raise DarkroomError("--train-set gopro: kernels are learned from sharp images, which are shaken by known kernels")
    return deblurring.stream(data, pair, seed)
