import json
import subprocess
import sys

import pytest

import darkroom


def imported(code: str) -> dict[str, list[str]]:
    """Which heavy libraries are imported after some code has run."""
    report = "import sys, json; print(json.dumps(sorted({'torch', 'numpy', 'lightning_fabric', 'PIL'} & set(sys.modules))))"
    return json.loads(
        subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True).stdout
    )


def test_importing_the_package_imports_no_heavy_library():
    assert imported("import darkroom; dir(darkroom); darkroom.__version__; darkroom.RunOptions()") == []
    assert "torch" in imported("import darkroom; darkroom.restore")


def test_the_command_line_starts_without_torch():
    run = "import sys; from darkroom.cli.main import main; sys.argv = ['darkroom', *{words}]\nimport contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main()"
    for words in (
        ["--help"],
        ["apply", "--help"],
        ["evaluate", "--help"],
        ["data", "get", "--help"],
        ["data", "list"],
        ["demo", "--help"],
    ):
        assert imported(run.replace("{words}", repr(words))) == [], words


def test_the_names_are_those_of_the_workflows():
    from darkroom.workflows.evaluate import evaluate
    from darkroom.workflows.restore import load, restore, restore_files
    from darkroom.workflows.train import train

    assert (darkroom.load, darkroom.restore, darkroom.restore_files) == (load, restore, restore_files)
    assert (darkroom.train, darkroom.evaluate) == (train, evaluate)
    assert set(darkroom.__all__) == set(dir(darkroom))
    for name in darkroom.__all__:
        assert getattr(darkroom, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'enlarge'"):
        _ = darkroom.enlarge
