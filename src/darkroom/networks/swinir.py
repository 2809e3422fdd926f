"""SwinIR: Image Restoration Using Swin Transformer (Liang, Cao, Sun, Zhang, Van Gool, Timofte 2021)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.layers.padding import pad_to_multiple
from darkroom.networks.swin_blocks import ResidualGroup, WindowAttention, as_image
from darkroom.networks.swin_windows import window_order

Head = Literal["denoising", "classical", "lightweight"]

RGB_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean colour of DIV2K, subtracted from colour images."""

_FEATURES = 64
"""Features of the classical head, between body and pixel shuffle."""


class SwinIR(RestorationNetwork):
    """A convolution, groups of transformer layers with attention in windows, a convolution, and a head for the task.

    The windows of every other layer are shifted by half a window. With F₀ = conv(x):

        F_i = conv(STL_L(… STL_1(F_{i−1}))) + F_{i−1}                   a residual group
        z ← z + MSA(LN(z)),   z ← z + MLP(LN(z))                        a layer, in windows of 8×8
        attention(Q, K, V) = softmax(QKᵀ/√d + B) V,  B by relative position

    Parameters have the names of the public checkpoints. Images of any size are padded to whole windows by reflection (by
    replication where they are too small for that). Tokens stay in window order throughout a group; see `swin_windows`.

    Args:
        channels: 1 for grey, 3 for RGB.
        head: "denoising" (x plus a convolution of the features), "classical" or "lightweight" super-resolution.
        scale: how many times the sides grow; 1 for denoising, 2, 3, 4 or 8 for "classical".
        width: features; 180 in the paper, 60 for lightweight super-resolution.
        depths: layers of each group; 6 in each of 6 groups, of 4 groups for lightweight super-resolution.
        heads: of the attention.
        window_size: side of a window in pixels; 7 in the public networks for JPEG artifacts.
        mlp_ratio: features of the MLP over `width`.
        value_range: images are multiplied by it before the first convolution and divided after the last; 255 for JPEG artifacts.

    Raises:
        DarkroomError: `width` is not a multiple of `heads`, or the head does not have this scale.

    Source: Liang et al. 2021, sections 3.1–3.2; Liu et al. 2021 (Swin).

    Example:
        >>> network = SwinIR(channels=1, width=8, depths=(2,), heads=2)
        >>> network(torch.rand(1, 1, 20, 30)).shape
        torch.Size([1, 1, 20, 30])
    """

    def __init__(
        self,
        channels: int = 3,
        head: Head = "denoising",
        scale: int = 1,
        *,
        width: int = 180,
        depths: Sequence[int] = (6,) * 6,
        heads: int = 6,
        window_size: int = 8,
        mlp_ratio: float = 2.0,
        value_range: float = 1.0,
    ) -> None:
        super().__init__()
        if width % heads:
            raise DarkroomError(f"--width must be a multiple of --heads, given {width} features and {heads} heads")
        if (head == "denoising") != (scale == 1) or (head == "classical" and scale not in (2, 3, 4, 8)):
            raise DarkroomError(f"SwinIR's {head} head does not upscale by {scale}")
        self.channels, self.head, self.scale, self.grid = channels, head, scale, window_size
        self.value_range = value_range
        # Receptive field: one window for every layer, shifted or not, and one pixel for every 3x3 convolution.
        self.halo = sum(depths) * window_size + len(depths) + 4
        self.conv_first = nn.Conv2d(channels, width, 3, padding=1)
        self.patch_embed = nn.ModuleDict({"norm": nn.LayerNorm(width)})
        self.layers = nn.ModuleList(ResidualGroup(width, depth, heads, window_size, mlp_ratio) for depth in depths)
        self.norm = nn.LayerNorm(width)
        self.conv_after_body = nn.Conv2d(width, width, 3, padding=1)
        if head == "classical":
            self.conv_before_upsample = nn.Sequential(nn.Conv2d(width, _FEATURES, 3, padding=1), nn.LeakyReLU(inplace=True))
            self.upsample = nn.Sequential(*_pixel_shuffles(scale))
        if head == "lightweight":
            self.upsample = nn.Sequential(nn.Conv2d(width, channels * scale**2, 3, padding=1), nn.PixelShuffle(scale))
        else:
            self.conv_last = nn.Conv2d(_FEATURES if head == "classical" else width, channels, 3, padding=1)
        mean = RGB_MEAN if channels == 3 else (0.0,) * channels
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.mean: Tensor

    def initialise(self, generator: torch.Generator) -> "SwinIR":
        """Draw the weights; returns the network.

        Linear layers and position biases: normal with standard deviation 0.02, truncated at ±2. Convolutions: uniform in
        ±1/√(fan in). A denoiser's last convolution starts at zero, so that training starts from x̂ = x.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02, generator=generator)
                nn.init.zeros_(module.bias)
            elif isinstance(module, WindowAttention):
                nn.init.trunc_normal_(module.relative_position_bias_table, std=0.02, generator=generator)
            elif isinstance(module, nn.Conv2d):
                bound = module.weight[0].numel() ** -0.5
                nn.init.uniform_(module.weight, -bound, bound, generator=generator)
                if module.bias is not None:
                    nn.init.uniform_(module.bias, -bound, bound, generator=generator)
        if self.head == "denoising":
            nn.init.zeros_(self.conv_last.weight)
            nn.init.zeros_(self.conv_last.bias)  # type: ignore[arg-type]
        return self

    def forward(
        self, image: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel out_height out_width"]:
        """Restore `image` in [0, 1]; the output is not clipped.

        Raises:
            DarkroomError: the number of channels is not the network's.
        """
        if image.shape[1] != self.channels:
            raise DarkroomError(f"this SwinIR takes {self.channels} channel(s), the image has {image.shape[1]}")
        height, width = image.shape[-2:]
        mean = self.mean.view(-1, 1, 1)
        x = (pad_to_multiple(image, self.grid) - mean) * self.value_range
        shallow = self.conv_first(x.contiguous(memory_format=torch.channels_last))
        features = self.conv_after_body(self._body(shallow)) + shallow
        if self.head == "denoising":
            output = x + self.conv_last(features)
        elif self.head == "classical":
            output = self.conv_last(self.upsample(self.conv_before_upsample(features)))
        else:
            output = self.upsample(features)
        output = output / self.value_range + mean
        return output[..., : height * self.scale, : width * self.scale]

    def _body(self, x: Tensor) -> Tensor:
        batch, width, rows, columns = x.shape
        order = window_order(batch, rows, columns, self.grid, str(x.device))
        tokens = self.patch_embed["norm"](x.permute(0, 2, 3, 1).reshape(-1, width))
        for group in self.layers:
            tokens = group(tokens, order, (batch, rows, columns))
        return as_image(self.norm(tokens), (batch, rows, columns))

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "SwinIR | None":
        """Build the network of a public SwinIR checkpoint; None if it is of another network, or has another head."""
        options = _options(state)
        if options is None:
            return None
        network = cls(**options)
        derived = ("relative_position_index", "attn_mask")  # in public checkpoints, but computed from sizes here
        found = {name: tensor for name, tensor in state.items() if not name.endswith(derived) and name != "mean"}
        expected = network.state_dict()
        if expected.keys() != found.keys() or any(expected[name].shape != tensor.shape for name, tensor in found.items()):
            return None
        network.load_state_dict(found)
        return network


def _options(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """SwinIR's arguments by the shapes of a public checkpoint's tensors; None if it is of another network."""
    table = state.get("layers.0.residual_group.blocks.0.attn.relative_position_bias_table")
    if table is None or "conv_first.weight" not in state or "conv_up1.weight" in state:
        return None
    if any(name.startswith("absolute_pos_embed") for name in state) or "conv_after_body.weight" not in state:
        return None
    width, channels = state["conv_first.weight"].shape[:2]
    window_size = (math.isqrt(len(table)) + 1) // 2
    head: Head = "denoising"
    scale = 1
    if "conv_before_upsample.0.weight" in state:
        head = "classical"
        stages = [tensor for name, tensor in state.items() if name.startswith("upsample.") and name.endswith("weight")]
        scale = math.prod(math.isqrt(len(stage) // _FEATURES) for stage in stages)
    elif "upsample.0.weight" in state:
        head, scale = "lightweight", math.isqrt(len(state["upsample.0.weight"]) // channels)
    hidden = len(state["layers.0.residual_group.blocks.0.mlp.fc1.weight"])
    return dict(
        channels=channels,
        head=head,
        scale=scale,
        width=width,
        depths=_depths(state),
        heads=table.shape[1],
        window_size=window_size,
        mlp_ratio=hidden / width,
        value_range=255.0 if window_size == 7 else 1.0,
    )


def _depths(state: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Number of layers of each group."""
    counts: dict[int, int] = {}
    for name in state:
        parts = name.split(".")
        if parts[0] == "layers" and parts[2:4] == ["residual_group", "blocks"]:
            counts[int(parts[1])] = max(counts.get(int(parts[1]), 0), int(parts[4]) + 1)
    return tuple(counts[group] for group in sorted(counts))


def _pixel_shuffles(scale: int) -> list[nn.Module]:
    """Sub-pixel convolutions: one of ×3, or as many of ×2 as the scale has factors of two."""
    stages = [3] if scale == 3 else [2] * (scale.bit_length() - 1)
    return [module for s in stages for module in (nn.Conv2d(_FEATURES, _FEATURES * s**2, 3, padding=1), nn.PixelShuffle(s))]
