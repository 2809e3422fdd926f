import copy
import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric

from darkroom.core.errors import Diverged
from darkroom.core.method import Example
from darkroom.core.randomness import seed_of
from darkroom.data.streams import batches
from darkroom.engine.fit import Training, fit
from darkroom.engine.optimization import adam, cosine, exponential, multistep
from darkroom.engine.run import Run
from darkroom.methods.regression import half_squared_error
from darkroom.recipes import lookup
from tests.engine.toys import Adversarial, GradientPenalty, adversarial_run, denoising_run, fabric, weights_of, with_optimizer


def test_it_is_the_plain_loop_to_the_bit():
    run = denoising_run(6)
    plain = copy.deepcopy(run.method.network).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3)
    records = list(fit(Training(run, fabric())))
    for step, batch in enumerate(batches(run.stream, 0, 6)):
        optimizer.param_groups[0]["lr"] = 1e-3 * cosine(step / 6)
        noisy, target = (x.contiguous(memory_format=torch.channels_last) for x in (batch.input, batch.target))
        loss = half_squared_error(plain(noisy), target)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
        assert records[step].losses["network"].item() == loss.item()
        assert records[step].step == step + 1
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), run.network.state_dict().values(), strict=True))


def test_networks_take_their_steps_in_order():
    run = adversarial_run(3)
    before = weights_of(run.method)
    records = list(fit(Training(run, fabric())))
    assert run.method.log == ["critic", "critic", "generator"] * 3
    assert set(records[0].losses) == {"critic", "generator"}
    assert any(not torch.equal(before[name], tensor) for name, tensor in run.method.state_dict().items() if "target" in name)


def test_a_method_sees_its_own_modules_before_during_and_after_training():
    run = adversarial_run(2)
    networks = dict(run.method.networks())
    training = Training(run, fabric())
    for _ in fit(training):
        assert all(getattr(run.method, name) is network for name, network in networks.items())


def test_the_loss_of_one_network_computes_no_gradients_of_another():
    run = adversarial_run(1)
    training = Training(run, fabric())
    seen: dict[str, bool] = {}
    taken = training.optimize

    def optimize(name: str, loss: torch.Tensor) -> float:
        for network in run.method.networks().values():
            network.zero_grad()
        lr = taken(name, loss)
        seen[name] = all(p.grad is None for other, m in run.method.networks().items() if other != name for p in m.parameters())
        return lr

    training.optimize = optimize  # type: ignore[method-assign]
    list(fit(training))
    assert seen == {"critic": True, "generator": True}


def test_an_adversarial_step_is_the_hand_written_one():
    run = adversarial_run(1)
    ours, theirs = run.method, copy.deepcopy(run.method)
    list(fit(Training(run, fabric())))
    batch = next(batches(run.stream, 0, 1))
    batch = Example(*(x.contiguous(memory_format=torch.channels_last) for x in batch[:2]))
    theirs.to(memory_format=torch.channels_last)
    torch.manual_seed(seed_of(0, "method", 0, 0))
    g = torch.optim.Adam(theirs.generator.parameters(), 1e-3)
    c = torch.optim.Adam(theirs.critic.parameters(), 4e-3, betas=(0.0, 0.9))
    fake = theirs.generator(batch.input + 0.01 * torch.randn(batch.input.shape))
    for _ in range(2):
        c.zero_grad()
        (theirs.critic(fake.detach()).mean() - theirs.critic(batch.target).mean()).backward()
        c.step()
    g.zero_grad()
    (-theirs.critic(fake).mean() + (fake - batch.target).abs().mean()).backward()
    g.step()
    theirs.after_step(0)
    wanted = theirs.state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in ours.state_dict().items())


def test_a_critic_draws_a_batch_for_each_of_its_steps():
    run = adversarial_run(2, GradientPenalty)
    drawn = list(batches(run.stream, 0, 2, batches_per_step=2))
    assert [len(step) for step in drawn] == [2, 2]
    targets = [one.target for step in drawn for one in step]
    assert len({t.numpy().tobytes() for t in targets}) == 4
    torch.testing.assert_close(targets[0], next(batches(run.stream, 0, 1)).target)
    records = list(fit(Training(run, fabric())))
    assert all(torch.isfinite(loss) for record in records for loss in record.losses.values())


def esrgan_run() -> Run:
    """Spectral and batch normalisation, and a second stage that begins at step 4."""
    settings = dict(steps=8, pretraining=4, blocks=1, width=4, growth=2, discriminator_width=4, patch_size=16, batch_size=2)
    return lookup.build("esrgan", {**lookup.row("esrgan", "laptop"), **settings})


@pytest.mark.parametrize(
    "make",
    [lambda: denoising_run(8, ema=0.9), lambda: adversarial_run(8), lambda: adversarial_run(8, GradientPenalty), esrgan_run],
)
@pytest.mark.parametrize("stop", [1, 5])
def test_resuming_from_a_state_gives_the_same_weights(make, stop: int):
    whole = make()
    training = Training(whole, fabric())
    list(fit(training))
    halted = Training(make(), fabric())
    for record in fit(halted):
        if record.step == stop:
            break
    state = copy.deepcopy(halted.state_dict())
    resumed = Training(make(), fabric(), state)
    records = list(fit(resumed))
    assert [record.step for record in records] == list(range(stop + 1, 9))
    expected, got = training.state_dict(), resumed.state_dict()
    assert expected["losses"] == got["losses"]
    for part in ("method", "ema"):
        for name, tensor in (expected[part] or {}).items():
            assert torch.equal(tensor, got[part][name]), name


def test_the_average_is_the_exponential_one_and_is_evaluated():
    run = denoising_run(4, ema=0.75)
    training = Training(run, fabric())
    name = "layers.0.weight"
    expected = None
    for _ in fit(training):
        now = run.network.state_dict()[name].clone()
        expected = now if expected is None else 0.75 * expected + 0.25 * now
    before = weights_of(run.network)
    with training.evaluating() as method:
        assert not method.training
        torch.testing.assert_close(method.network.state_dict()[name], expected)
    assert all(torch.equal(before[key], tensor) for key, tensor in run.network.state_dict().items())
    assert training.method.training


def test_each_network_chooses_its_average():
    run = with_optimizer(adversarial_run(3), "generator", ema=0.5)
    training = Training(run, fabric())
    list(fit(training))
    current = weights_of(run.method)
    with training.evaluating() as method:
        averaged = weights_of(method)
    changed = {name.split(".")[0] for name in current if not torch.equal(current[name], averaged[name])}
    assert changed == {"generator"}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_good_weights(bad: float):
    calls = []

    def loss(prediction, target):
        calls.append(1)
        return half_squared_error(prediction, target) * (bad if len(calls) == 3 else 1)

    run = denoising_run(6, loss=loss)
    training = Training(run, fabric())
    with pytest.raises(Diverged, match=r"the loss of network is (nan|inf) at step 3"):
        list(fit(training))
    assert training.step == 2
    assert all(torch.isfinite(tensor.float()).all() for tensor in run.network.state_dict().values())


def test_a_gradient_that_is_not_finite_stops_too():
    class Root(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            return x.clone()

        @staticmethod
        def backward(context, gradient):
            return gradient * float("inf")

    run = denoising_run(2, loss=lambda prediction, target: half_squared_error(Root.apply(prediction), target))
    with pytest.raises(Diverged, match=r"the norm of the gradient of network is (nan|inf) at step 1"):
        list(fit(Training(run, fabric())))
    assert all(torch.isfinite(tensor.float()).all() for tensor in run.network.state_dict().values())


def test_losses_are_read_when_they_are_logged_and_checked_before_a_checkpoint():
    """Where reading a loss stalls the device, nothing is read in a step."""
    run = denoising_run(3, loss=lambda prediction, target: half_squared_error(prediction, target) * float("nan"))
    training = Training(run, fabric())
    training.losses.immediate = False
    steps = fit(training)
    next(steps)
    next(steps)
    with pytest.raises(Diverged, match="at step 1"):
        training.state_dict()


def test_mean_losses_are_over_the_steps_since_the_last_time():
    run = denoising_run(5)
    training = Training(run, fabric())
    values, means = [], []
    for record in fit(training):
        values.append(record.losses["network"].item())
        if record.step in (2, 5):
            means.append(training.losses.means()["network"])
    assert means == [sum(values[:2]) / 2, sum(values[2:]) / 3]


def test_networks_and_optimizers_must_be_the_same():
    run = dataclasses.replace(denoising_run(), optimizers={"someone": adam(1.0)})
    with pytest.raises(ValueError, match="someone"):
        Training(run, fabric())


class Growing(Adversarial):
    """A generator that is replaced by a new one after the second step."""

    def after_step(self, step: int) -> tuple[str, ...]:
        if step == 1:
            self.generator = torch.nn.Conv2d(3, 3, 5, padding=2)
            return ("generator",)
        return ()


def test_a_replaced_network_is_trained():
    run = dataclasses.replace(adversarial_run(4), method=Growing())
    training = Training(run, fabric())
    sizes, weights = [], []
    for _ in fit(training):
        sizes.append(run.method.generator.weight.shape[-1])
        weights.append(run.method.generator.weight.detach().clone())
    assert sizes == [3, 5, 5, 5]
    assert not torch.equal(weights[1], weights[2])
    assert training.optimizers["generator"].param_groups[0]["params"][0] is run.method.generator.weight


@given(st.floats(0, 0.999))
def test_schedules(progress: float):
    assert 0 <= cosine(progress) <= 1
    assert multistep(0.1, 0.6)(progress) == pytest.approx(1 if progress < 0.6 else 0.1)
    assert multistep(0.5, 0.5, 0.75)(progress) == pytest.approx(0.5 ** ((progress >= 0.5) + (progress >= 0.75)))
    assert exponential(0.1)(progress) == pytest.approx(0.1**progress)


def test_bf16_is_fabrics_and_weights_stay_float32():
    """Forward passes as Fabric's own wrapper makes them, losses in float32, to the bit."""
    ours, theirs = denoising_run(3), denoising_run(3)
    records = list(fit(Training(ours, Fabric(accelerator="cpu", devices=1, precision="bf16-mixed"))))
    reference = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    network = theirs.network.to(memory_format=torch.channels_last).train()
    wrapped, optimizer = reference.setup(network, torch.optim.Adam(network.parameters(), lr=1e-3))
    for step, batch in enumerate(batches(theirs.stream, 0, 3)):
        optimizer.param_groups[0]["lr"] = 1e-3 * cosine(step / 3)
        noisy, target = (x.contiguous(memory_format=torch.channels_last) for x in (batch.input, batch.target))
        loss = half_squared_error(wrapped(noisy), target)
        optimizer.zero_grad()
        reference.backward(loss)
        reference.clip_gradients(wrapped, optimizer, max_norm=1.0)
        optimizer.step()
        assert records[step].losses["network"].item() == loss.item()
    assert {parameter.dtype for parameter in ours.network.parameters()} == {torch.float32}
    assert all(torch.equal(a, b) for a, b in zip(ours.network.parameters(), network.parameters(), strict=True))


TWO_PROCESSES = """
import sys, torch
from lightning_fabric import Fabric
from darkroom.engine.fit import Training, fit
from tests.engine.toys import GradientPenalty, adversarial_run
torch.set_num_threads(1)
fabric = Fabric(accelerator="cpu", devices=int(sys.argv[1]), strategy="ddp" if sys.argv[1] == "2" else "auto")
fabric.launch()
run = adversarial_run(4, GradientPenalty)
training = Training(run, fabric)
list(fit(training))
if fabric.is_global_zero:
    torch.save(run.method.state_dict(), sys.argv[2])
"""


@pytest.mark.long
def test_two_processes_differentiate_twice_as_one_does(tmp_path: Path):
    """A gradient penalty, and a critic that draws several batches a step."""
    states = []
    for devices in ("1", "2"):
        script = tmp_path / "train.py"
        script.write_text(TWO_PROCESSES)
        file = tmp_path / f"{devices}.pt"
        root = str(Path(__file__).parents[2])
        subprocess.run(
            [sys.executable, str(script), devices, str(file)],
            check=True,
            timeout=120,
            capture_output=True,
            env={"PYTHONPATH": root, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        )
        states.append(torch.load(file))
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, atol=1e-6, rtol=1e-4, msg=name)
