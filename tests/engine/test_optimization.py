"""LARS against lightly's, parameter groups, and schedules."""

import pytest
import torch
from torch import nn

from darkroom.engine.optimization import cosine, lars, sgd, warm_up
from darkroom.layers.normalization import BatchNorm1d


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def test_lars_is_lightlys_where_decay_is_too_small_to_count_in_the_norm():
    """There the norm of the gradient is taken before decay, as in You et al.; in the codes of SimCLR and BYOL after it."""
    theirs_of = pytest.importorskip("lightly.utils.lars").LARS
    ours, theirs = network(), network()
    a = lars(0.3, weight_decay=1e-7).build(ours)
    vectors = [p for p in theirs.parameters() if p.ndim < 2]
    b = theirs_of(
        [{"params": [p for p in theirs.parameters() if p.ndim > 1]}, {"params": vectors, "weight_decay": 0.0}],
        lr=0.3, momentum=0.9, weight_decay=1e-7,
    )  # fmt: skip
    for step in range(4):
        x = torch.randn(10, 6, generator=torch.Generator().manual_seed(step))
        for model, optimizer in ((ours, a), (theirs, b)):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


def test_biases_and_normalisation_take_plain_steps():
    model = network()
    optimizer = lars(1.0, weight_decay=0.5, momentum=0.0).build(model)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        step = before[name] - parameter
        if parameter.ndim < 2:
            torch.testing.assert_close(step, torch.ones_like(step))
        else:
            assert step.norm().item() == pytest.approx(1e-3 * before[name].norm().item(), rel=1e-4)


def test_lars_resumes():
    model = network()
    optimizer = lars(0.1).build(model)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    again = lars(0.1).build(model)
    again.load_state_dict(optimizer.state_dict())
    for parameter in model.parameters():
        assert torch.equal(again.state[parameter]["velocity"], optimizer.state[parameter]["velocity"])


def test_a_weight_without_gradient_or_of_norm_zero_is_no_error():
    weight, unused = nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.ones(2, 2))
    optimizer = lars(1.0).build(nn.ParameterList([weight, unused]))  # type: ignore[arg-type]
    weight.grad = torch.ones(2, 2)
    optimizer.step()
    assert weight.eq(-1).all() and unused.eq(1).all()


def test_sgd_decays_kernels_alone_and_leaves_out_what_is_frozen():
    model = network()
    model[0].requires_grad_(False)
    decayed, plain = sgd(0.1, weight_decay=0.2).build(model).param_groups
    assert decayed["weight_decay"] == 0.2 and plain["weight_decay"] == 0
    assert [p.ndim for p in decayed["params"]] == [2] and all(p.ndim == 1 for p in plain["params"])


def test_warm_up_then_cosine():
    schedule = warm_up(0.1, cosine)
    assert schedule(0.05) == pytest.approx(0.5) and schedule(0.1) == pytest.approx(1.0)
    assert schedule(0.55) == pytest.approx(0.5) and schedule(1.0) == pytest.approx(0.0, abs=1e-6)
    assert warm_up(0.0, cosine) is cosine
