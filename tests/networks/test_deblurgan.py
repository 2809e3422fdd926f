"""DeblurGAN's generator against its published sizes, its released layer names, and torch's own layers."""

from itertools import count

import torch
from torch import nn

from darkroom.networks.asapnet_deblurring import ASAPNetDeblurring
from darkroom.networks.deblurgan import DeblurGAN, PatchCritic


def released(width: int, blocks: int, convolutions: int, *, dropout: bool) -> nn.Module:
    """A generator put together from torch's layers in one sequence, as the released checkpoints number them."""

    class Block(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            layers = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels), nn.ReLU()]
            layers += [nn.Dropout(0.5)] if dropout else []
            if convolutions == 2:
                layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels)]
            self.conv_block = nn.Sequential(*layers)

        def forward(self, x):
            return x + self.conv_block(x)

    def normalised(convolution: nn.Module, channels: int) -> list[nn.Module]:
        return [convolution, nn.InstanceNorm2d(channels), nn.ReLU()]

    w = width
    layers = [nn.ReflectionPad2d(3), *normalised(nn.Conv2d(3, w, 7), w)]
    layers += normalised(nn.Conv2d(w, 2 * w, 3, 2, 1), 2 * w) + normalised(nn.Conv2d(2 * w, 4 * w, 3, 2, 1), 4 * w)
    layers += [Block(4 * w) for _ in range(blocks)]
    layers += normalised(nn.ConvTranspose2d(4 * w, 2 * w, 3, 2, 1, 1), 2 * w)
    layers += normalised(nn.ConvTranspose2d(2 * w, w, 3, 2, 1, 1), w)
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(w, 3, 7), nn.Tanh()]
    network = nn.Module()
    network.model = nn.Sequential(*layers)
    return network.eval()


def test_the_papers_and_the_released_size():
    sizes = [sum(p.numel() for p in DeblurGAN(convolutions=number).parameters()) for number in (2, 1)]
    assert [round(size / 1e6, 1) for size in sizes] == [11.4, 6.1]


def test_checkpoints_of_both_kinds_give_their_own_networks_output():
    torch.manual_seed(0)
    for convolutions, dropout in ((2, True), (1, True), (1, False)):
        theirs = released(8, 9, convolutions, dropout=dropout)
        ours = DeblurGAN.from_state_dict(theirs.state_dict())
        assert ours is not None
        image = torch.rand(2, 3, 24, 36)
        with torch.no_grad():
            expected = (2 * image - 1 + theirs.model(2 * image - 1)).clamp(-1, 1)
            torch.testing.assert_close(2 * ours.eval()(image) - 1, expected, atol=1e-5, rtol=0)


def test_other_checkpoints_are_not_taken_for_it():
    assert DeblurGAN.from_state_dict({"model.1.weight": torch.zeros(4, 3, 7, 7)}) is None
    assert DeblurGAN.from_state_dict({f"layer{i}": torch.zeros(1) for i in zip(count(), range(3), strict=False)}) is None


def test_an_unchanged_image_for_zero_residuals_in_any_size():
    for network in (
        DeblurGAN(width=4, blocks=1),
        ASAPNetDeblurring(octaves=2, grid=4, width=4, downsamplings=2, depth=2, pixel_width=4),
    ):
        network.eval().initialise(torch.Generator().manual_seed(1))
        for parameter in network.parameters():
            parameter.data.zero_()
        image = torch.rand(1, 3, 37, 50)
        with torch.no_grad():
            torch.testing.assert_close(network(image), image, atol=1e-6, rtol=0)


def test_a_critics_patch_sees_70_pixels():
    critic = PatchCritic(width=4)
    for module in critic.modules():
        if isinstance(module, nn.InstanceNorm2d):
            module.forward = lambda x: x  # it sees the whole image
    image = torch.rand(1, 3, 160, 160, requires_grad=True)
    logits = critic(image)
    (slope,) = torch.autograd.grad(logits[0, 0, 8, 8], image)
    rows = slope.abs().sum((0, 1, 3)).nonzero()
    assert int(rows[-1] - rows[0]) + 1 == 70
