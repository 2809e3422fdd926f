"""Chains of convolutions that denoise by construction, as checkpoints of other programs hold them."""

import torch
from torch import Tensor, nn

TAPS = {"centre": (1, 1), "left": (1, 0), "right": (1, 2)}


def chain(channels: int, extra: int, depth: int, *, predicts: str, extra_first: bool = False, norm: bool = False, shifts=()):
    """An `nn.Sequential` that smooths each channel by a 3×3 mean (`predicts="image"`), or gives the channel minus that mean.

    Every weight is disturbed a little, so that no two weights are alike.

    Args:
        extra: further input channels, behind the image or in front of it.
        shifts: takes the mean from the tap "left" or "right" in these layers, by their numbers; not in the first.
    """
    width = 2 * channels + 2
    layers: list[nn.Module] = [nn.Conv2d(channels + extra, width, 3, padding=1), nn.ReLU(inplace=True)]
    for _ in range(depth - 2):
        layers.append(nn.Conv2d(width, width, 3, padding=1, bias=not norm))
        layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)] if norm else [nn.ReLU(inplace=True)]
    layers.append(nn.Conv2d(width, channels, 3, padding=1))
    network = nn.Sequential(*layers).eval()
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d)]
    torch.manual_seed(0)
    with torch.no_grad():
        for number, layer in enumerate(convolutions):
            layer.weight.copy_(1e-4 * torch.randn_like(layer.weight))
            if layer.bias is not None:
                layer.bias.copy_(1e-4 * torch.randn_like(layer.bias))
            row, column = TAPS[dict(shifts).get(number, "centre")]
            first, last = number == 0, number == depth - 1
            for c in range(channels):
                source = c + extra if first and extra_first else c
                smooth = channels + c  # features: the channel plus 1 (so that it is positive), then its mean
                if last:
                    sign = 1.0 if predicts == "image" else -1.0
                    layer.weight[c, smooth, row, column] += sign
                    if predicts == "noise":
                        layer.weight[c, c, 1, 1] += 1
                        layer.bias[c] -= 1
                else:
                    layer.weight[c, source, 1, 1] += 1
                    if first:
                        layer.bias[c] += 1
                        layer.weight[smooth, source] += 1 / 9
                    else:
                        layer.weight[smooth, smooth, row, column] += 1
        for layer in network:
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.uniform_(layer.running_var, 0.998, 1.002)
                nn.init.uniform_(layer.weight, 0.998, 1.002)
                nn.init.uniform_(layer.running_mean, -0.001, 0.001)
    return network


def dilated(network: nn.Sequential, dilations: tuple[int, ...]) -> nn.Sequential:
    """The same weights with dilated convolutions."""
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d)]
    for layer, dilation in zip(convolutions, dilations, strict=True):
        layer.dilation = layer.padding = (dilation, dilation)
    return network


def noisy_photograph(channels: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """A part of a photograph, and the same with noise of σ = 25."""
    from darkroom.core.images import to_float
    from darkroom.data.embedded import embedded

    clean = to_float(embedded("heldout")[0])[:channels, 100 : 100 + height, 100 : 100 + width][None]
    return clean, clean + 25 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))


def psnr(image: Tensor, target: Tensor) -> float:
    """In dB, without a border of four pixels, which zero padding darkens."""
    return float(-10 * (image - target)[..., 4:-4, 4:-4].square().mean().log10())
