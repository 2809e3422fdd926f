"""Networks in int8 on a CPU, run by ONNX Runtime: prepared once for each network, kept in the cache, used where they are faster."""

import fcntl
import hashlib
import importlib.util
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch

import darkroom
from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.core.files import read_json, write_json
from darkroom.core.network import RestorationNetwork
from darkroom.core.paths import cache_root
from darkroom.core.typed_json import from_json
from darkroom.engine.devices import cpu_name
from darkroom.engine.export import export
from darkroom.engine.precision import CLEARLY_FASTER, Precision
from darkroom.engine.quantise import TOLERANCE_DB
from darkroom.engine.restorer import Restorer
from darkroom.networks.onnx_network import OnnxNetwork


@dataclass(frozen=True)
class Prepared:
    """What was measured when a network was prepared.

    Args:
        loss: how far the PSNR falls on noisy photographs, in dB; at most 0 if it does not.
        gain: time in PyTorch in float32 over time in int8.
    """

    loss: float
    gain: float


def for_precision(network: RestorationNetwork, precision: Precision, device: torch.device) -> RestorationNetwork:
    """The network, or its int8 form: where int8 is asked for, and under "auto" where it was prepared before and is clearly faster.

    Raises:
        DarkroomError: int8 is asked for, and not possible: on a GPU, without onnxruntime, or for a network that cannot be exported or loses
            `quantise.TOLERANCE_DB` or more.
    """
    if isinstance(network, OnnxNetwork) or (precision != "int8" and (precision != "auto" or device.type != "cpu")):
        return network
    if precision == "int8" and device.type != "cpu":
        raise DarkroomError("--precision int8 is for CPUs: give --accelerator cpu, or another precision")
    if not all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime", "onnxscript")):
        if precision == "auto":
            return network
        raise DarkroomError(f"--precision int8 is computed by ONNX Runtime, which is not installed: {install('export')}")
    file = _file(network)
    found = prepare(network) if precision == "int8" else _read(file)
    if found is None or (precision == "auto" and found.gain < CLEARLY_FASTER):
        return network
    prepared = OnnxNetwork(file)
    prepared.arithmetic = f"int8 (PSNR {'fell' if found.loss > 0 else 'rose'} by {abs(found.loss):.3f} dB in the check)"
    return prepared


def prepare(network: RestorationNetwork) -> Prepared:
    """Export a network in int8 to the cache and measure it, unless that was done before on this kind of CPU; several seconds.

    Raises:
        DarkroomError: the network cannot be exported, or loses `quantise.TOLERANCE_DB` or more of the PSNR.
    """
    file = _file(network)
    with _alone(file):
        if found := _read(file):
            return found
        loss = export(network, file, "int8").loss
        if loss >= TOLERANCE_DB:
            file.unlink()
            raise DarkroomError(
                f"in int8 this network loses {loss:.2f} dB on noisy photographs, {TOLERANCE_DB} are allowed: use --precision auto"
            )
        gain = _gain(Restorer(network, precision="32"), Restorer(OnnxNetwork(file)), network.channels)
        found = Prepared(round(loss, 4), round(gain, 2))
        write_json(file.with_suffix(".json"), asdict(found))
    return found


def _read(file: Path) -> Prepared | None:
    """What was measured before; None if nothing was, or if its record is damaged: then it is measured again."""
    record = file.with_suffix(".json")
    try:
        return from_json(Prepared, read_json(record), record) if record.is_file() and file.is_file() else None
    except DarkroomError:
        return None


def _gain(plain: Restorer, prepared: Restorer, channels: int) -> float:
    """The ratio of the least of several alternating times on an image of 160 pixels a side."""
    image = torch.full((channels, 160, 160), 0.5)

    def seconds(restorer: Restorer) -> float:
        begun = time.perf_counter()
        restorer(image, sigma=25.0)
        return time.perf_counter() - begun

    _, *measured = [(seconds(plain), seconds(prepared)) for _ in range(4)]
    return min(first for first, _ in measured) / min(second for _, second in measured)


def _file(network: RestorationNetwork) -> Path:
    """In the cache, by what the result and its speed depend on: weights, code, runtime and CPU."""
    made = hashlib.sha256(repr((type(network).__qualname__, darkroom.__version__, version("onnxruntime"), cpu_name())).encode())
    for name, tensor in network.state_dict().items():
        made.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        made.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return cache_root() / "int8" / f"{made.hexdigest()[:24]}.onnx"


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Other processes that prepare the same network wait."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
