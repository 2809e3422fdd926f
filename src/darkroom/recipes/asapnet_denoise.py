"""ASAPNet (Shaham et al. 2021) as a denoiser: the noise level is a constant map beside the noisy image. A question, not a paper.

    darkroom train asapnet_denoise laptop    three minutes on two CPU cores, nothing to download
    darkroom train asapnet_denoise bsds      432 images of BSDS500, evaluated on BSD68 at sigma 15, 25 and 50; hours on one GPU

A pixelwise network cannot average a pixel with its neighbours: what it removes of the noise, it knows from the low-resolution
stream. `darkroom report runs/asapnet_denoise runs/dncnn` puts it beside DnCNN. `fine` has tiles of 4 pixels instead of 16.
"""

from darkroom.core.randomness import generator
from darkroom.data.named_sets import evaluation_images, training_images
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Run
from darkroom.methods.regression import Regression, squared_error
from darkroom.networks.asapnet import ASAPNetDenoiser
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.recipes.asapnet import GeneratorOptions
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import denoising

TASK = "denoising"

_FINE = dict(downsamplings=2, octaves=2, grid=4096)  # a grid so fine that tiles have their least side

ROWS = {
    "bsds": dict(),
    "fine": dict(_FINE),
    "laptop": dict(
        width=16,
        pixel_width=24,
        depth=3,
        train_set="embedded",
        test_set="embedded",
        shuffle_colors=True,
        patch_size=48,
        batch_size=4,
        steps=2000,
        lr=1e-3,
        **_FINE,
    ),
}


def recipe(
    sigma: tuple[float, float] = (0.0, 55.0),
    test_sigmas: tuple[float, ...] = (15.0, 25.0, 50.0),
    network: GeneratorOptions = GeneratorOptions(),
    data: DataOptions = DataOptions("bsds500", "bsd68", patch_size=128, batch_size=16),
    optimization: OptimizationOptions = OptimizationOptions(100_000, 2e-4, "linear", clip=5.0),
    seed: int = 0,
) -> Run:
    """ASAPNet's generator on additive Gaussian noise of known level.

    Args:
        sigma: Bounds of the noise level in training (0-255 scale).
        test_sigmas: Noise levels of the evaluation.
        network: The generator.
        data: Training and test images.
        optimization: Adam.
        seed: Of weights, patches and noise.
    """
    made = ASAPNetDenoiser(**vars(network)).initialise(generator(seed, "weights"))
    evaluations = denoising.evaluations(evaluation_images(data.test_set), test_sigmas, noise_conditional=True)
    return Run(
        method=Regression(made, squared_error),
        stream=PatchStream(
            training_images(data.train_set),
            NoisyPair(Gaussian(sigma), noise_conditional=True),
            patch_size=data.patch_size,
            batch_size=data.batch_size,
            seed=seed,
            shuffle_colors=data.shuffle_colors,
        ),
        optimizers={"network": optimization.adam()},
        steps=optimization.steps,
        validation=denoising.validation(evaluations),
        validation_interval=optimization.validation_interval,
        evaluations=evaluations,
        network=made,
        seed=seed,
    )
