import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.core.pretrained import VGG19
from darkroom.methods.esrgan import ESRGAN, cross_entropy, relativistic
from darkroom.networks.vgg import VGGDistance


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(5, 1, requires_grad=True), torch.randn(5, 1, requires_grad=True)


def test_the_loss_of_srgan_is_cross_entropy(logits):
    high, low = logits
    ones, zeros = torch.ones_like(high), torch.zeros_like(low)
    expected = binary_cross_entropy_with_logits(high, ones) + binary_cross_entropy_with_logits(low, zeros)
    torch.testing.assert_close(cross_entropy(high, low), expected)


def test_the_relativistic_loss_is_cross_entropy_of_differences(logits):
    high, low = logits
    ones, zeros = torch.ones_like(high), torch.zeros_like(low)
    expected = binary_cross_entropy_with_logits(high - low.mean(), ones) + binary_cross_entropy_with_logits(
        low - high.mean(), zeros
    )
    torch.testing.assert_close(relativistic(high, low), expected)
    ours = torch.autograd.grad(relativistic(high, low), (high, low))
    theirs = torch.autograd.grad(expected, (high, low))
    torch.testing.assert_close(ours, theirs)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gain * nn.functional.interpolate(x, scale_factor=2)


def made(**changes) -> ESRGAN:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 1))
    settings = dict(pretraining=3, l1_weight=1.0, perceptual_weight=2.0, adversarial_weight=0.5)
    return ESRGAN(
        Twice(),
        critic,
        changes.pop("adversarial_loss", cross_entropy),
        changes.pop("perceptual", None),
        **{**settings, **changes},
    )


def batch() -> Example:
    torch.manual_seed(1)
    return Example(torch.rand(2, 3, 4, 4), torch.rand(2, 3, 8, 8))


def test_pretraining_of_the_generator_then_the_discriminator_first():
    method = made()
    assert [network for network, _ in method.losses(batch(), 2)] == ["generator"]
    assert [network for network, _ in method.losses(batch(), 3)] == ["discriminator", "generator"]


def test_losses_are_the_equations():
    method, pair = made(perceptual=lambda a, b: (a - b).square().mean()), batch()
    (_, critics), (_, generators) = list(method.losses(pair, 3))
    fake = method.generator(pair.input)
    real, false = method.discriminator(pair.target), method.discriminator(fake)
    torch.testing.assert_close(critics, cross_entropy(real, false))
    expected = (fake - pair.target).abs().mean() + 0.5 * cross_entropy(false, real) + 2 * (fake - pair.target).square().mean()
    torch.testing.assert_close(generators, expected)


def test_the_discriminators_loss_has_no_gradient_for_the_generator():
    method = made(adversarial_loss=relativistic)
    losses = method.losses(batch(), 9)
    _, loss = next(losses)
    loss.backward()
    assert method.generator.gain.grad is None
    _, loss = next(losses)
    loss.backward()
    assert method.generator.gain.grad is not None


def vgg_weights(path) -> None:
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    torch.save({f"features.{name}": tensor for name, tensor in make_layers(cfgs["E"]).state_dict().items()}, path)


@pytest.mark.parametrize(("layer", "index", "exponent"), [("conv5_4", "34", 1), ("conv3_3", "14", 2)])
def test_features_are_compared_before_the_activation(tmp_path, layer, index, exponent):
    from torchvision.models import vgg19
    from torchvision.models.feature_extraction import create_feature_extractor
    from torchvision.transforms.functional import normalize

    vgg_weights(tmp_path / "vgg19.pth")
    distance = VGGDistance(tmp_path / "vgg19.pth", layer=layer, exponent=exponent)
    a, b = torch.rand(1, 3, 32, 32, requires_grad=True), torch.rand(1, 3, 32, 32)
    ours = distance(a, b)
    with torch.device("meta"):
        network = vgg19()
    network.features.to_empty(device="cpu")
    state = torch.load(tmp_path / "vgg19.pth", weights_only=True)
    network.features.load_state_dict({name.removeprefix("features."): tensor for name, tensor in state.items()})
    for module in network.features:
        if isinstance(module, nn.ReLU):
            module.inplace = False
    inner = create_feature_extractor(network.features, {index: "features"})
    seen = [inner(normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))["features"] for x in (a, b)]
    torch.testing.assert_close(ours, ((seen[0] - seen[1]).abs() ** exponent).mean())
    ours.backward()
    assert a.grad is not None and a.grad.abs().sum() > 0
    assert not any("vgg" in name or "perceptual" in name for name in made(perceptual=distance).state_dict())


def test_weights_of_something_else_are_refused(tmp_path):
    torch.save({"x": torch.zeros(1)}, tmp_path / "x.pth")
    with pytest.raises(DarkroomError, match="does not hold the weights of VGG-19"):
        VGGDistance(tmp_path / "x.pth")(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32))
    assert VGG19.path().name == "vgg19-dcbb9e9d.pth"
