"""Colours of numbers from 0 to 1: matplotlib's viridis and inferno (Smith, van der Walt, Firing 2015, CC0)."""

from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

_VIRIDIS = (
    "44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a3a538b38598c355e8d33638d31688e2e6d8e2c718e"
    "2a768e297b8e27808e25848e23898e218e8d20928c1f978b1e9c891fa18821a58524aa8328ae802eb37c35b7793dbc7446c06f50c46a5ac86465cb5e"
    "70cf577cd25089d54895d840a2da37b0dd2fbddf26cae11fd8e219e5e419f1e51dfde725"
)
_INFERNO = (
    "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c59106e61136e69166e71196e781c6d801f6c88226a"
    "902568982766a02a63a82e5fb0315bb73557bf3952c63d4dcc4248d34743d94d3ddf5337e45a31e9612bed6925f1711ff47918f78212f98b0bfa9407"
    "fb9d07fca60cfcb014fbba1ffac42af8cd37f6d746f4e156f2ea69f2f27df5f992fcffa4"
)


@lru_cache(maxsize=2)
def _table(name: Literal["viridis", "inferno"]) -> Float[Tensor, "256 3"]:
    """RGB in [0, 1]; every fifth colour is given, the others are between."""
    given = torch.tensor(list(bytes.fromhex(_VIRIDIS if name == "viridis" else _INFERNO))).view(1, -1, 3) / 255
    return torch.nn.functional.interpolate(given.mT, 256, mode="linear", align_corners=True)[0].T.contiguous()


def colours_of(numbers: Float[Tensor, "height width"], name: Literal["viridis", "inferno"]) -> Float[Tensor, "3 height width"]:
    """An image of numbers in [0, 1]: 0 is the darkest colour.

    Example:
        >>> colours_of(torch.tensor([[0.0, 1.0]]), "inferno")[:, 0, 1].mul(255).round().tolist()
        [252.0, 255.0, 164.0]
    """
    return _table(name)[(numbers.cpu() * 255).long()].permute(2, 0, 1).contiguous()
