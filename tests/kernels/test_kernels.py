"""Triton's kernels, in processes of their own: interpreted on the CPU (or on a GPU, where there is one), and compiled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from darkroom.layers import kernels

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]

pytestmark = pytest.mark.skipif(not kernels.installed(), reason="Triton is not installed")


def run(*command: str, **environment: str) -> str:
    """What a command prints; it has to succeed."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=900
    )
    assert not done.returncode, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def test_kernels_compute_what_the_reference_computes():
    interpreted = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    assert "[100%]" in run("-m", "pytest", "-q", "-x", "--noconftest", str(FOLDER / "cases.py"), **interpreted)


def test_kernels_compile_for_a_gpu():
    """To machine code of a Hopper GPU, without one; the scattering of gradients has to use vectors of four."""
    printed = run(str(FOLDER / "compiled.py"))
    assert "_scatter atom.global.gpu.relaxed.add.v4.f32" in printed
    assert {line.split()[0] for line in printed.splitlines()} >= {
        "_gather", "_scatter", "_forward", "_backward", "_march", "_composite", "_composite_backward", "_update",
    }  # fmt: skip


def test_without_triton_the_reference_runs():
    program = (
        "import sys; sys.modules['triton'] = None\n"
        "import torch\n"
        "from darkroom.recipes import lookup\n"
        "from darkroom.layers import kernels\n"
        "assert not kernels.usable(torch.zeros(1))\n"
        "print(lookup.build('instant_ngp', lookup.row('instant_ngp', 'laptop')).method.tables(torch.zeros(2, 3), torch.eye(3)[:2])[1].shape)"
    )
    assert "[2, 3]" in run("-c", program, DARKROOM_KERNELS="0")
