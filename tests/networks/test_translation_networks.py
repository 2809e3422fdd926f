"""Generators and discriminators of image translation."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from darkroom.core.errors import DarkroomError
from darkroom.core.randomness import generator
from darkroom.networks.asapnet import ASAPNet, ASAPNetDenoiser, extended
from darkroom.networks.patch_discriminator import MultiscaleDiscriminator, PatchDiscriminator
from darkroom.networks.pix2pix import UNetGenerator
from darkroom.networks.pix2pixhd import GlobalGenerator, LocalEnhancer
from darkroom.networks.translation import TranslationNetwork


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def small(kind: str, labels: int = 3, *, edges: bool = False) -> TranslationNetwork:
    made: TranslationNetwork
    if kind == "unet":
        made = UNetGenerator(labels, edges=edges, width=4, levels=4)
    elif kind == "asapnet":
        made = ASAPNet(labels, edges=edges, octaves=3, grid=4, width=4, downsamplings=3, depth=4, pixel_width=6, pixel_depth=3)
    elif kind == "enhancer":
        made = LocalEnhancer(labels, edges=edges, width=2, downsamplings=2, blocks=1, local_blocks=1)
    else:
        made = GlobalGenerator(labels, edges=edges, width=4, downsamplings=2, blocks=1)
    return made.initialise(generator(0)).eval()


KINDS = ("unet", "asapnet", "global", "enhancer")


def test_parameters_are_those_published():
    with torch.device("meta"):
        assert round(count(UNetGenerator(0)) / 1e6, 3) == 54.414  # as the authors' program prints it
        assert round(count(GlobalGenerator(35, edges=True)) / 1e6, 1) == 182.5
        assert round(count(PatchDiscriminator(6)) / 1e6, 3) == 2.769
        assert sum(layer.out_features for layer in ASAPNet(35, edges=True).networks.predict) == 16_003


def test_multiply_adds_are_those_measured_on_the_authors_programs():
    from torch.utils.flop_counter import FlopCounterMode

    expected = {UNetGenerator: (13, 53), GlobalGenerator: (122, 489), ASAPNet: (49, 55)}
    for kind, billions in expected.items():
        for (height, width), published in zip(((256, 512), (512, 1024)), billions, strict=True):
            with torch.device("meta"):
                octaves = dict(octaves=4 if height == 256 else 5) if kind is ASAPNet else {}
                network, ids = kind(35, edges=True, **octaves), torch.zeros(1, 1, height, width, dtype=torch.long)
                with FlopCounterMode(display=False) as counter:
                    network(ids, ids)
            assert abs(counter.get_total_flops() / 2e9 - published) < 0.8, (kind, published)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("edges", [False, True])
def test_label_maps_and_images_become_images(kind: str, edges: bool):
    ids = torch.randint(3, (2, 1, 32, 48))
    network = small(kind, edges=edges)
    given = (ids, torch.randint(2, ids.shape)) if edges else (ids,)
    with torch.no_grad():
        image = network(*given)
        assert image.shape == (2, 3, 32, 48) and 0 <= image.min() < image.max() <= 1
        torch.testing.assert_close(image[1:], network(*(x[1:] for x in given)), atol=1e-4, rtol=1e-4)
        assert small(kind, labels=0)(torch.rand(2, 3, 32, 48)).shape == (2, 3, 32, 48)
    # The sums of rows of the evaluation and the convolution of training are the same network.
    torch.testing.assert_close(network(*given), image, atol=1e-4, rtol=1e-4)
    if edges:
        with pytest.raises(DarkroomError, match="there is no map of instances"):
            network(ids)


@given(st.integers(16, 100), st.integers(16, 100))
@example(45, 50)  # tiles of 8 pixels, and of 16 once its sides are multiples of 8
@example(90, 93)
def test_asapnet_takes_images_of_any_size(height: int, width: int):
    network, ids = small("asapnet"), torch.randint(3, (1, 1, height, width))
    with torch.no_grad():
        image = network(ids)
        side = network.networks.side(height, width)
        whole = network.generate(extended(ids, side), None)
    assert image.shape == (1, 3, height, width)
    if not (height % side or width % side):
        torch.testing.assert_close(2 * image - 1, whole)
    denoiser = ASAPNetDenoiser(octaves=2, grid=4, width=4, downsamplings=3, depth=4, pixel_width=6, pixel_depth=3).eval()
    with torch.no_grad():
        assert denoiser(torch.rand(1, 3, height, width), torch.tensor([0.1])).shape == (1, 3, height, width)


@pytest.mark.parametrize(
    ("kind", "size", "words"),
    [
        ("unet", (40, 48), "sizes that are multiples of 16, given 48x40: resize it to 48x32"),
        ("global", (32, 45), "sizes that are multiples of 4, given 45x32: resize it to 44x32"),
        ("asapnet", (9, 12), "images of at least 16 pixels a side, given 12x9"),
    ],
)
def test_a_size_that_a_network_cannot_take_is_one_line(kind: str, size: tuple[int, int], words: str):
    with pytest.raises(DarkroomError, match=words):
        small(kind)(torch.zeros(1, 1, *size, dtype=torch.long))


def test_labels_and_images_are_not_confused():
    with pytest.raises(DarkroomError, match="takes label maps of 3 labels, given an image"):
        small("unet")(torch.rand(1, 3, 32, 32))
    with pytest.raises(DarkroomError, match="takes RGB images, given a label map"):
        small("unet", labels=0)(torch.zeros(1, 1, 32, 32, dtype=torch.long))


class Nested(nn.Module):
    """A level of the original U-Net, whose modules are nested: the input beside what the levels below make of it."""

    def __init__(self, level: int, features: list[int], submodule: nn.Module | None) -> None:
        super().__init__()
        outer, inner = features[level], features[level + 1]
        down = nn.Conv2d(outer, inner, 4, 2, 1, bias=False)
        if level == 0:
            layers = [down, submodule, nn.ReLU(), nn.ConvTranspose2d(2 * inner, 3, 4, 2, 1), nn.Tanh()]
        elif submodule is None:
            up = nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=False)
            layers = [nn.LeakyReLU(0.2, True), down, nn.ReLU(), up, nn.BatchNorm2d(outer)]
        else:
            up = nn.ConvTranspose2d(2 * inner, outer, 4, 2, 1, bias=False)
            layers = [nn.LeakyReLU(0.2, True), down, nn.BatchNorm2d(inner), submodule, nn.ReLU(), up, nn.BatchNorm2d(outer)]
        self.level, self.model = level, nn.Sequential(*layers)

    def forward(self, x):
        return torch.cat([x, self.model(x)], 1) if self.level else self.model(x)


def test_original_weights_load():
    torch.manual_seed(0)
    features = [3, 6, 12, 24, 48, 48]
    theirs = None
    for level in reversed(range(5)):
        theirs = Nested(level, features, theirs)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.5), nn.init.normal_(module.bias)
    state = {f"model.{name}": tensor for name, tensor in theirs.state_dict().items()}
    # Names that issue 1214 of the authors' repository lists.
    assert {
        "model.model.0.weight",
        "model.model.1.model.3.model.3.model.3.model.3.weight",
        "model.model.1.model.5.weight",
    } <= state.keys()
    ours = UNetGenerator.from_state_dict(state)
    assert ours is not None
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(2 * ours.eval()(image) - 1, theirs(2 * image - 1), atol=1e-5, rtol=1e-4)
    assert UNetGenerator.from_state_dict({"module." + name: tensor for name, tensor in state.items()}) is not None
    assert UNetGenerator.from_state_dict({**state, "model.model.0.weight": torch.zeros(3)}) is None
    assert UNetGenerator.from_state_dict({"weight": torch.zeros(3)}) is None and UNetGenerator.from_state_dict({}) is None


def test_a_logit_sees_70_pixels():
    discriminator, x = PatchDiscriminator(1, width=2), torch.randn(1, 1, 160, 160, requires_grad=True)
    for layer in discriminator.hidden:
        for index, module in enumerate(layer):
            if isinstance(module, nn.InstanceNorm2d):
                layer[index] = nn.Identity()  # which sees the whole image
    logits, _ = discriminator(x)
    (seen,) = torch.autograd.grad(logits[0, 0, 9, 9], x)
    rows = seen[0, 0].abs().sum(1).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


@pytest.mark.parametrize("spectral", [False, True])
def test_discriminators_of_several_scales(spectral: bool):
    discriminator = MultiscaleDiscriminator(5, width=4, scales=2, affine=False, spectral=spectral).initialise(generator(0))
    condition, image = torch.rand(1, 2, 64, 64), torch.rand(1, 3, 64, 64)
    logits, features = discriminator(condition, image)
    assert len(logits) == len(features) == 2 and [len(scale) for scale in features] == [4, 4]
    half = nn.functional.avg_pool2d(torch.cat([condition, 2 * image - 1], 1), 3, 2, 1, count_include_pad=False)
    if not spectral:  # which makes a power iteration in every call
        torch.testing.assert_close(logits[1], discriminator.scales[1](half)[0])
    else:
        weight = discriminator.scales[0].hidden[2][0].weight
        assert abs(torch.linalg.matrix_norm(weight.flatten(1), 2).item() - 1) < 0.05


def test_dropout_is_noise_in_training_only():
    network, ids = small("unet"), torch.randint(3, (1, 1, 32, 32))
    with torch.no_grad():
        assert torch.equal(network(ids), network(ids))
        network.train()
        assert not torch.equal(network(ids), network(ids))


def test_predicted_networks_begin_with_the_scale_of_ordinary_ones():
    network = ASAPNet(20, octaves=4, width=16).initialise(generator(1)).eval()
    with torch.no_grad():
        image = network(torch.randint(20, (1, 1, 16, 16)).repeat_interleave(16, 2).repeat_interleave(16, 3))
    assert 0.15 < float(image.std()) < 0.45 and 0.3 < float(image.mean()) < 0.7


def test_the_denoiser_subtracts_noise_in_units_of_its_level():
    network = ASAPNetDenoiser(octaves=2, grid=8, width=4, downsamplings=2, depth=2, pixel_width=8)
    network.initialise(generator(0))
    image = torch.rand(2, 3, 41, 52)
    with torch.no_grad():
        assert torch.equal(network(image, torch.zeros(2)), image)
        small_change, large_change = ((network(image, torch.full((2,), s)) - image).std() for s in (0.01, 0.1))
        torch.testing.assert_close(
            network(image[1:], torch.tensor([0.1])), network(image, torch.full((2,), 0.1))[1:], atol=1e-4, rtol=1e-4
        )
    assert small_change < large_change
