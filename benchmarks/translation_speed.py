"""Generators of image translation: against each other and against their layers written plainly; a street of 35 labels, batch 1, one thread.

The plain versions have the same weights and the same outputs, and are written as one would first write them: the one-hot map is
made and convolved, torch's instance normalisation, and for ASAPNet the parameters of every tile repeated for each of its pixels,
as `interpolate` and a 1×1 matrix product at every pixel do (in strips, since all of them at once would take 34 GB at 512×1024).
"""

from collections.abc import Callable
from functools import partial
from time import process_time

import torch
from torch import Tensor, nn

from benchmarks.side_by_side import alternate, show
from darkroom.core.randomness import generator
from darkroom.layers.instance_norm import InstanceNorm2d
from darkroom.layers.label_convolution import LabelConvolution
from darkroom.layers.label_maps import encoded
from darkroom.layers.pixelwise import SLOPE, PixelwiseNetworks, positions
from darkroom.networks.asapnet import ASAPNet
from darkroom.networks.pix2pix import UNetGenerator
from darkroom.networks.pix2pixhd import GlobalGenerator
from darkroom.networks.translation import TranslationNetwork

SIZES = ((256, 512), (512, 1024))
LABELS = 35


def main() -> None:
    torch.set_num_threads(1)
    for height, width in SIZES:
        ids = street(height, width)
        networks = {
            "pix2pixHD (global)": GlobalGenerator(LABELS, edges=True),
            "pix2pix (U-Net)": UNetGenerator(LABELS, edges=True),
            "ASAPNet": ASAPNet(LABELS, edges=True, octaves=4 if height == 256 else 5),
        }
        for network in networks.values():
            network.initialise(generator(0)).eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.inference_mode():
            ways: dict[str, Callable[[], object]] = {name: partial(network, ids, ids) for name, network in networks.items()}
            title = f"{height}x{width}, processor time of one thread, {torch.backends.cpu.get_cpu_capability()}"
            show(title, alternate(ways, rounds=3, clock=process_time), against="ASAPNet")
            for name, network in networks.items():
                against_plain(name, network, ids)
            where_the_time_goes(networks["ASAPNet"], ids)


def street(height: int, width: int) -> Tensor:
    """A label map with regions as a street has them: large ones, and poles and signs of some pixels."""
    random = generator("street")
    ids = torch.randint(LABELS, (1, 1, height // 64, width // 64), generator=random)
    ids = ids.repeat_interleave(64, 2).repeat_interleave(64, 3)
    for _ in range(60):
        top, left = (int(torch.randint(length, (), generator=random)) for length in (height, width))
        high, wide = (int(torch.randint(2, height // 6, (), generator=random)) for _ in range(2))
        ids[..., top : top + high, left : left + wide] = int(torch.randint(LABELS, (), generator=random))
    return ids


def against_plain(name: str, network: TranslationNetwork, ids: Tensor) -> None:
    """Time and difference of a generator and of its layers written plainly."""
    ways = {"plain": partial(plainly, network, ids), "ours": partial(network, ids, ids)}
    show(f"{name}: its layers written plainly, and ours", alternate(ways, rounds=1, clock=process_time), against="ours")
    print(f"  largest difference of the images: {(ways['plain']() - ways['ours']()).abs().max():.1e}")


def plainly(network: TranslationNetwork, ids: Tensor) -> Tensor:
    """The same network without what this library does for speed."""
    kept = {
        PixelwiseNetworks: PixelwiseNetworks.forward,
        LabelConvolution: LabelConvolution.forward,
        InstanceNorm2d: InstanceNorm2d.forward,
    }
    try:
        PixelwiseNetworks.forward = _every_pixel  # type: ignore[method-assign]
        LabelConvolution.forward = _convolved  # type: ignore[method-assign]
        InstanceNorm2d.forward = nn.InstanceNorm2d.forward  # type: ignore[method-assign]
        return network(ids, ids)
    finally:
        for kind, forward in kept.items():
            kind.forward = forward  # type: ignore[method-assign]


def _convolved(self: LabelConvolution, source: Tensor, instances: Tensor | None = None) -> Tensor:
    return nn.Conv2d.forward(self, encoded(source, self.labels, instances))


def _every_pixel(self: PixelwiseNetworks, parameters: list[Tensor], pixels: Tensor) -> Tensor:
    """The parameters of each tile repeated for its pixels, and a matrix product at every pixel; a row of tiles at a time."""
    side = pixels.shape[-1] // parameters[0].shape[2]
    waves = positions(side, self.octaves).view(side, side, -1)
    strips = []
    for row in range(parameters[0].shape[1]):
        ids = pixels[:, :, row * side : (row + 1) * side]
        across = waves.repeat(1, ids.shape[-1] // side, 1)[None]
        x = torch.cat([encoded(ids, self.labels).permute(0, 2, 3, 1), across], 3)
        lines = []
        for line in range(side):  # of pixels
            value = x[0, line, :, None]
            for number, (before, after) in enumerate(self.layers()):
                spread = parameters[number][0, row].repeat_interleave(side, 0)
                weights, bias = spread[:, : before * after].unflatten(1, (before, after)), spread[:, None, before * after :]
                value = torch.bmm(value, weights) + bias
                if number < len(parameters) - 1:
                    value = nn.functional.leaky_relu(value, SLOPE)
            lines.append(value[:, 0])
        strips.append(torch.stack(lines))
    return torch.cat(strips)[None].permute(0, 3, 1, 2)


def where_the_time_goes(network: TranslationNetwork, ids: Tensor) -> None:
    """The parts of ASAPNet."""
    assert isinstance(network, ASAPNet)
    parts, low = network.networks, network.networks.low(ids)
    first = parts.first(low, low)
    features = parts.stream(first.clone()).permute(0, 2, 3, 1)
    predicted = [predict(features) for predict in parts.predict]
    ways: dict[str, Callable[[], object]] = {
        "all": partial(network, ids, ids),
        "first convolution (7x7, of labels)": partial(parts.first, low, low),
        "seven convolutions": lambda: parts.stream(first.clone()),
        "prediction of the parameters": lambda: [predict(features) for predict in parts.predict],
        "pixelwise networks": partial(parts.pixelwise, predicted, ids),
    }
    show("where ASAPNet's time goes", alternate(ways, rounds=3, clock=process_time), against="all")


if __name__ == "__main__":
    main()
