"""SwinIR against the authors' implementation (spandrel's copy) with the same weights: time, memory, outputs; colour, 256x256."""

import importlib
import subprocess
import sys
from functools import partial
from pathlib import Path

import torch
from torch import nn

from benchmarks.side_by_side import alternate, show
from darkroom.networks.swinir import SwinIR

THEIRS = "the authors' implementation, float32"


def main() -> None:
    theirs, ours = networks()
    image = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ways = {
            THEIRS: partial(theirs, image),
            "ours, float32": partial(ours, image),
            "ours, bfloat16": partial(in_bfloat16, ours, image),
        }
        show(f"256x256, {torch.get_num_threads()} threads", alternate(ways, rounds=2), against=THEIRS)
        expected = theirs(image)
        for name, way in (("float32", ours), ("bfloat16", partial(in_bfloat16, ours))):
            print(
                f"  largest difference in {name}: {(way(image) - expected).abs().max():.1e}, of values up to {expected.abs().max():.1f}"
            )
    print("\npeak memory of one image, above that of the process before")
    grown = {which: int(_in_a_new_process(which)) for which in ("theirs", "float32", "bfloat16")}
    for which, kilobytes in grown.items():
        print(f"  {which:44s} {kilobytes / 1024:10.0f} MiB   {kilobytes / grown['theirs']:6.2f} x")


def networks() -> tuple[nn.Module, nn.Module]:
    """The full denoiser, theirs and ours with the same random weights; position biases as large as trained ones."""
    module = importlib.import_module("spandrel.architectures.SwinIR.__arch.SwinIR")
    torch.manual_seed(0)
    theirs = module.SwinIR(
        upscale=1,
        in_chans=3,
        img_size=128,
        window_size=8,
        img_range=1.0,
        depths=[6] * 6,
        embed_dim=180,
        num_heads=[6] * 6,
        mlp_ratio=2,
        upsampler="",
        resi_connection="1conv",
    ).eval()
    for name, parameter in theirs.named_parameters():
        if "table" in name:
            nn.init.normal_(parameter, std=0.3)
    ours = SwinIR.from_state_dict(theirs.state_dict())
    assert ours is not None
    return theirs, ours.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def in_bfloat16(network: nn.Module, image: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return network(image).float()


def _in_a_new_process(which: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", f"from benchmarks.swinir_speed import grown; grown({which!r})"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def grown(which: str) -> None:
    """Print the peak growth of the process over one image, in KiB (Linux)."""
    theirs, ours = networks()
    with torch.inference_mode():
        way = {"theirs": theirs, "float32": ours, "bfloat16": partial(in_bfloat16, ours)}[which]
        way(torch.rand(1, 3, 16, 16))
        Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
        before = _high_water()
        way(torch.rand(1, 3, 256, 256))
    print(_high_water() - before)


def _high_water() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


if __name__ == "__main__":
    main()
