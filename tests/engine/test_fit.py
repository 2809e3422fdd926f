import copy
import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import Diverged
from darkroom.core.method import Example
from darkroom.core.randomness import seed_of
from darkroom.data.streams import batches
from darkroom.engine.fit import Training, fit
from darkroom.engine.run import Run, adam, cosine, tenth_after
from darkroom.methods.regression import half_squared_error
from darkroom.recipes import lookup
from tests.engine.toys import Duel, denoising_run, duel_run, fabric, weights_of


def test_it_is_the_plain_loop_to_the_bit():
    run = denoising_run(6)
    plain = copy.deepcopy(run.method.network).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3)
    records = list(fit(Training(run, fabric())))
    for step, batch in enumerate(batches(run.stream, 0, 6)):
        optimizer.param_groups[0]["lr"] = 1e-3 * cosine(step / 6)
        source, target = (x.contiguous(memory_format=torch.channels_last) for x in (batch.input, batch.target))
        loss = half_squared_error(plain(source), target)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
        assert records[step].losses["network"] == loss.item()
        assert records[step].step == step + 1
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), run.restorer.state_dict().values(), strict=True))


def test_players_move_in_their_order_and_only_in_their_turn():
    run = duel_run(3)
    method = run.method
    before = weights_of(method)
    records = list(fit(Training(run, fabric())))
    assert method.log == ["critic", "critic", "generator"] * 3
    assert set(records[0].losses) == {"critic", "generator"}
    assert any(not torch.equal(before[name], tensor) for name, tensor in method.state_dict().items() if "follower" in name)


def test_an_adversarial_step_is_the_hand_written_one():
    run = duel_run(1)
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


def adversarial_run() -> Run:
    """Spectral and batch normalisation, and a second stage that begins at step 4."""
    settings = dict(steps=8, pretraining=4, blocks=1, width=4, growth=2, discriminator_width=4, crop=16, batch=2)
    return lookup.build("esrgan", {**lookup.row("esrgan", "laptop"), **settings})


@pytest.mark.parametrize("make", [lambda: denoising_run(8, ema=0.9), lambda: duel_run(8), adversarial_run])
@pytest.mark.parametrize("stop", [1, 5])
def test_going_on_from_a_state_gives_the_undisturbed_weights(make, stop: int):
    whole = make()
    training = Training(whole, fabric())
    list(fit(training))
    first = make()
    halted = Training(first, fabric())
    for record in fit(halted):
        if record.step == stop:
            break
    state = copy.deepcopy(halted.state_dict())
    second = make()
    resumed = Training(second, fabric(), state)
    records = list(fit(resumed))
    assert [record.step for record in records] == list(range(stop + 1, 9))
    expected = training.state_dict()
    got = resumed.state_dict()
    for part in ("method", "average"):
        for name, tensor in (expected[part] or {}).items():
            assert torch.equal(tensor, got[part][name]), name


def test_the_average_is_the_exponential_one_and_is_what_is_judged():
    run = denoising_run(4, ema=0.75)
    training = Training(run, fabric())
    name = "layers.0.weight"
    expected = None
    for _ in fit(training):
        now = run.restorer.state_dict()[name].clone()
        expected = now if expected is None else 0.75 * expected + 0.25 * now
    before = weights_of(run.restorer)
    with training.evaluating() as method:
        assert not method.training
        torch.testing.assert_close(method.network.state_dict()[name], expected)
    assert all(torch.equal(before[key], tensor) for key, tensor in run.restorer.state_dict().items())
    assert training.method.training


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_good_weights(bad: float):
    calls = []

    def loss(prediction, target):
        calls.append(1)
        return half_squared_error(prediction, target) * (bad if len(calls) == 3 else 1)

    run = denoising_run(6, loss=loss)
    training = Training(run, fabric())
    with pytest.raises(Diverged, match=r"loss of network is (nan|inf) at step 3"):
        list(fit(training))
    assert training.step == 2
    assert all(torch.isfinite(tensor.float()).all() for tensor in run.restorer.state_dict().values())


def test_players_and_optimizers_must_be_the_same():
    run = dataclasses.replace(denoising_run(), optimizers={"someone": adam(1.0)})
    with pytest.raises(ValueError, match="someone"):
        Training(run, fabric())


class Growing(Duel):
    """A generator that is replaced by a fresh one after the second step."""

    def after_step(self, step: int) -> tuple[str, ...]:
        if step == 1:
            self.generator = torch.nn.Conv2d(3, 3, 5, padding=2)
            return ("generator",)
        return ()


def test_a_replaced_player_goes_on_training():
    run = dataclasses.replace(duel_run(4), method=Growing())
    training = Training(run, fabric())
    sizes = []
    for _ in fit(training):
        sizes.append(training.method.generator.weight.shape[-1])
        after = weights_of(training.bare_networks["generator"])
    assert sizes == [3, 5, 5, 5]
    assert not torch.equal(after["weight"], torch.zeros_like(after["weight"]))
    assert training.optimizers["generator"].param_groups[0]["params"][0] is training.bare_networks["generator"].weight


@given(st.floats(0, 0.999))
def test_schedules(progress: float):
    assert 0 <= cosine(progress) <= 1
    assert tenth_after(0.6)(progress) == pytest.approx(1 if progress < 0.6 else 0.1)
    assert tenth_after(0.5, 0.75)(progress) == pytest.approx(0.1 ** ((progress >= 0.5) + (progress >= 0.75)))


def test_bf16_trains_with_weights_in_float32():
    from lightning_fabric import Fabric

    run = denoising_run(3)
    list(fit(Training(run, Fabric(accelerator="cpu", devices=1, precision="bf16-mixed"))))
    assert {parameter.dtype for parameter in run.restorer.parameters()} == {torch.float32}
