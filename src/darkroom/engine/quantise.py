"""Convolutions of an ONNX file in int8, with ranges measured on photographs, as far as the network's result allows."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from darkroom.core.images import to_float
from darkroom.core.network import RestorationNetwork
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.precision import psnr_loss
from darkroom.engine.restorer import Restorer
from darkroom.networks.onnx_network import OnnxNetwork, write_properties
from darkroom.operators.noise import Gaussian

TOLERANCE_DB = 0.05
"""int8 may lose less than this of the PSNR on noisy photographs."""

CALIBRATION_SIGMAS = (5.0, 15.0, 25.0, 50.0)
"""Noise levels (0–255 scale) of the images that the ranges are measured on."""

MOST_IN_FLOAT = 5
"""Layers at each end of a network that may be left in float32."""

LAYERS = ("Conv", "MatMul", "Gemm")


def quantise(network: RestorationNetwork, file: Path, properties: dict[str, Any]) -> float:
    """Replace a float32 ONNX file by one whose convolutions are in int8: weights per output channel, activations per tensor.

    The first and the last layer, which set the precision of the result, stay in float32; and so do the next ones from both ends, until
    the PSNR falls by less than `TOLERANCE_DB` or `MOST_IN_FLOAT` are left out on each side. Ranges of activations are the mean over images
    of their extremes: those of the single most extreme image cost up to ten times the precision.

    Args:
        network: of the file, in float32.
        file: is read, and replaced.
        properties: see `onnx_network.write_properties`.

    Returns:
        How far the PSNR falls, see `psnr_loss`.
    """
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared, reference = file.with_name("prepared.onnx"), Restorer(network, precision="32")
    quant_pre_process(str(file), str(prepared), skip_symbolic_shape=True)
    layers = [node.name for node in onnx.load(str(prepared)).graph.node if node.op_type in LAYERS]
    loss = math.inf
    for outer in range(1, min(MOST_IN_FLOAT, max(1, len(layers) // 2 - 1)) + 1):
        _write(network, prepared, file, [*layers[:outer], *layers[-outer:]])
        write_properties(file, properties)
        loss = psnr_loss(reference, Restorer(OnnxNetwork(file)), network.channels, network.scale)
        if loss < TOLERANCE_DB:
            break
    return loss


def _write(network: RestorationNetwork, source: Path, file: Path, in_float: list[str]) -> None:
    from onnxruntime import quantization

    quantization.quantize_static(
        str(source),
        str(file),
        _Calibration(network),
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=list(LAYERS),
        nodes_to_exclude=in_float,
        extra_options={"CalibMovingAverage": True},
    )


class _Calibration:
    """Inputs on which the ranges of activations are measured, as onnxruntime reads them."""

    def __init__(self, network: RestorationNetwork) -> None:
        side = -(-96 // network.grid) * network.grid
        self._inputs = iter(list(_calibration_inputs(network, side)))

    def get_next(self) -> dict[str, Any] | None:
        return next(self._inputs, None)


def _calibration_inputs(network: RestorationNetwork, side: int) -> Iterator[dict[str, Any]]:
    images = embedded("train", grey=network.channels == 1)
    for index in range(len(images)):
        crop = to_float(images[index][:, 40 : 40 + side * network.scale, 60 : 60 + side * network.scale])
        if crop.shape[-1] < side * network.scale or crop.shape[-2] < side * network.scale:
            continue
        sigma = CALIBRATION_SIGMAS[index % len(CALIBRATION_SIGMAS)]
        small = nn.functional.avg_pool2d(crop, network.scale) if network.scale > 1 else crop
        image = Gaussian(sigma)(small, generator("calibration", index))[0] if network.scale == 1 else small
        given = {"image": image[None].numpy()}
        if network.noise_conditional:
            given["sigma"] = torch.tensor([sigma / 255]).numpy()
        yield given
