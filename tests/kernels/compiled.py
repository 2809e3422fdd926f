"""Compiles every kernel for a Hopper GPU, as its wrapper would launch it, and prints the kernel's name and its atomics."""

import re

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction

from darkroom.layers import kernels
from darkroom.layers.contraction import Domain
from darkroom.layers.hash_encoding import HashEncoding
from darkroom.layers.perceptron import Perceptron
from darkroom.radiance.cameras import Rays
from darkroom.radiance.masked_adam import MaskedAdam
from darkroom.radiance.triton_compositing import Composite
from darkroom.radiance.triton_marching import march_into

TARGET = GPUTarget("cuda", 90, 32)
TYPES = {torch.float32: "*fp32", torch.int32: "*i32", torch.int64: "*i64", torch.uint8: "*u8"}


def compiled(kernel: JITFunction, *arguments: object, grid: object, warmup: bool, **constants: object) -> None:
    """In place of a launch: compile for the types of the arguments, tensors lying at multiples of 16 bytes."""
    names = kernel.arg_names
    given = {**dict(zip(names, arguments, strict=False)), **constants}
    signature, aligned = {}, {}
    for number, name in enumerate(names):
        value = given[name]
        if name in constants:
            signature[name] = "constexpr"
        elif isinstance(value, torch.Tensor):
            signature[name], aligned[(number,)] = TYPES[value.dtype], [["tt.divisibility", 16]]
        else:
            signature[name] = "fp32" if isinstance(value, float) else "i32"
    source = triton.compiler.ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=aligned)
    code = triton.compile(source, target=TARGET).asm["ptx"]
    print(kernel.__name__, *sorted(set(re.findall(r"\b(?:atom|red)\.global[.\w]*", code))))


def main() -> None:
    JITFunction.run = compiled
    kernels.INTERPRETED = True  # so that tensors of the CPU are taken
    encoding = HashEncoding(4, 4, 8, 4, 40)
    encoding(torch.rand(9, 3)).sum().backward()
    for hidden in (1, 2):
        with torch.autocast("cpu", torch.bfloat16):
            Perceptron(32, 64, 3, hidden)(torch.rand(9, 32)).sum().backward()
    thickness = torch.rand(9, requires_grad=True)
    Composite.apply(thickness, torch.rand(9, 3), torch.rand(9), torch.tensor([0, 4, 9]))[1].sum().backward()
    rays = Rays(*torch.rand(3, 5, 3))
    for unbounded, cone in ((False, 0.0), (False, 0.1), (True, 0.1)):
        domain = Domain(torch.zeros(3), torch.ones(3), unbounded=unbounded)
        march_into(rays, torch.zeros(5), torch.ones(5), 0.1, capacity=9, domain=domain, mask=torch.ones(4, 4, 4) > 0, cone=cone)
    table = torch.nn.Parameter(torch.zeros(9, 4))
    table.grad = torch.ones(9, 4)
    MaskedAdam([table]).step()


if __name__ == "__main__":
    main()
