"""The kernel network of Carbajal et al. (2021): a blurred image to the blur kernel of every pixel."""

import itertools
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.layers.padding import pad_to_multiple
from darkroom.networks.matching import matches
from darkroom.operators.kernel_field import KernelField
from darkroom.operators.linear_light import GAMMA, to_linear

LEVELS = 5
"""Number of poolings, and of the doublings by which a kernel grows from one value to 32×32."""

SIDE = 33
"""Side of the kernels."""

FLAT = 1e-3
"""Added to the root mean square of an image's differences before they are divided by it."""

Images = Float[Tensor, "batch channel height width"]
Features = Float[Tensor, "batch _ _ _"]


class KernelNet(nn.Module):
    """An encoder with two heads: basis kernels for the whole image, and mixing masks at full resolution.

    Encoder: five times two convolutions and a max pooling, from `width` to 16·`width` features. The mask head is a U-Net decoder
    with the encoder's features as skips; softmax over the basis. The kernel head grows from the features' mean over the image in
    the same way, each skip being the mean of the encoder's features of that level; softmax over the kernel's 33×33 values.
    3×3 convolutions, LeakyReLU 0.01, transposed convolutions; no normalisation. 79,829,298 parameters at the paper's size.

    With `derivatives` it sees the image's horizontal and vertical differences, divided by their root mean square, instead of its
    values: blur shows in them whatever the contrast, and short trainings need it. This is not of the paper.

    Names of parameters are those of the authors' later network (Carbajal et al. 2023), which deepinv ships too, and their weights
    load. Its last layer gives correlation kernels; `forward` flips them, so that all kernels here are those of convolutions.

    Args:
        width: features at full resolution; 64 in the paper.
        basis: number of kernels.
        gamma: γ of the images that it is given; the network sees x^γ − ½. 1 for images in linear light.
        derivatives: show it the differences of the mean of the channels of x^γ instead.

    Raises:
        DarkroomError: a number is below 1, or γ not above 0.

    Source: Carbajal et al. 2021 (arXiv 2102.01026); Carbajal et al. 2023 (arXiv 2308.02947).

    Example:
        >>> field = KernelNet(width=2, basis=3)(torch.rand(1, 3, 40, 50))
        >>> field.kernels.shape, field.masks.shape
        (torch.Size([1, 3, 33, 33]), torch.Size([1, 3, 40, 50]))
    """

    def __init__(self, width: int = 64, basis: int = 25, *, gamma: float = GAMMA, derivatives: bool = False) -> None:
        super().__init__()
        if width < 1 or basis < 1 or not gamma > 0:
            raise DarkroomError(
                f"a kernel network has at least one feature and one kernel, and gamma above 0; given {width}, {basis}, {gamma:g}"
            )
        self.width, self.basis, self.gamma, self.derivatives = width, basis, gamma, derivatives
        w = width
        if derivatives:
            self.inc_derivatives = _stack(2, w)
        else:
            self.inc_rgb, self.inc_gray = _stack(3, w), _stack(1, w)
        encoder = (w, 2 * w, 4 * w, 8 * w, 16 * w)
        for level, (before, after) in enumerate(zip((w, *encoder), encoder, strict=False), 1):
            setattr(self, f"down{level}", _Down(before, after))
        self.feat = _stack(16 * w, 16 * w)
        masks, kernels = (16 * w, 8 * w, 4 * w, 2 * w, w, w), (16 * w, 8 * w, 4 * w, 4 * w, 2 * w, w)
        for level, skip in enumerate(reversed(encoder), 1):
            setattr(self, f"up{level}", _Up(masks[level - 1], skip, masks[level]))
            setattr(self, f"kernel_up{level}", _Up(kernels[level - 1], skip, kernels[level]))
        self.masks_end = nn.Sequential(*_stack(w, w, w), _convolution(w, basis))
        self.kernels_end = nn.Sequential(*_stack(w, w, w), _convolution(w, basis))
        self.kernels_end[0] = nn.Conv2d(w, w, 2, padding=1)  # from 32×32 to 33×33

    def initialise(self, generator: torch.Generator) -> "KernelNet":
        """Draw the weights (He et al. 2015). Returns the network."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                # A transposed convolution of stride 2 gives each value from one input pixel: its fan-in is its input channels.
                fan_in = module.in_channels * (1 if isinstance(module, nn.ConvTranspose2d) else module.weight[0, 0].numel())
                nn.init.normal_(module.weight, std=(2 / ((1 + 0.01**2) * fan_in)) ** 0.5, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        return self

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "KernelNet":
        """The network of a state dictionary by the names above, its width and basis read off the shapes.

        Raises:
            ValueError: the state is of another network.
        """
        derivatives = "inc_derivatives.0.weight" in state
        first, last = ("inc_derivatives" if derivatives else "inc_rgb") + ".0.weight", "masks_end.4.weight"
        if first not in state or last not in state:
            raise ValueError("no kernel network")
        network = cls(len(state[first]), len(state[last]), derivatives=derivatives)
        if not matches(network, state):
            raise ValueError("no kernel network")
        network.load_state_dict(state)
        return network

    def forward(self, image: Images) -> KernelField:
        """The kernel field of each image, gamma-coded in [0, 1], grey or RGB, of any size.

        Raises:
            DarkroomError: the image has neither one channel nor three.
        """
        height, width = image.shape[-2:]
        features, bottom = self.encode(image)
        masks = self.masks_of(features, bottom)[..., :height, :width]
        return KernelField(self.kernels_of([level.mean((2, 3)) for level in (*features, bottom)]), masks)

    def encode(self, image: Images) -> tuple[list[Features], Features]:
        """The features of the five levels, the finest first, and of the bottom."""
        if image.shape[1] not in (1, 3):
            raise DarkroomError(f"a kernel network takes grey or RGB images, the image has {image.shape[1]} channels")
        x = pad_to_multiple(to_linear(image, self.gamma), 2**LEVELS)
        if self.derivatives:
            x = self.inc_derivatives(normalised_differences(x))
        else:
            x = (self.inc_rgb if x.shape[1] == 3 else self.inc_gray)(x - 0.5)
        features = []
        for level in range(1, LEVELS + 1):
            features.append(self.get_submodule(f"down{level}")(x))
            x = nn.functional.max_pool2d(features[-1], 2)
        return features, self.feat(x)

    def masks_of(self, features: list[Features], bottom: Features) -> Float[Tensor, "batch basis height width"]:
        """The mixing masks, of the size of the finest features; at every pixel they sum to one."""
        if self.basis == 1:
            return torch.ones_like(features[0][:, :1])
        x = bottom
        for level, skip in enumerate(reversed(features), 1):
            x = self.get_submodule(f"up{level}")(x, skip)
        return self.masks_end(x).softmax(1)

    def kernels_of(self, means: list[Float[Tensor, "batch _"]]) -> Float[Tensor, "batch basis side side"]:
        """The basis kernels from the means of the features over the image, of the five levels and of the bottom; each sums to one."""
        *skips, x = (mean[:, :, None, None] for mean in means)
        for level, skip in enumerate(reversed(skips), 1):
            x = self.get_submodule(f"kernel_up{level}")(x, skip.expand(-1, -1, 2**level, 2**level))
        kernels = self.kernels_end(x).flatten(2).softmax(2)
        return kernels.view(len(x), self.basis, SIDE, SIDE).flip(-2, -1)


def normalised_differences(image: Images) -> Float[Tensor, "batch 2 height width"]:
    """Differences of the mean of an image's channels to the next column and to the next row, divided by their root mean square.

    Example:
        >>> normalised_differences(torch.tensor([[[[0.0, 2.0, 2.0]]]])).round(decimals=2)[0, 0]
        tensor([[2.4500, 0.0000, 0.0000]])
    """
    x = image.mean(1, keepdim=True)
    below = nn.functional.pad(x, (0, 1, 0, 1), mode="replicate")
    differences = torch.cat([below[..., :-1, 1:] - x, below[..., 1:, :-1] - x], 1)
    return differences / (differences.square().mean((1, 2, 3), keepdim=True).sqrt() + FLAT)


class _Down(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.double_conv = _stack(channels, width, width)

    def forward(self, x: Features) -> Features:
        return self.double_conv(x)


class _Up(nn.Module):
    """Twice the size, two convolutions, and a third one together with the skip."""

    def __init__(self, channels: int, skip: int, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels, channels, 2, stride=2)
        self.double_conv = _stack(channels, width, width)
        self.feat = _stack(skip + width, width)

    def forward(self, x: Features, skip: Features) -> Features:
        return self.feat(torch.cat([skip, self.double_conv(self.up(x))], 1))


def _stack(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels, width in itertools.pairwise(widths):
        layers += [_convolution(channels, width), nn.LeakyReLU(inplace=True)]
    return nn.Sequential(*layers)


def _convolution(channels: int, width: int) -> nn.Conv2d:
    return nn.Conv2d(channels, width, 3, padding=1)
