"""A file imports only from lower floors, or from its own folder."""

import ast
from pathlib import Path

import darkroom

FLOORS = [
    {"core"},
    {"operators", "layers", "metrics", "scratch"},
    {"data", "networks", "solvers", "processes", "radiance"},
    {"methods", "engine", "evaluations"},
    {"recipes"},
    {"report", "apps", "workflows"},
    {"cli"},
]
FLOOR = {folder: number for number, folders in enumerate(FLOORS) for folder in folders}
ROOT = Path(darkroom.__file__).parent


def imported_folders(path: Path) -> set[str]:
    """The folders of this package that a file imports from, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module] if node.module != "darkroom" else [f"darkroom.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name and name.startswith("darkroom.")}
    return found


def test_every_import_goes_down_or_stays():
    files = [path for path in ROOT.rglob("*.py") if path.parent != ROOT]
    assert len(files) > 30
    for path in files:
        own = path.relative_to(ROOT).parts[0]
        for other in imported_folders(path):
            assert other == own or FLOOR[other] < FLOOR[own], f"{path.relative_to(ROOT)} may not import from {other}"


def test_the_check_can_fail(tmp_path: Path):
    (tmp_path / "x.py").write_text("def f():\n    from darkroom.cli import main\n    import darkroom.report.page\n")
    assert imported_folders(tmp_path / "x.py") == {"cli", "report"}
