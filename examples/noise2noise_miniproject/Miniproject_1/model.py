"""Noise2Noise (Lehtinen et al. 2018) on small pictures with PyTorch: learn to denoise from noisy pairs alone."""

import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

BATCH = 32
RATE = 1e-3


class Model:
    """A U-Net that learns the noise to take away, from pairs of noisy pictures.

    The squared error has its minimum at the mean of what may be wanted, and noise without a mean leaves that where it was:
    to learn with noisy targets is to learn with clean ones, only slower (Lehtinen et al. 2018, section 2).

    Pictures are `(N, 3, H, W)`, in [0, 255] (uint8 or float) or in [0, 1], and so are the answers: floats, in the range of
    what was given. Numbers above 2 say that it is [0, 255].
    """

    def __init__(self) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = UNet().to(self.device, memory_format=torch.channels_last)

    def load_pretrained_model(self) -> None:
        """Take the weights of `bestmodel.pth`, beside this file; nothing in it is executed."""
        state = torch.load(Path(__file__).with_name("bestmodel.pth"), map_location=self.device, weights_only=True)
        self.network.load_state_dict({name: tensor.float() for name, tensor in state.items()})

    def save(self, path: Path) -> None:
        """Write the weights, in half precision: what is lost is far below a grey level."""
        torch.save({name: tensor.half().cpu() for name, tensor in self.network.state_dict().items()}, path)

    def train(self, train_input: Tensor, train_target: Tensor, num_epochs: int) -> None:
        """Minimise the squared error between answers and targets, with Adam and a rate that falls along a cosine.

        A pair is flipped and turned together, in one of eight ways.
        """
        source, target = check(train_input), check(train_target)
        if source.shape != target.shape:
            raise ValueError(f"inputs {tuple(source.shape)} and targets {tuple(target.shape)} are not pairs")
        self.network.train()
        optimizer = torch.optim.Adam(self.network.parameters(), lr=RATE, betas=(0.9, 0.99))
        steps = num_epochs * -(-len(source) // BATCH)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
        white, begun = white_of(source), time.monotonic()
        for epoch in range(num_epochs):
            total = 0.0
            for chosen in torch.randperm(len(source)).split(BATCH):
                way = int(torch.randint(8, ()))
                x, y = (turned(pictures[chosen].to(self.device).float() / white, way) for pictures in (source, target))
                with torch.autocast(self.device.type, torch.bfloat16, enabled=fast_in_bfloat16(self.device)):
                    answer = self.network(x)
                loss = functional.mse_loss(answer.float(), y)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                total += float(loss.detach()) * len(chosen)
            minutes = (time.monotonic() - begun) / 60
            print(f"epoch {epoch + 1} of {num_epochs}: loss {total / len(source):.6f}, {minutes:.1f} min", flush=True)

    @torch.no_grad()
    def predict(self, test_input: Tensor) -> Tensor:
        """Denoise: the mean of the answers to a picture flipped and turned in eight ways."""
        pictures, white = check(test_input), white_of(test_input)
        self.network.eval()
        answers = []
        for few in pictures.split(256):
            x = few.to(self.device).float() / white
            every = sum(back(self.network(turned(x, way)), way) for way in range(8))
            answers.append((every / 8).clamp(0, 1) * white)
        return torch.cat(answers).to(test_input.device)


class UNet(nn.Module):
    """Two halvings and two doublings with skips, pairs of 3×3 convolutions between; any height and width.

    Args:
        width: features at full size.
    """

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        w = width
        self.down = nn.ModuleList([twice(3, w), twice(w, 2 * w), twice(2 * w, 4 * w)])
        self.up = nn.ModuleList([twice(6 * w, 2 * w), twice(3 * w, w)])
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


def twice(channels: int, width: int) -> nn.Sequential:
    """Two 3×3 convolutions, each followed by max(0, x)."""
    first, second = nn.Conv2d(channels, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
    for convolution in (first, second):
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)
    return nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True))


def check(pictures: Tensor) -> Tensor:
    """The pictures themselves, if that is what they are."""
    if pictures.ndim != 4 or pictures.shape[1] != 3 or not pictures.numel():
        raise ValueError(f"pictures (N, 3, H, W) are wanted, at least one; given {tuple(pictures.shape)}")
    return pictures


def white_of(pictures: Tensor) -> float:
    """255 for bytes and for numbers above 2, else 1."""
    return 255.0 if pictures.dtype == torch.uint8 or float(pictures.max()) > 2 else 1.0


def turned(pictures: Tensor, way: int) -> Tensor:
    """Mirrored if `way` is odd, then `way // 2` quarter turns."""
    mirrored = pictures.flip(-1) if way % 2 else pictures
    return torch.rot90(mirrored, way // 2, (-2, -1)).contiguous(memory_format=torch.channels_last)


def back(pictures: Tensor, way: int) -> Tensor:
    """What undoes `turned`."""
    straight = torch.rot90(pictures, -(way // 2), (-2, -1))
    return straight.flip(-1) if way % 2 else straight


def fast_in_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
