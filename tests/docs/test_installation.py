"""What messages and documents tell people to install is ours, or the dependency's own name."""

import re
from pathlib import Path

import darkroom

ROOT = Path(__file__).parents[2]


def test_no_message_names_another_projects_package():
    """The name darkroom on the package index is not ours."""
    places = [*Path(darkroom.__file__).parent.rglob("*.py"), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    said = [(path.name, command) for path in places for command in re.findall(r"pip install ([^`\"\n]*)", path.read_text())]
    assert said
    for name, command in said:
        package = command.split()[0].strip("'")
        assert package.startswith((".", "-", "{")) or "darkroom" not in package.replace("darkroom-imaging", ""), (name, command)


def test_extras_that_messages_name_exist():
    extras = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1], re.M)
    sources = Path(darkroom.__file__).parent.rglob("*.py")
    named = {extra for path in sources for extra in re.findall(r"\binstall\(['\"](\w+)['\"]\)", path.read_text())}
    assert {"view", "sfm"} <= named <= set(extras)
