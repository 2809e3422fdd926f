"""An environment with what `pip install .` brings, and nothing else."""

import importlib.metadata
import re
import sysconfig
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = (ROOT / "pyproject.toml").read_text()


def dependencies() -> list[str]:
    """The requirements of the package without extras."""
    return re.findall(r'"(.+?)"', re.search(r"^dependencies = \[\n(.*?)^\]", PROJECT, re.M | re.S)[1])


def link_dependencies(folder: Path) -> None:
    """Link into a folder what these requirements, and theirs in turn, have installed here."""
    installed, waiting, seen = Path(sysconfig.get_path("purelib")), dependencies(), set()
    folder.mkdir(parents=True, exist_ok=True)
    while waiting:
        requirement = Requirement(waiting.pop())
        extras = ["", *requirement.extras]
        wanted = requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras)
        if not wanted or requirement.name in seen:
            continue
        seen.add(requirement.name)
        found = importlib.metadata.distribution(requirement.name)
        for name in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (folder / name).exists():
                (folder / name).symlink_to(installed / name)
        needed = [Requirement(line) for line in found.requires or ()]
        waiting += [
            str(one).partition(";")[0]
            for one in needed
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
        ]
