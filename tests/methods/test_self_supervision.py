"""BYOL, SimSiam and SimCLR against lightly's losses and heads, closed forms, and the EMA written out."""

import copy
import math

import pytest
import torch
from torch import nn

from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.layers.projection_head import ProjectionHead
from darkroom.methods.byol import BYOL, distance
from darkroom.methods.self_supervision import WATCH_INTERVAL, spread
from darkroom.methods.simclr import SimCLR, nt_xent
from darkroom.methods.simsiam import SimSiam
from darkroom.networks.encoder import Encoder
from darkroom.networks.resnet import ResNet


def encoder(predictor: bool = True) -> Encoder:
    heads = ProjectionHead((8, 16, 8)) if predictor else None
    return Encoder(ResNet(10, width=4, stem="small"), ProjectionHead((32, 16, 8)), heads).initialise(generator(0, "weights"))


@pytest.fixture
def batch() -> Example:
    return Example(torch.rand(6, 3, 16, 16), torch.rand(6, 3, 16, 16))


def loss_of(method, batch: Example) -> torch.Tensor:
    ((name, loss),) = method.losses(batch, 0)
    assert name == "network"
    return loss


def test_byols_loss_is_the_distance_of_unit_vectors_over_both_orders(batch: Example):
    method = BYOL(encoder(), tau=0.9, steps=10).train()
    (z, p), (_, other_p) = (method.network(view) for view in batch[:2])
    target, other = (method.target(view) for view in batch[:2])
    unit = nn.functional.normalize
    expected = (unit(p) - unit(other)).square().sum(1) + (unit(other_p) - unit(target)).square().sum(1)
    torch.testing.assert_close(loss_of(method, batch), expected.mean())
    torch.testing.assert_close(method.projections, z)


def test_losses_are_lightlys(batch: Example):
    losses = pytest.importorskip("lightly.loss")
    p, z = torch.randn(5, 8), torch.randn(5, 8)
    torch.testing.assert_close(distance(p, z), 2 + 2 * losses.NegativeCosineSimilarity()(p, z))
    torch.testing.assert_close(nt_xent(p, z, 0.3), losses.NTXentLoss(0.3)(p, z))
    method = SimSiam(encoder()).train()
    (z, p), (other_z, other_p) = (method.network(view) for view in batch[:2])
    negative = losses.NegativeCosineSimilarity()
    torch.testing.assert_close(loss_of(method, batch), (negative(p, other_z) + negative(other_p, z)) / 2)


def test_nt_xent_of_orthogonal_pairs_has_a_closed_form():
    z = torch.eye(4)
    assert nt_xent(z, z, 0.5).item() == pytest.approx(math.log(math.e**2 + 6) - 2)
    method = SimCLR(encoder(predictor=False), temperature=0.5)
    assert loss_of(method, Example(torch.rand(3, 3, 16, 16), torch.rand(3, 3, 16, 16))).isfinite()


@pytest.mark.parametrize("head", ["byol", "simsiam"])
def test_heads_are_lightlys_but_for_biases_that_normalisation_removes(head: str):
    heads = pytest.importorskip("lightly.models.modules.heads")
    if head == "byol":
        theirs, ours = heads.BYOLProjectionHead(32, 64, 16), ProjectionHead((32, 64, 16))
    else:
        theirs, ours = heads.SimSiamProjectionHead(32, 64, 16), ProjectionHead((32, 64, 64, 16), normalised=True)
    kinds = [type(module).__mro__[-3 if isinstance(module, nn.ReLU) else 0].__name__ for module in ours]
    assert [type(module).__name__ for module in theirs.layers] == [kind if kind != "Module" else "ReLU" for kind in kinds]
    shapes = [tuple(parameter.shape) for parameter in theirs.parameters()]
    assert [tuple(parameter.shape) for parameter in ours.parameters()] == [
        shape for shape in shapes if head == "byol" or shape != shapes[-1] or len(shape) > 1
    ]


def test_the_target_follows_along_a_cosine_and_has_no_gradient(batch: Example):
    method = BYOL(encoder(), tau=0.9, steps=4).train()
    assert [round(method.tau(step), 4) for step in (0, 2, 4)] == [0.9, 0.95, 1.0]
    assert BYOL(encoder(), tau=0.9, steps=0).tau(100) == 0.9
    loss_of(method, batch).backward()
    assert all(parameter.grad is None for parameter in method.target.parameters())
    with torch.no_grad():
        for parameter in method.network.parameters():
            parameter.add_(1.0)
    before = copy.deepcopy(method.target)
    method.after_step(0)
    mine, theirs = dict(method.target.named_parameters()), dict(before.named_parameters())
    online = {f"0.{name}": p for name, p in method.network.backbone.named_parameters()}
    online |= {f"1.{name}": p for name, p in method.network.projector.named_parameters()}
    assert mine.keys() == online.keys()
    for name, parameter in mine.items():
        torch.testing.assert_close(parameter, 0.9 * theirs[name] + 0.1 * online[name])


def test_the_targets_buffers_are_statistics_of_its_own_batches(batch: Example):
    method = BYOL(encoder(), tau=0.5, steps=0).train()
    with torch.no_grad():
        method.target[0].conv1.weight.mul_(2)
    loss_of(method, batch)
    own = copy.deepcopy(dict(method.target.named_buffers()))
    method.after_step(0)
    after = dict(method.target.named_buffers())
    assert all(torch.equal(own[name], after[name]) for name in own)  # not averaged
    online, target = method.network.backbone.bn1, method.target[0].bn1
    assert int(target.num_batches_tracked) == int(online.num_batches_tracked) == 2
    assert not torch.allclose(target.running_mean, online.running_mean)


def test_the_target_runs_in_the_precision_of_training(batch: Example):
    from lightning_fabric import Fabric

    from darkroom.engine.mixed_precision import MixedPrecision

    method = BYOL(encoder(), tau=0.9, steps=4).train()
    precision, seen = MixedPrecision(Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")), []
    for network in (*method.networks().values(), *method.frozen_networks()):
        precision.attach(network)
    for backbone in (method.network.backbone, method.target[0]):
        backbone.layer4.register_forward_hook(lambda module, given, output: seen.append(output.dtype))
    assert loss_of(method, batch).dtype == torch.float32
    assert seen == [torch.bfloat16] * 4


def test_spread_is_one_for_a_sphere_and_zero_for_a_constant():
    assert spread(torch.randn(4000, 16)).item() == pytest.approx(1, abs=0.02)
    assert spread(torch.ones(10, 4) * torch.rand(10, 1)).item() == pytest.approx(0, abs=1e-6)


def test_a_collapse_is_reported_once(batch: Example):
    method = BYOL(encoder(), tau=0.9, steps=4)
    method.projections = torch.ones(6, 8) + 1e-3 * torch.randn(6, 8)
    said = [line for _ in range(3 * WATCH_INTERVAL) for line in method.messages()]
    assert len(said) == 1 and "collapse" in said[0]
    assert 0 < float(method.watched()["spread"]) < 0.1
    healthy = BYOL(encoder(), tau=0.9, steps=4)
    healthy.projections = torch.randn(6, 8)
    assert not [line for _ in range(3 * WATCH_INTERVAL) for line in healthy.messages()]
    assert BYOL(encoder(), tau=0.9, steps=4).watched() == {}
