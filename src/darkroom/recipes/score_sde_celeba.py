"""Which architecture for score models? The study of Song et al. 2021 on CelebA 64x64: residual blocks, and how many of them.

    darkroom train score_sde_celeba laptop          three minutes on two CPU cores, nothing to download: patches of photographs
    darkroom train score_sde_celeba biggan_4        NCSN++ as in the paper; about a week on one GPU (estimated)
    darkroom train score_sde_celeba small_biggan_2  a tenth of the width on 5,000 small faces; a quarter of an hour on one CPU core
    darkroom report score_sde_celeba                the study: both kinds of blocks against their number at each resolution

`biggan_4` is NCSN++; every other row changes one thing: `ddpm_*` the blocks, `*_2` their number, `without_*` the filter in
resampling, the division of skip connections by the square root of 2, or the input at every resolution. The paper prints no table
of this study; its best networks have a FID of about 2.5. All arms run, on a CPU too; the paper's PyTorch code cannot combine DDPM
blocks with the filter.
"""

from darkroom.core.record import Study
from darkroom.engine.run import Run
from darkroom.recipes.options import OptimizationOptions
from darkroom.recipes.protocols.distributions import DistanceOptions
from darkroom.recipes.protocols.generation import GenerationData, SampleOptions
from darkroom.recipes.protocols.score_models import ProcessOptions, ScoreNetworkOptions, ScoreTrainingOptions, run

TASK = "generation"

_EDM = dict(sde="edm", sigma_min=0.002, sigma_max=80.0)
_QUICK = dict(
    **_EDM,
    width=32,
    multipliers=(1, 2, 2),
    dropout=0.0,
    warm_up_steps=50,
    lr=1e-3,
    samplers=("heun@18",),
)
_SMALL = dict(**_QUICK, image_set="celeba_small", batch_size=8, steps=350, attention=(16,), sample_count=200, sample_batch=20)
_LAPTOP = dict(
    **{**_QUICK, "width": 24},
    image_set="patches",
    batch_size=8,
    steps=600,
    attention=(4,),
    blocks=1,
    sample_count=200,
    sample_batch=50,
)

ROWS = {
    "biggan_4": dict(),
    "biggan_2": dict(blocks=2),
    "ddpm_4": dict(block="ddpm"),
    "ddpm_2": dict(block="ddpm", blocks=2),
    "without_fir": dict(fir=False),
    "without_rescale": dict(rescale=False),
    "without_progressive_input": dict(progressive_input=False),
    "small_biggan_1": dict(**_SMALL, blocks=1),
    "small_biggan_2": dict(**_SMALL, blocks=2),
    "small_ddpm_1": dict(**_SMALL, blocks=1, block="ddpm"),
    "small_ddpm_2": dict(**_SMALL, blocks=2, block="ddpm"),
    "laptop": dict(**_LAPTOP),
}

STUDIES = (Study(along="blocks", between="block", first="biggan", second="ddpm"),)


def recipe(
    network: ScoreNetworkOptions = ScoreNetworkOptions(),
    process: ProcessOptions = ProcessOptions(sigma_max=90.0, snr=0.17),
    data: GenerationData = GenerationData("celeba"),
    training: ScoreTrainingOptions = ScoreTrainingOptions(),
    optimization: OptimizationOptions = OptimizationOptions(1_300_000, 2e-4, clip=1.0, ema=0.999),
    samples: SampleOptions = SampleOptions(),
    distances: DistanceOptions = DistanceOptions(),
    seed: int = 0,
) -> Run:
    """A score model of faces.

    Args:
        network: The U-Net.
        process: The diffusion process and the loss.
        data: Images to learn to generate.
        training: Warm-up and likelihood.
        optimization: Adam.
        samples: Samplers that are evaluated.
        distances: Features in which samples and images are compared.
        seed: Of weights, images and samples.
    """
    return run(network, process, data, training, optimization, samples, distances, seed)
