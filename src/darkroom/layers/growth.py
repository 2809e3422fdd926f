"""Modules that grow: a state of any size fits them."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn


class Growing(nn.Module):
    """A module some of whose parameters and buffers take the size of the state that is loaded.

    So a checkpoint of a module that has grown goes on in one that was built small. Optimizers are built afterwards.
    """

    grows: ClassVar[tuple[str, ...]] = ()
    """Names of those that do."""

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name in self.grows:
            if prefix + name in state_dict:
                empty = torch.empty_like(state_dict[prefix + name])
                setattr(self, name, nn.Parameter(empty) if name in self._parameters else empty)
        super()._load_from_state_dict(state_dict, prefix, *rest)  # type: ignore[arg-type]
