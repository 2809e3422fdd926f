"""NAFNet (Chen et al. 2022): blind motion deblurring by regression, the baseline that adversarial training is compared with.

    darkroom train nafnet laptop       three minutes on two CPU cores, nothing to download
    darkroom train nafnet small        camera shake on BSDS500, a small network; a quarter of an hour on one CPU core
    darkroom train nafnet synthetic    camera shake on BSDS500; a day on one GPU (estimated)
    darkroom train nafnet gopro        NAFNet-32, Table 6 of the paper; two days on eight GPUs there
    darkroom train nafnet gopro_64     NAFNet-64

Published numbers are for whole images by test-time local statistics (Chu et al. 2022), which are not used here.
"""

from dataclasses import dataclass

from darkroom.core.randomness import generator
from darkroom.core.record import Published
from darkroom.engine.run import Run
from darkroom.methods.regression import Regression, negative_psnr
from darkroom.networks.nafnet import NAFNet
from darkroom.operators.motion import CameraShake
from darkroom.operators.shaken import ShakenPair
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import deblurring
from darkroom.recipes.protocols.distributions import DistanceOptions

TASK = "deblurring"


@dataclass(frozen=True)
class NetworkOptions:
    """The network."""

    width: int = 32
    """Features at full resolution."""
    encoder: tuple[int, ...] = (1, 1, 1, 28)
    """Blocks at each scale on the way down."""
    middle: int = 1
    """Blocks at the coarsest scale."""
    decoder: tuple[int, ...] = (1, 1, 1, 1)
    """Blocks at each scale on the way up, from coarse to fine."""


_SMALL = dict(width=16, encoder=(1, 1, 2), middle=2, decoder=(1, 1, 1))

ROWS = {
    "gopro": dict(),
    "gopro_64": dict(width=64),
    "synthetic": dict(train_set="bsds400", test_set="bsd100", patch_size=320, batch_size=8, steps=200_000),
    "small": {
        **_SMALL,
        "train_set": "bsds400",
        "test_set": "bsd100",
        "image_count": 20,
        "support": 33,
        "patch_size": 128,
        "batch_size": 4,
        "steps": 2500,
        "clip": 1.0,
    },
    "laptop": {
        **_SMALL,
        "train_set": "embedded",
        "test_set": "embedded",
        "shuffle_colors": True,
        "support": 17,
        "patch_size": 80,
        "batch_size": 4,
        "steps": 2000,
        "clip": 1.0,
    },
}

_TABLE_6 = "Chen et al. 2022, Table 6, with test-time local statistics"

PUBLISHED = {
    "gopro": [Published("psnr", "gopro", 32.87, _TABLE_6), Published("ssim", "gopro", 0.9606, _TABLE_6)],
    "gopro_64": [Published("psnr", "gopro", 33.71, _TABLE_6), Published("ssim", "gopro", 0.9668, _TABLE_6)],
}


def recipe(
    network: NetworkOptions = NetworkOptions(),
    support: int = 65,
    image_count: int = 0,
    distances: DistanceOptions = DistanceOptions(),
    data: DataOptions = DataOptions("gopro", "gopro", patch_size=256, batch_size=64),
    optimization: OptimizationOptions = OptimizationOptions(400_000, 1e-3, "cosine"),
    seed: int = 0,
) -> Run:
    """NAFNet on shaken photographs.

    Args:
        network: The network.
        support: Side of the kernels of synthetic shake, in pixels.
        image_count: Test images, the first ones; 0 for all.
        distances: Networks in whose features the restored and the sharp images are compared as sets.
        data: Training and test images; gopro, or sharp images that are shaken. Patches are of the sharp image before shaking.
        optimization: Adam.
        seed: Of weights, patches and shakes.
    """
    made = NAFNet(network.width, network.encoder, network.middle, network.decoder).initialise(generator(seed, "weights"))
    shaken = ShakenPair(CameraShake(support))
    evaluations = deblurring.evaluations(data.test_set, shaken, image_count=image_count, distances=distances.metrics())
    return Run(
        method=Regression(made, negative_psnr),
        stream=deblurring.stream(data, shaken, seed),
        optimizers={"network": optimization.adam(betas=(0.9, 0.9))},
        steps=optimization.steps,
        validation=deblurring.validation(evaluations),
        validation_interval=optimization.validation_interval,
        evaluations=evaluations,
        network=made,
        requires=distances.requirements(),
        seed=seed,
    )
