"""A restoration network in an ONNX file, run by ONNX Runtime on the CPU."""

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.core.network import RestorationNetwork

if TYPE_CHECKING:
    import onnxruntime

KEY = "darkroom"
"""Of the entry in the file's metadata that holds a network's properties as JSON."""


ARITHMETIC = {"32": "float32 by ONNX Runtime", "16": "float16 by ONNX Runtime", "int8": "int8"}
"""What files of each precision compute in, in words."""


class OnnxNetwork(RestorationNetwork):
    """A network exported by `darkroom export`: called, tiled and evaluated like any other, without gradients.

    Its inputs are `image` (and `sigma`), its output is `restored`. ONNX Runtime uses as many threads as PyTorch has at the first call.

    Args:
        path: the file.

    Raises:
        DarkroomError: onnxruntime is not installed, or the file is not a network that `darkroom export` wrote.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        properties = _properties(_session(path, threads=1), path)
        self.channels, self.scale, self.grid = properties["channels"], properties["scale"], properties["grid"]
        self.halo, self.noise_conditional = properties["halo"], properties["noise_conditional"]
        self.bytes_per_pixel = properties["bytes_per_pixel"]
        self.arithmetic = ARITHMETIC.get(str(properties.get("precision")), "ONNX Runtime")
        self._run: Any = None

    def forward(self, image: Tensor, *condition: Tensor) -> Tensor:
        """Restore images, one after another."""
        if self._run is None:
            self._run = _session(self.path, torch.get_num_threads())
        restored = [
            self._one(image[index : index + 1], *(c[index : index + 1] for c in condition)) for index in range(len(image))
        ]
        return torch.cat(restored)

    def _one(self, image: Tensor, *condition: Tensor) -> Tensor:
        names = ("image", "sigma")
        given = {name: x.float().contiguous().cpu().numpy() for name, x in zip(names, (image, *condition), strict=False)}
        return torch.from_numpy(self._run.run(["restored"], given)[0])

    def __getstate__(self) -> dict[str, Any]:
        """Without the session, which is made anew: so that the network can be copied."""
        return {**self.__dict__, "_run": None}


def write_properties(path: Path, properties: dict[str, Any]) -> None:
    """Put a network's properties into the metadata of an ONNX file: the attributes of `OnnxNetwork`, and the precision."""
    import onnx

    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {KEY: json.dumps(properties)})
    onnx.save(model, str(path))


def _session(path: Path, threads: int) -> "onnxruntime.InferenceSession":
    if not importlib.util.find_spec("onnxruntime"):
        raise DarkroomError(f"{path} is an ONNX file, which onnxruntime runs: {install('export')}")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise DarkroomError(f"{path} cannot be read as an ONNX file: {line[:200]}") from error


def _properties(session: "onnxruntime.InferenceSession", path: Path) -> dict[str, Any]:
    """The properties of a `RestorationNetwork` in the file's metadata.

    Raises:
        DarkroomError: there are none, or they are not what `darkroom export` writes.
    """
    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    if text is None:
        names = ", ".join(entry.name for entry in session.get_inputs())
        raise DarkroomError(
            f"{path} (inputs: {names}) was not written by `darkroom export`, which records how a network is tiled"
        )
    kinds = {"channels": int, "scale": int, "grid": int, "halo": int, "noise_conditional": bool, "bytes_per_pixel": float}
    try:
        properties = json.loads(text)
        valid = all(type(properties[name]) is kind for name, kind in kinds.items())
    except (ValueError, KeyError, TypeError):
        valid = False
    if (
        not valid
        or min(properties[name] for name in ("scale", "grid", "bytes_per_pixel")) < 1
        or properties["channels"] not in (1, 3)
    ):
        raise DarkroomError(f"{path} has no valid properties of a network in its metadata: {text[:80]!r}")
    inputs = {"image", "sigma"} if properties["noise_conditional"] else {"image"}
    if {entry.name for entry in session.get_inputs()} != inputs:
        raise DarkroomError(
            f"{path} has the inputs {', '.join(e.name for e in session.get_inputs())}; expected {', '.join(inputs)}"
        )
    return properties  # type: ignore[no-any-return]
