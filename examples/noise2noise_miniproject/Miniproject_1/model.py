"""Noise2Noise (Lehtinen et al. 2018) on small images with PyTorch: a denoiser trained on pairs of noisy images."""

import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

BATCH_SIZE = 32
LR = 1e-3


class Model:
    """A U-Net with a residual connection, trained on pairs of noisy images.

    The minimiser of the squared error is the conditional mean of the target, which zero-mean noise in the targets does not
    change: the loss has the same minimiser as with clean targets, and gradients of larger variance (Lehtinen et al. 2018,
    section 2).

    Images are `(N, 3, H, W)` with values in [0, 255] (uint8 or float) or [0, 1] (float). Predictions are floats in the same
    range. If the largest value is above 2, the range is taken to be [0, 255].
    """

    def __init__(self) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = UNet().to(self.device, memory_format=torch.channels_last)

    def load_pretrained_model(self) -> None:
        """Load the weights in `bestmodel.pth`, beside this file; nothing in it is executed."""
        state = torch.load(Path(__file__).with_name("bestmodel.pth"), map_location=self.device, weights_only=True)
        self.network.load_state_dict({name: tensor.float() for name, tensor in state.items()})

    def save(self, path: Path) -> None:
        """Write the weights in half precision; the rounding changes predictions by far less than a grey level."""
        torch.save({name: tensor.half().cpu() for name, tensor in self.network.state_dict().items()}, path)

    def train(self, train_input: Tensor, train_target: Tensor, num_epochs: int) -> None:
        """Minimise the mean squared error with Adam and a cosine learning-rate schedule.

        Augmentation: one of the eight flips and rotations for each batch.
        """
        inputs, targets = check(train_input), check(train_target)
        if inputs.shape != targets.shape:
            raise ValueError(f"inputs {tuple(inputs.shape)} and targets {tuple(targets.shape)} differ in shape")
        self.network.train()
        optimizer = torch.optim.Adam(self.network.parameters(), lr=LR, betas=(0.9, 0.99))
        steps = num_epochs * -(-len(inputs) // BATCH_SIZE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
        scale, started = white_value(inputs), time.monotonic()
        for epoch in range(num_epochs):
            total = 0.0
            for indices in torch.randperm(len(inputs)).split(BATCH_SIZE):
                transform = int(torch.randint(8, ()))
                x, y = (augment(images[indices].to(self.device).float() / scale, transform) for images in (inputs, targets))
                with torch.autocast(self.device.type, torch.bfloat16, enabled=has_fast_bf16(self.device)):
                    prediction = self.network(x)
                loss = functional.mse_loss(prediction.float(), y)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                total += float(loss.detach()) * len(indices)
            minutes = (time.monotonic() - started) / 60
            print(f"epoch {epoch + 1} of {num_epochs}: loss {total / len(inputs):.6f}, {minutes:.1f} min", flush=True)

    @torch.no_grad()
    def predict(self, test_input: Tensor) -> Tensor:
        """Denoise; the mean over the eight flips and rotations (self-ensemble)."""
        images, scale = check(test_input), white_value(test_input)
        self.network.eval()
        predictions = []
        for batch in images.split(256):
            x = batch.to(self.device).float() / scale
            total = sum(undo(self.network(augment(x, number)), number) for number in range(8))
            predictions.append((total / 8).clamp(0, 1) * scale)
        return torch.cat(predictions).to(test_input.device)


class UNet(nn.Module):
    """A U-Net with two levels of downsampling and two 3×3 convolutions per block; images of any height and width.

    Args:
        width: features at full resolution.
    """

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        w = width
        self.down = nn.ModuleList([block(3, w), block(w, 2 * w), block(2 * w, 4 * w)])
        self.up = nn.ModuleList([block(6 * w, 2 * w), block(3 * w, w)])
        self.last = nn.Conv2d(w, 3, 3, padding=1)
        nn.init.zeros_(self.last.weight)

    def forward(self, noisy: Tensor) -> Tensor:
        height, width = noisy.shape[-2:]
        x = functional.pad(noisy, (0, -width % 4, 0, -height % 4), mode="replicate")
        full = self.down[0](x)
        half = self.down[1](functional.max_pool2d(full, 2))
        quarter = self.down[2](functional.max_pool2d(half, 2))
        half = self.up[0](torch.cat([functional.interpolate(quarter, scale_factor=2.0), half], 1))
        full = self.up[1](torch.cat([functional.interpolate(half, scale_factor=2.0), full], 1))
        return noisy + self.last(full)[..., :height, :width]


def block(channels: int, width: int) -> nn.Sequential:
    """Two 3×3 convolutions, each followed by a ReLU."""
    first, second = nn.Conv2d(channels, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
    for convolution in (first, second):
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)
    return nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True))


def check(images: Tensor) -> Tensor:
    """Return a nonempty batch of images `(N, 3, H, W)`; raise ValueError for anything else."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.numel():
        raise ValueError(f"expected images (N, 3, H, W), at least one; given {tuple(images.shape)}")
    return images


def white_value(images: Tensor) -> float:
    """The value of white: 255 for uint8 and for values above 2, else 1."""
    return 255.0 if images.dtype == torch.uint8 or float(images.max()) > 2 else 1.0


def augment(images: Tensor, transform: int) -> Tensor:
    """Flip horizontally if `transform` is odd, then rotate by `transform // 2` quarter turns."""
    flipped = images.flip(-1) if transform % 2 else images
    return torch.rot90(flipped, transform // 2, (-2, -1)).contiguous(memory_format=torch.channels_last)


def undo(images: Tensor, transform: int) -> Tensor:
    """The inverse of `augment`."""
    rotated = torch.rot90(images, -(transform // 2), (-2, -1))
    return rotated.flip(-1) if transform % 2 else rotated


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the hardware supports bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
