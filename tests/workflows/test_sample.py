from pathlib import Path

import pytest
import torch
from torch import nn

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.images import ImageFile, read_uint8, to_float, write
from darkroom.recipes import lookup
from darkroom.workflows.sample import interpolate, load_generator, read_known, sample, write_samples

TINY = dict(width=4, samplers=("dpm_solver@4",))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Weights of a tiny score model of digits, which were drawn at random."""
    settings = {**lookup.row("score_sde", "laptop"), **TINY}
    run = lookup.build("score_sde", settings)
    nn.init.normal_(run.method.network.leave[-1].weight, std=0.3, generator=torch.Generator().manual_seed(0))
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    weights.save(path, run.method.state_dict(), lookup.header("score_sde", "laptop", settings, run))
    return path


@pytest.fixture(scope="module")
def gan(tmp_path_factory) -> Path:
    """Weights of a tiny GAN of digits, which were drawn at random."""
    settings = {**lookup.row("gan_ebm", "laptop"), "width": 4, "discriminator_width": 4, "latent": 3}
    run = lookup.build("gan_ebm", settings)
    path = tmp_path_factory.mktemp("weights") / "gan.safetensors"
    weights.save(path, run.method.state_dict(), lookup.header("gan_ebm", "laptop", settings, run))
    return path


def test_a_gan_is_sampled_plainly_and_by_its_discriminator(gan: Path, tmp_path: Path, capsys):
    from darkroom.cli import main

    plain = sample(gan, 5, seed=3, accelerator="cpu")
    assert plain.shape == (5, 1, 8, 8) and float(plain.min()) >= 0 and float(plain.max()) <= 1
    method = load_generator(gan, accelerator="cpu")
    chains = sample(method, 5, seed=3, sampler="ddls:0.5", steps=8)
    assert not torch.allclose(chains, plain, atol=0.01)
    assert torch.allclose(sample(method, 2, seed=3, sampler="ddls:0.5", steps=8, batch_size=1), chains[:2], atol=1e-4)
    assert torch.allclose(sample(method, 5, seed=3, sampler="ddls:1e-12:0", steps=2), plain, atol=1e-4)
    words = ["sample", str(gan), "--count", "2", "--threads", "1", "-o"]
    main._dispatch([*words, str(tmp_path / "out"), "--sampler", "ddls", "--steps", "3"])
    assert "2 samples and grid.png" in capsys.readouterr().out and len(list((tmp_path / "out").iterdir())) == 3
    for more, message in [
        (["--sampler", "ancestral"], "no sampler 'ancestral' for these weights; there are generator, ddls"),
        (["--sampler", "ddls:0"], "it must be ddls, ddls:STEP_SIZE or ddls:STEP_SIZE:NOISE"),
        (["--steps", "3"], "the generator alone takes no steps, given 3"),
        (["--interpolate", "2"], "no score model"),
    ]:
        with pytest.raises(DarkroomError, match=message):
            main._dispatch([*words, str(tmp_path / "other"), *more])


def test_samples_depend_on_seed_and_number_alone(trained: Path):
    progress: list[tuple[int, int]] = []
    whole = sample(trained, 5, seed=3, accelerator="cpu", progress=lambda *done: progress.append(done))
    assert whole.shape == (5, 1, 8, 8) and float(whole.min()) >= 0 and float(whole.max()) <= 1
    method = load_generator(trained, accelerator="cpu")
    assert torch.allclose(sample(method, 3, seed=3, batch_size=2), whole[:3], atol=1e-4)
    assert not torch.allclose(sample(method, 5, seed=4), whole, atol=0.01)
    assert not torch.allclose(sample(method, 5, seed=3, sampler="ancestral", steps=6), whole, atol=0.01)
    assert progress[-1] == (5, 5) and progress == sorted(progress)


def test_samples_become_files(trained: Path, tmp_path: Path):
    samples = sample(trained, 3, accelerator="cpu")
    files = list(write_samples(samples, tmp_path / "out"))
    assert [path.name for path in files] == ["grid.png", "0000.png", "0001.png", "0002.png"]
    assert float((to_float(read_uint8(files[2], grey=True)) - samples[1]).abs().max()) < 0.5 / 255 + 1e-6
    assert read_uint8(files[0], grey=True).shape == (1, 12, 8 * 10 + 2)
    assert read_uint8(next(write_samples(samples, tmp_path / "wide", columns=2)), grey=True).shape == (1, 22, 22)
    with pytest.raises(DarkroomError, match="is not an empty folder: choose another --output"):
        list(write_samples(samples, tmp_path / "out"))


def test_an_image_is_completed_enlarged_and_denoised(trained: Path, tmp_path: Path):
    method = load_generator(trained, accelerator="cpu")
    image, mask, low = (tmp_path / name for name in ("image.png", "mask.png", "low.png"))
    pixels = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    write(image, ImageFile(pixels))
    write(mask, ImageFile(torch.zeros(1, 8, 8).index_fill(2, torch.arange(4), 1.0)))
    write(low, ImageFile(pixels[:, :4, :4].contiguous()))
    filled = sample(method, 2, steps=6, known=read_known(method, image, mask=mask))
    assert torch.allclose(
        filled[..., 4:], to_float(read_uint8(image, grey=True))[None, ..., 4:].expand(2, -1, -1, -1), atol=1e-5
    )
    assert not torch.allclose(filled[0], filled[1], atol=1e-3)
    for guidance in ("projection", "dps"):
        assert sample(method, 1, steps=6, known=read_known(method, low, scale=2, guidance=guidance)).shape == (1, 1, 8, 8)
    denoised = sample(method, 2, steps=12, known=read_known(method, image, sigma=10.0))
    assert denoised.shape == (2, 1, 8, 8)
    for call, words in [
        (lambda: read_known(method, image), "what is to be done with it"),
        (lambda: read_known(method, image, mask=low), "the mask .* has 4x4 pixels and the image .* 8x8"),
        (lambda: read_known(method, image, mask=mask, scale=2), "cannot be combined"),
        (lambda: sample(method, 1, sampler="ddim", known=read_known(method, image, mask=mask)), "cannot keep to a measurement"),
    ]:
        with pytest.raises(DarkroomError, match=words):
            call()


def test_interpolation(trained: Path):
    method = load_generator(trained, accelerator="cpu")
    path = interpolate(method, 3, 2, steps=4)
    assert path.shape == (5, 1, 8, 8)
    with pytest.raises(DarkroomError, match="only solvers without noise lead"):
        interpolate(method, 2, 2, sampler="ancestral")


def test_weights_of_something_else_are_refused(tmp_path: Path):
    settings = {**lookup.row("dncnn", "laptop"), "width": 4, "depth": 3}
    run = lookup.build("dncnn", settings)
    weights.save(tmp_path / "w.safetensors", run.method.state_dict(), lookup.header("dncnn", "laptop", settings, run))
    with pytest.raises(DarkroomError, match="holds nothing that draws samples: train a generator"):
        load_generator(tmp_path / "w.safetensors")
    with pytest.raises(DarkroomError, match="no weights at nothing"):
        sample("nothing")


def test_the_command_line(trained: Path, tmp_path: Path, monkeypatch, capsys):
    from darkroom.cli import main

    main._dispatch(["sample", str(trained), "-o", str(tmp_path / "out"), "--count", "2", "--steps", "3", "--threads", "1"])
    assert "2 samples and grid.png" in capsys.readouterr().out and len(list((tmp_path / "out").iterdir())) == 3
    for words, message in [
        (["--mask", "x.png"], "--mask, --scale and --sigma say what is known of an image"),
        (["--sampler", "best"], "no sampler 'best' for these weights; there are dpm_solver, "),
        (["--count", "0"], "must be from 1"),
    ]:
        with pytest.raises(DarkroomError, match=message):
            main._dispatch(["sample", str(trained), "-o", str(tmp_path / "other"), "--threads", "1", *words])
