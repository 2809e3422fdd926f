"""What is printed without importing torch, and without the seconds that this takes."""

import json
import subprocess
import sys
from pathlib import Path

WITHOUT_TORCH = [
    ["--help"],
    ["--version"],
    ["list"],
    ["list", "--help"],
    ["data", "list"],
    *([*words.split(), "--help"] for words in ("data", "data list", "data get", "data check", "data poses")),
    *([*words.split(), "--help"] for words in ("data make", "data make scene", "data make noisy-pairs")),
    *([*words.split(), "--help"] for words in ("train", "train dncnn", "apply", "evaluate", "report", "view", "demo")),
]
REFUSED_WITHOUT_TORCH = [
    ["lst"],
    ["train"],
    ["train", "dncn", "laptop"],
    ["train", "dncnn", "s26"],
    ["apply", "nothing.jpg", "-o", "x.png", "--weights", "dncnn/laptop"],
    ["apply", "--sigma", "-1", "here.jpg", "-o", "x.png", "--weights", "dncnn/laptop"],
    ["apply", "here.jpg", "-o", "x.png", "--weights", "dncnn/laptop"],
    ["evaluate"],
    ["evaluate", "dncnn/laptop"],
    ["evaluate", "nothing.pth", "--test-sigmas", "x"],
    ["report", "nothing"],
    ["view", "nothing"],
    ["data", "get", "imagenet"],
]

PROGRAM = """
import contextlib, io, json, sys
from darkroom.cli.main import main

found = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["darkroom", *words]
    code = 0
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code or 0
    found.append([words, code, "torch" in sys.modules])
print(json.dumps(found))
"""


def test_help_lists_and_refusals_import_no_torch(tmp_path: Path):
    (tmp_path / "here.jpg").touch()
    commands = json.dumps(WITHOUT_TORCH + REFUSED_WITHOUT_TORCH)
    done = subprocess.run([sys.executable, "-c", PROGRAM, commands], cwd=tmp_path, capture_output=True, text=True, check=True)
    expected = [[words, 0, False] for words in WITHOUT_TORCH] + [[words, 2, False] for words in REFUSED_WITHOUT_TORCH]
    assert json.loads(done.stdout) == expected
