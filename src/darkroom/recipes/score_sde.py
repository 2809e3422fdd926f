"""Score-based generative modelling through SDEs (Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole 2021).

    darkroom train score_sde laptop         three minutes on two CPU cores, nothing to download: handwritten digits of 8x8 pixels
    darkroom train score_sde digits_vp      the same digits by every sampler; ten minutes on one CPU core
    darkroom train score_sde vp_ddpm        Table 1: every sampler on one network; about four days on one GPU (estimated)
    darkroom train score_sde ve_deep        NCSN++ continuous, deep: FID 2.20; about two weeks on one GPU (estimated)
    darkroom sample runs/score_sde/laptop -o digits --sampler dpm_solver --steps 20

Rows for CIFAR-10 need its official batches; `cifar10_jpeg` tries a small network on JPEG copies. FID is that of 50,000 samples
against the training images, as in the paper; where Inception is not there, distances in other features stand alone. P1000 and
P2000 are predictors with so many steps, PC1000 has a corrector step at each of 1000 levels, C2000 two of them and no predictor:
`ancestral@1000`, `ancestral@2000`, `ancestral_pc@1000`, `langevin@1000`.
"""

from darkroom.core.record import Published
from darkroom.engine.run import Run
from darkroom.recipes.options import OptimizationOptions
from darkroom.recipes.protocols.distributions import DistanceOptions
from darkroom.recipes.protocols.generation import GenerationData, SampleOptions
from darkroom.recipes.protocols.score_models import ProcessOptions, ScoreNetworkOptions, ScoreTrainingOptions, run

TASK = "generation"

_TABLE_1 = (
    *("ancestral@1000", "ancestral@2000", "ancestral_pc@1000"),
    *("reverse_diffusion@1000", "reverse_diffusion@2000", "reverse_diffusion_pc@1000"),
    *("flow@1000", "flow@2000", "flow_pc@1000"),
    "langevin@1000",
)

_DDPM = dict(block="ddpm", blocks=2, fir=False, progressive_input=False, rescale=False, embedding="positional")
_DDPMPP = dict(fir=False, progressive_input=False, embedding="positional")
_VP = dict(sde="vp", ema=0.9999)
_EDM = dict(sde="edm", sigma_min=0.002, sigma_max=80.0)
_SMALL = dict(width=32, multipliers=(1, 2), blocks=1, attention=(4,), dropout=0.0, warm_up_steps=50, lr=1e-3, ema=0.999)
_DIGITS = dict(**_SMALL, image_set="digits", mirrored=False, batch_size=32, sample_batch=100)
_EVERY_SAMPLER = (
    *(f"{name}@{steps}" for name in ("ancestral", "reverse_diffusion", "euler_maruyama") for steps in (10, 20, 50, 100, 200)),
    *(f"{name}@{steps}" for name in ("ancestral_pc", "reverse_diffusion_pc") for steps in (10, 25, 50, 100)),
    *(f"{name}@{steps}" for name in ("ddim", "dpm_solver") for steps in (5, 10, 20, 50)),
    *(f"{name}@{steps}" for name in ("heun", "flow_heun") for steps in (5, 10, 18, 35)),
    "langevin@50",
    "langevin@100",
    "rk45",
)

ROWS = {
    "ve_ddpm": dict(**_DDPM, noise_levels=1000, interpolation="linear", samplers=_TABLE_1),
    "vp_ddpm": dict(**_DDPM, **_VP, noise_levels=1000, interpolation="linear", samplers=_TABLE_1),
    "ve": dict(noise_levels=1000),
    "ve_continuous": dict(),
    "ve_deep": dict(blocks=8),
    "vp": dict(**_DDPMPP, **_VP, noise_levels=1000, samplers=("ancestral@1000",)),
    "vp_continuous": dict(**_DDPMPP, **_VP, samplers=("euler_maruyama@1000",)),
    "vp_deep": dict(**_DDPMPP, **_VP, blocks=8, samplers=("euler_maruyama@1000",)),
    "subvp_deep": dict(
        **_DDPMPP, sde="subvp", ema=0.9999, blocks=8, samplers=("euler_maruyama@1000",), likelihood_images=10_000
    ),
    "edm": dict(
        **_DDPMPP,
        **_EDM,
        multipliers=(2, 2, 2),
        ema=0.9993,
        lr=1e-3,
        batch_size=512,
        dropout=0.13,
        steps=390_000,
        samplers=("heun@18",),
    ),
    "cifar10_jpeg": dict(
        **{**_SMALL, "multipliers": (1, 2, 2), "attention": (8,)},
        **_EDM,
        image_set="cifar10_jpeg",
        batch_size=16,
        steps=1000,
        samplers=("heun@18",),
        sample_count=500,
        sample_batch=50,
    ),
    "digits_vp": dict(**_DIGITS, sde="vp", embedding="positional", steps=2000, samplers=_EVERY_SAMPLER, sample_count=1000),
    "digits_ve": dict(**_DIGITS, sde="ve", steps=2000, samplers=_EVERY_SAMPLER, sample_count=1000),
    "digits_subvp": dict(
        **_DIGITS, sde="subvp", embedding="positional", steps=2000, samplers=_EVERY_SAMPLER, sample_count=1000
    ),
    "digits_edm": dict(**_DIGITS, **_EDM, steps=2000, samplers=_EVERY_SAMPLER, sample_count=1000),
    "patches_edm": dict(
        **{**_SMALL, "multipliers": (1, 2, 2)},
        **_EDM,
        image_set="patches",
        batch_size=32,
        steps=1000,
        samplers=("heun@18", "dpm_solver@20", "ddim@50", "ancestral@100", "reverse_diffusion_pc@50"),
        sample_count=500,
        sample_batch=100,
    ),
    "laptop": dict(
        **_DIGITS,
        sde="vp",
        embedding="positional",
        steps=700,
        samplers=("dpm_solver@15", "heun@12", "ancestral@50", "ancestral_pc@25"),
        sample_count=400,
    ),
}

_SONG = "Song et al. 2021, Table 1"
_TABLE_3 = "Song et al. 2021, Table 3"


def _fid(value: float, source: str, sampler: str, steps: int) -> Published:
    return Published("fid", "cifar10-train", value, source, {"sampler": sampler, "steps": float(steps)})


def _table_1(
    ancestral: tuple[float, ...], reverse: tuple[float, ...], flow: tuple[float, ...], c2000: float
) -> list[Published]:
    """P1000, P2000 and PC1000 of every predictor, and C2000."""
    values = dict(zip(_TABLE_1, (*ancestral, *reverse, *flow, c2000), strict=True))
    return [_fid(value, _SONG, name.partition("@")[0], int(name.partition("@")[2])) for name, value in values.items()]


PUBLISHED = {
    "ve_ddpm": _table_1((4.98, 4.88, 3.62), (4.79, 4.74, 3.60), (15.41, 10.54, 3.51), 20.43),
    "vp_ddpm": _table_1((3.24, 3.24, 3.21), (3.21, 3.19, 3.18), (3.59, 3.23, 3.06), 19.06),
    "ve": [_fid(2.45, _TABLE_3, "reverse_diffusion_pc", 1000)],
    "ve_continuous": [_fid(2.38, _TABLE_3, "reverse_diffusion_pc", 1000)],
    "ve_deep": [_fid(2.20, _TABLE_3, "reverse_diffusion_pc", 1000)],
    "vp": [_fid(2.78, _TABLE_3, "ancestral", 1000)],
    "vp_continuous": [_fid(2.55, _TABLE_3, "euler_maruyama", 1000)],
    "vp_deep": [_fid(2.41, _TABLE_3, "euler_maruyama", 1000)],
    "subvp_deep": [_fid(2.41, _TABLE_3, "euler_maruyama", 1000)],
    "edm": [_fid(1.97, "Karras et al. 2022, Table 2, the least of three draws; with augmentation", "heun", 18)],
}


def recipe(
    network: ScoreNetworkOptions = ScoreNetworkOptions(),
    process: ProcessOptions = ProcessOptions(),
    data: GenerationData = GenerationData(),
    training: ScoreTrainingOptions = ScoreTrainingOptions(),
    optimization: OptimizationOptions = OptimizationOptions(1_300_000, 2e-4, clip=1.0, ema=0.999),
    samples: SampleOptions = SampleOptions(),
    distances: DistanceOptions = DistanceOptions(),
    seed: int = 0,
) -> Run:
    """A score model of images.

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
