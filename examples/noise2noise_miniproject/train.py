"""Train one of the mini-projects or a baseline, and print its PSNR on held-out images.

    darkroom data make noisy-pairs --from bsds500 -o train_data.pkl
    darkroom data make noisy-pairs --from bsd68 --targets clean --count 1000 -o val_data.pkl
    python examples/noise2noise_miniproject/train.py first train_data.pkl val_data.pkl --weights Miniproject_1/bestmodel.pth

`first` and `second` are the two mini-projects. `plain` is a network of eight convolutions trained like `first`. `clean` is
`first` for training data with clean targets (`--targets clean`).
"""

import argparse
import itertools
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))

import Miniproject_1.model as first
import Miniproject_2.model as second


def plain() -> first.Model:
    """Eight 3×3 convolutions with 32 features and ReLUs, trained like the first mini-project."""
    widths = [3, *[32] * 7, 3]
    layers: list[nn.Module] = []
    for channels, width in itertools.pairwise(widths):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
    model = first.Model()
    model.network = nn.Sequential(*layers[:-1]).to(model.device, memory_format=torch.channels_last)
    return model


def psnr(images: Tensor, target: Tensor) -> float:
    """PSNR with peak 255, mean over images; both in [0, 255], `images` rounded to integers."""
    error = (images.float().round() - target.float()).square().mean((1, 2, 3))
    return float((10 * torch.log10(255**2 / error)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=["first", "second", "plain", "clean"])
    parser.add_argument("train", type=Path)
    parser.add_argument("val", type=Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--weights", type=Path, help="where to write the weights")
    parser.add_argument("--evaluate", action="store_true", help="evaluate bestmodel.pth without training")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = {"first": first.Model, "clean": first.Model, "second": second.Model, "plain": plain}[arguments.network]()
    if arguments.evaluate:
        model.load_pretrained_model()
    else:
        model.train(*torch.load(arguments.train, weights_only=True), arguments.epochs)
    if arguments.weights:
        model.save(arguments.weights)
    noisy, clean = torch.load(arguments.val, weights_only=True)
    print(
        f"{arguments.network}: {psnr(model.predict(noisy), clean):.2f} dB; noisy input {psnr(noisy, clean):.2f} dB", flush=True
    )


if __name__ == "__main__":
    main()
