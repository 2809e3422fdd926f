"""Spatially varying blur with 25 kernels of 33×33: forward and adjoint against plain loops, and Richardson–Lucy at 1 megapixel."""

import torch
from torch.nn.functional import conv2d, pad

from benchmarks.side_by_side import alternate, show
from darkroom.core.randomness import generator
from darkroom.operators.kernel_field import KernelField
from darkroom.operators.varying_blur import VaryingBlur
from darkroom.solvers.richardson_lucy import richardson_lucy

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def random_field(side: int, height: int, width: int, basis: int = 25) -> KernelField:
    random = generator(0, "field", side)
    kernels = torch.rand(basis, side, side, generator=random) ** 8
    masks = torch.nn.functional.interpolate(torch.randn(1, basis, 6, 6, generator=random), (height, width), mode="bicubic")[0]
    return KernelField((kernels / kernels.sum((1, 2), keepdim=True)).to(DEVICE), masks.mul(4).softmax(0).to(DEVICE))


def loop(field: KernelField, x: torch.Tensor) -> torch.Tensor:
    """One convolution after the other."""
    side = field.kernels.shape[-1]
    padded, y = pad(x[None], [side // 2] * 4, mode="reflect")[0][:, None], 0
    for kernel, mask in zip(*field, strict=True):
        y = y + mask * conv2d(padded, kernel.flip(0, 1)[None, None])[:, 0]
    return y


def loop_adjoint(field: KernelField, y: torch.Tensor) -> torch.Tensor:
    """One correlation after the other (the border's reflection is left out)."""
    side, x = field.kernels.shape[-1], 0
    for kernel, mask in zip(*field, strict=True):
        x = x + conv2d((mask * y)[:, None], kernel[None, None], padding=side // 2)[:, 0]
    return x


def finished(result: torch.Tensor) -> torch.Tensor:
    """Wait for the device."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return result


def main() -> None:
    where = torch.cuda.get_device_name() if DEVICE.type == "cuda" else f"{torch.get_num_threads()} threads"
    for side, pixels in ((5, 256), (9, 256), (13, 256), (33, 256)):
        field = random_field(side, pixels, pixels)
        x = torch.rand(3, pixels, pixels, device=DEVICE)
        blurs = {name: VaryingBlur(field, algorithm=name) for name in ("direct", "fourier")}
        for what, by_loop in (("forward", loop), ("adjoint", loop_adjoint)):
            if side == 33 and what == "adjoint" and DEVICE.type == "cpu":
                blurs.pop("direct", None)
            ways = {"a loop over the kernels": lambda by_loop=by_loop, field=field, x=x: finished(by_loop(field, x))}
            for name, blur in blurs.items():
                call = blur if what == "forward" else blur.adjoint
                ways[f"VaryingBlur, {name}"] = lambda call=call, x=x: finished(call(x))
            title = f"{what}, 25 kernels of {side}x{side}, colour {pixels}x{pixels}, {where}"
            show(title, alternate(ways, rounds=3), against="a loop over the kernels")
    _richardson_lucy(where)


def _richardson_lucy(where: str) -> None:
    """Iterations by plain loops and by the solver at a quarter of a megapixel; the solver's at one megapixel."""
    for pixels in (500, 1000):
        field, y = random_field(33, pixels, pixels), torch.rand(3, pixels, pixels, device=DEVICE)
        blur = VaryingBlur(field)
        plain, saturated = (
            iter(richardson_lucy(blur, y, start=y, steps=1000, saturation=saturation)) for saturation in (False, True)
        )
        ways = {
            "richardson_lucy": lambda plain=plain: finished(next(plain).u),
            "richardson_lucy with saturation": lambda saturated=saturated: finished(next(saturated).u),
        }
        if pixels == 500:
            ways["loops"] = lambda field=field, y=y: finished(y * loop_adjoint(field, y / loop(field, y).clamp(min=1e-6)))
        title = f"an iteration of Richardson-Lucy, 25 kernels of 33x33, colour {pixels}x{pixels}, {where}"
        show(title, alternate(ways, rounds=2), against="richardson_lucy")


if __name__ == "__main__":
    main()
