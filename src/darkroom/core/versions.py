"""Versions of Darkroom and of the libraries that change numbers."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

import darkroom

_LIBRARIES = ("torch", "torchvision", "lightning-fabric", "torchmetrics", "scikit-image", "numpy")


def versions() -> dict[str, str]:
    """Versions of Darkroom (with the commit, in a checkout), Python, the platform and the libraries that change numbers."""
    found = {"darkroom": code_version(), "python": platform.python_version(), "platform": platform.platform()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def code_version() -> str:
    """The package's version; in a git checkout of Darkroom also the commit, with `+` if tracked files were changed."""
    root = Path(darkroom.__file__).parents[2]
    if not (root / ".git").exists():
        return darkroom.__version__

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit, changed = git("rev-parse", "--short", "HEAD"), git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return darkroom.__version__
    return f"{darkroom.__version__} ({commit}{'+' if changed else ''})"
