"""Every kind of training on a second device: nothing is left behind on the CPU, and the numbers are the CPU's."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from darkroom.core.images import ImageFile, to_float, write
from darkroom.data.embedded import embedded
from darkroom.engine.fit import Training, fit
from darkroom.engine.prepare import open_data, prepare
from darkroom.engine.restorer import Restorer
from darkroom.radiance import tabletop
from darkroom.recipes import lookup
from tests import elsewhere
from tests.engine.toys import fabric

SMALL: dict[str, dict[str, Any]] = {
    "deblurgan": dict(
        width=4, blocks=1, critic_width=4, critic_steps=1, support=5, patch_size=36, batch_size=1, steps=2, image_count=1
    ),
    "nafnet": dict(
        width=4, encoder=(1, 1), decoder=(1, 1), middle=1, support=5, patch_size=20, batch_size=2, steps=3, image_count=1
    ),
    "photographs": dict(widths=(4, 4, 4), patch_size=16, batch_size=2, steps=3),
    "asapnet": dict(width=4, pixel_width=8, discriminator_width=4, size=(48, 48), batch_size=1, steps=3),
    "asapnet_denoise": dict(width=4, pixel_width=8, patch_size=16, batch_size=2, steps=3),
    "pix2pix": dict(width=4, discriminator_width=4, size=(32, 32), batch_size=1, steps=2),
    "pix2pixhd": dict(width=4, blocks=1, discriminator_width=4, size=(48, 48), batch_size=1, steps=3),
    "basic_sr": dict(blocks=1, channels=4, patch_size=16, batch_size=2, steps=3),
    "byol": dict(width=4, hidden=8, projection=4, image_size=8, batch_size=4, steps=3, probe_set="digits_high"),
    "dncnn": dict(width=4, depth=3, patch_size=12, batch_size=2, steps=3),
    "esrgan": dict(pretraining=0, blocks=1, width=8, discriminator_width=4, patch_size=32, batch_size=2, steps=4),
    "gan_ebm": dict(
        width=4, discriminator_width=4, latent=3, batch_size=2, steps=2, samplers=("ddls@2",), sample_count=2, sample_batch=500
    ),
    "noise2noise": dict(width=4, patch_size=32, batch_size=2, steps=3),
    "simclr": dict(width=4, hidden=8, projection=4, image_size=8, batch_size=4, steps=3, probe_set="digits_high"),
    "simsiam": dict(width=4, projection=8, bottleneck=4, image_size=8, batch_size=4, steps=3, probe_set="digits_high"),
    "score_sde": dict(width=8, batch_size=2, steps=2, samplers=("heun@2",), sample_count=2, sample_batch=500),
    "score_sde_celeba": dict(
        image_set="digits",
        width=8,
        multipliers=(1, 1),
        batch_size=2,
        steps=2,
        samplers=("ancestral_pc@2",),
        sample_count=2,
        sample_batch=500,
    ),
    "segmentation": dict(size=(32, 32), patch_size=32, batch_size=2, steps=2),
    "supervised": dict(width=4, batch_size=4, steps=3),
    "transfer": dict(width=4, batch_size=4, steps=3),
    "safmn": dict(blocks=1, width=8, patch_size=32, batch_size=2, steps=3),
    "swinir": dict(width=8, depths=(2,), heads=2, patch_size=16, batch_size=2, steps=3),
    "sun_deblurring": dict(image_count=1, solver_steps=2, border=4),
    "kernels": dict(width=2, basis=2, patch_size=48, batch_size=2, steps=3, image_count=1, solver_steps=2),
    "dvgo": dict(
        voxels=16, coarse_voxels=16, coarse_steps=3, steps=13, occupancy_interval=4, features=4, width=8, batch_size=256
    ),
    "instant_ngp": dict(
        levels=2,
        log2_rows=8,
        finest=24,
        width=16,
        ray_steps=24,
        cells=8,
        occupancy_warmup=2,
        samples_per_step=800,
        batch_size=256,
        steps=4,
    ),
    "nerf": dict(width=16, depth=2, skip=1, samples=(8, 8), batch_size=256, steps=3, centre_crop=1),
}

CASES: list[tuple[str, dict[str, Any]]] = [
    ("asapnet", {}),
    ("asapnet_denoise", {}),
    ("pix2pix", dict(dropout=0.0)),
    ("pix2pixhd", dict(enhancer=True, adversarial_loss="hinge", spectral=True, l1_weight=1.0)),
    ("basic_sr", {}),
    ("deblurgan", dict(dropout=0.0)),
    ("nafnet", {}),
    ("photographs", {}),
    ("byol", dict(optimizer="lars")),
    ("dncnn", {}),
    ("dncnn", dict(noise_conditional=True, batch_norm=False, sigma=(0.0, 55.0))),
    ("esrgan", {}),
    ("esrgan", dict(adversarial_loss="cross_entropy", discriminator="unet", generator="rrdb", growth=4)),
    ("gan_ebm", {}),
    ("gan_ebm", dict(loss="wgan")),
    ("gan_ebm", dict(network="dcgan", loss="standard", discriminator_steps=1)),
    ("noise2noise", {}),
    ("noise2noise", dict(noise="impulse")),
    ("noise2noise", dict(fixed_noise=True, image_count=2)),
    ("safmn", {}),
    ("simclr", {}),
    ("simsiam", {}),
    ("score_sde", {}),
    ("segmentation", {}),
    ("score_sde", dict(sde="ve", embedding="fourier", samplers=("dpm_solver@2",), likelihood_weighting=True)),
    ("score_sde", dict(noise_levels=28, interpolation="rounding", block="ddpm", samplers=("ddim@2",))),
    ("score_sde_celeba", {}),
    ("supervised", {}),
    ("transfer", dict(frozen=True)),
    ("swinir", {}),
    ("swinir", dict(projected=True, sigma=(0.0, 55.0))),
    ("sun_deblurring", {}),
    ("kernels", dict(segments=2)),
    ("sun_deblurring", dict(solver="fista")),
    ("dvgo", {}),
    ("dvgo", dict(tv_weight=1e-2, random_background=True)),
    ("instant_ngp", {}),
    ("instant_ngp", dict(unbounded=True, cone=0.1, random_background=False, smoothstep=True)),
    ("nerf", dict(noise=1.0)),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, str]:
    """A scene, and a folder with an image to evaluation by."""
    path = tmp_path_factory.mktemp("places")
    tabletop.write(path / "scene", views=6, size=16, held_out=1)
    write(path / "images" / "one.png", ImageFile(to_float(embedded("heldout")[0])[:, 100:180, 100:180].contiguous()))
    return {"scene": str(path / "scene"), "images": str(path / "images")}


def trained(recipe: str, changes: dict[str, Any], places: dict[str, str], there: bool) -> tuple[dict[str, Tensor], list[float]]:
    """Weights and scores after a few steps, brought back to the CPU."""
    found = lookup.row(recipe, "laptop")
    where = {"scene": places["scene"], "test_set": places["images"]}
    mine = {key: value for key, value in where.items() if key in found}
    run, _ = open_data(lookup.build(recipe, {**found, **SMALL[recipe], **changes, **mine}))
    prepare(run, Path("runs"))
    training = Training(run, elsewhere.fabric() if there else fabric())
    list(fit(training))
    with training.evaluating() as method:
        evaluation = run.evaluations[0]
        outcome = evaluation.evaluate(evaluation.predictor(method), training.fabric.device)
    state = training.method.state_dict()
    assert all(isinstance(tensor, elsewhere.Elsewhere) == there for tensor in state.values())
    return {name: tensor.cpu() for name, tensor in state.items()}, [v for s in outcome.scores.values() for v in s.values]


@pytest.mark.parametrize(("recipe", "changes"), CASES)
def test_training_elsewhere_is_training_here(recipe: str, changes: dict[str, Any], places: dict[str, str]):
    state, scores = trained(recipe, changes, places, there=False)
    with elsewhere.elsewhere():
        other, others = trained(recipe, changes, places, there=True)
    assert scores == pytest.approx(others, rel=1e-3)
    for name, tensor in state.items():
        torch.testing.assert_close(other[name], tensor, msg=name)


@pytest.mark.parametrize(
    ("recipe", "row"), [("dncnn", "laptop_photo"), ("swinir", "laptop_noise_conditional"), ("esrgan", "laptop")]
)
def test_restoring_elsewhere_is_restoring_here(recipe: str, row: str):
    image = to_float(embedded("heldout")[0])[:, 100:150, 100:140].contiguous()
    network = lookup.build(recipe, {**lookup.row(recipe, row), **SMALL[recipe]}).network
    here = Restorer(network, precision="32", memory=6 << 20)
    expected = here(image)
    with elsewhere.elsewhere(), torch.no_grad():
        restored = Restorer(network, device=elsewhere.DEVICE, precision="32", memory=6 << 20)(image)
    torch.testing.assert_close(restored, expected)


def test_tensors_of_two_places_do_not_mix():
    with elsewhere.elsewhere():
        there = torch.ones(3).to(elsewhere.DEVICE)
        with pytest.raises(RuntimeError, match="lie elsewhere"):
            there + torch.ones(3)
        with pytest.raises(RuntimeError, match="generator"):
            torch.rand(3, device=elsewhere.DEVICE, generator=torch.Generator())
        assert torch.equal((there * torch.tensor(2.0)).cpu(), torch.full((3,), 2.0))


def test_no_recipe_is_left_out():
    assert {recipe for recipe, _ in CASES} == set(lookup.names()) == set(SMALL)
