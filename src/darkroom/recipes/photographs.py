"""General networks for photographs, small and fast on a CPU: those that `darkroom restore` uses.

    darkroom train photographs laptop       ×2 in two minutes on two CPU cores, nothing to download
    darkroom train photographs denoise      blind denoising, sigma 0 to 50, white and correlated noise; an hour on one CPU core
    darkroom train photographs enlarge_2    ×2 from clean images, 45 minutes on one CPU core; enlarge_4 starts from its weights
    darkroom train photographs jpeg         JPEG artefacts, quality 10 to 90; starts from the weights of denoise
    darkroom train photographs enlarge_2_jpeg     ×2 from JPEG files, 20 minutes on one CPU core; starts from the weights of enlarge_2
    darkroom train photographs deblur       mild blur by motion, defocus or the lens; half an hour on one CPU core
    darkroom train photographs denoise --steps 1000000 --batch-size 16     the same for longer, on a GPU

Training data are the 400 images of BSDS500 outside BSD100. A row that starts from another one takes its weights from the runs, or,
where it has not been trained, those that are part of the package.
"""

from collections.abc import Sequence
from typing import Literal

from torch import nn

from darkroom.core.randomness import generator
from darkroom.data.named_sets import evaluation_images, training_images
from darkroom.data.streams import Degradation, PatchStream
from darkroom.engine.run import InitialWeights, Run
from darkroom.evaluations.paired_images import PairedImages
from darkroom.methods.regression import Regression, negative_psnr
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.networks.small_edsr import SmallEDSR
from darkroom.networks.small_unet import SmallUNet
from darkroom.operators.jpeg import JPEG, CompressedPair
from darkroom.operators.kernels import KernelDistribution, OneKernel
from darkroom.operators.motion import CameraShake
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.operators.photographic_blur import PhotographicBlur, disk, gaussian
from darkroom.operators.photographic_noise import PhotographicNoise
from darkroom.operators.resample import DownscaledPair
from darkroom.operators.shaken import ShakenPair
from darkroom.recipes import shipped
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import compression, deblurring, denoising, super_resolution

TASK = "general restoration"

_ENLARGE = dict(task="enlarge", test_set="bsd100", steps=11_000, lr=8e-4)
_COMPRESSED = dict(compressed=True, qualities=(30.0, 95.0), test_qualities=(40.0, 75.0))
_FROM_DENOISE = dict(test_set="bsd100", start="denoise", steps=6000, lr=4e-4)

ROWS = {
    "denoise": dict(),
    "jpeg": {**_FROM_DENOISE, "task": "jpeg"},
    "deblur": dict(task="deblur", test_set="bsd100", sigma=(0.0, 4.0), widths=(36, 72, 120), patch_size=120, steps=9000),
    "enlarge_2": {**_ENLARGE, "scale": 2},
    "enlarge_4": {**_ENLARGE, "scale": 4, "patch_size": 192, "start": "enlarge_2", "steps": 2000},
    "enlarge_2_jpeg": {**_ENLARGE, **_COMPRESSED, "scale": 2, "start": "enlarge_2", "steps": 4000},
    "enlarge_4_jpeg": {**_ENLARGE, **_COMPRESSED, "scale": 4, "patch_size": 192, "start": "enlarge_4", "steps": 2500},
    "laptop": dict(
        task="enlarge",
        scale=2,
        width=32,
        blocks=4,
        train_set="embedded",
        test_set="embedded",
        benchmark_sets=(),
        shuffle_colors=True,
        patch_size=64,
        steps=4000,
        lr=3e-4,
    ),
}

PUBLISHED = {
    "enlarge_2": super_resolution.references(2),
    "enlarge_4": super_resolution.references(4),
}

_FILE = JPEG((75.0, 100.0), "any")  # photographs come as such files

Task = Literal["denoise", "enlarge", "jpeg", "deblur"]


def recipe(
    task: Task = "denoise",
    scale: int = 1,
    compressed: bool = False,
    sigma: tuple[float, float] = (0.0, 55.0),
    test_sigmas: tuple[float, ...] = (15.0, 25.0, 50.0),
    qualities: tuple[float, float] = (10.0, 90.0),
    test_qualities: tuple[float, ...] = (10.0, 20.0, 30.0, 40.0),
    widths: tuple[int, ...] = (48, 96, 160),
    width: int = 64,
    blocks: int = 6,
    start: str | None = None,
    data: DataOptions = DataOptions("bsds400", "cbsd68", super_resolution.SETS, patch_size=96, batch_size=4),
    optimization: OptimizationOptions = OptimizationOptions(36_000, 8e-4, "cosine", clip=1.0, ema=0.999),
    seed: int = 0,
) -> Run:
    """A small network for photographs, blind to how strong the degradation is.

    Args:
        task: What it repairs: noise, a small size, JPEG artefacts, or blur.
        scale: Upscaling factor of enlarge.
        compressed: Compress the small images of enlarge as JPEG.
        sigma: Bounds of the noise level in training (0-255 scale; denoise and deblur).
        test_sigmas: Noise levels of the evaluation.
        qualities: Bounds of the JPEG quality in training.
        test_qualities: JPEG qualities of the evaluation.
        widths: Features at the scales of the U-Net (denoise, jpeg and deblur).
        width: Features of the network that enlarges.
        blocks: Residual blocks of the network that enlarges.
        start: Row of this recipe whose final weights the training starts from.
        data: Training and test images; patches are of the target.
        optimization: Adam.
        seed: Of weights, patches and degradations.
    """
    network = SmallEDSR(scale, width, blocks) if task == "enlarge" else SmallUNet(widths=widths)
    network.initialise(generator(seed, "weights"))
    degrade: Degradation
    evaluations: list[PairedImages]
    jpeg = JPEG(qualities, "any")
    if task == "enlarge":
        degrade = CompressedPair(DownscaledPair(scale), jpeg) if compressed else DownscaledPair(scale)
        evaluations = _enlargement(data, scale, test_qualities if compressed else ())
    elif task == "denoise":
        degrade, evaluations = NoisyPair(PhotographicNoise(sigma)), _denoising(data, test_sigmas)
    elif task == "jpeg":
        degrade, evaluations = NoisyPair(jpeg), compression.evaluations(evaluation_images(data.test_set), test_qualities)
    else:
        degrade, evaluations = CompressedPair(ShakenPair(PhotographicBlur(), sigma=sigma), _FILE), _deblurring(data)
    required = [evaluation for evaluation in evaluations if not evaluation.optional]
    return Run(
        method=Regression(network, negative_psnr),
        stream=PatchStream(
            training_images(data.train_set),
            degrade,
            patch_size=data.patch_size,
            batch_size=data.batch_size,
            seed=seed,
            shuffle_colors=data.shuffle_colors,
        ),
        optimizers={"network": optimization.adam(betas=(0.9, 0.99))},
        steps=optimization.steps,
        validation=required[len(required) // 2].subset(8),
        validation_interval=optimization.validation_interval,
        evaluations=evaluations,
        network=network,
        initial=_initial(start, network) if start else None,
        seed=seed,
    )


def _denoising(data: DataOptions, sigmas: Sequence[float]) -> list[PairedImages]:
    """Noise in 8 bits, and the images without noise, which should come back unchanged."""
    return [_unchanged(data), *denoising.evaluations(evaluation_images(data.test_set), sigmas, quantised=True)]


def _deblurring(data: DataOptions) -> list[PairedImages]:
    """Sharp images, which should come back unchanged; three kinds of blur with a little noise; GoPro where it is present."""
    side = PhotographicBlur().support
    blurs: dict[str, KernelDistribution] = {
        "defocus": OneKernel(disk(side, 2.0), "a disk of radius 2"),
        "camera shake": CameraShake(side, length=15.0, exposures=(1.0,)),
        "soft lens": OneKernel(gaussian(side, 1.5), "a Gaussian kernel of spread 1.5"),
    }
    blurred = [
        deblurring.synthetic(data.test_set, ShakenPair(blur, sigma=1.0), variant={"blur": kind}) for kind, blur in blurs.items()
    ]
    return [_unchanged(data), *blurred, deblurring.on_gopro()]


def _unchanged(data: DataOptions) -> PairedImages:
    images = evaluation_images(data.test_set)
    return PairedImages(images, NoisyPair(Gaussian(0.0, quantised=True)), (psnr, ssim), variant={"sigma": 0.0})


def _enlargement(data: DataOptions, scale: int, qualities: Sequence[float]) -> list[PairedImages]:
    """The standard protocol; with qualities, the small images compressed as JPEG."""
    if qualities:
        images = evaluation_images(data.test_set)
        return [super_resolution.on_images(images, scale, quality=quality) for quality in qualities]
    return super_resolution.evaluations(scale, data.test_set, data.benchmark_sets)


def _initial(start: str, network: SmallUNet | SmallEDSR) -> InitialWeights:
    """Weights of another row; between scales, those of the trunk."""
    part: nn.Module = network
    name = "network"
    if isinstance(network, SmallEDSR) and network.scale != ROWS.get(start, {}).get("scale"):
        part, name = network.trunk, "network.trunk"
    return InitialWeights("photographs", start, part, name, otherwise=shipped.FOLDER / f"{start}.safetensors")
