"""Some 300 damaged or absurd inputs: each ends with a result or with one line, soon.

`DARKROOM_FUZZ=7 pytest tests/test_fuzz.py` tries others.
"""

import contextlib
import copy
import io
import json
import os
import random
import shutil
import signal
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.networks.dncnn import DnCNN
from darkroom.radiance import blender
from darkroom.recipes import trained
from darkroom.report import ledger, page
from darkroom.report.collect import rows_below
from darkroom.workflows.restore import make_restorer, restore_files
from tests.cli.conftest import run
from tests.report.runs import denoising_run
from tests.tiny import SETTINGS, flags, write_photos

SEED = int(os.environ.get("DARKROOM_FUZZ", "0"))

SECONDS = 20
"""Of this process; after so many, or six times as many by the clock, an input counts as a hang. All together take about as long."""


class Hang(BaseException):
    """Nothing of the program's may catch it."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nothing is but a few images and weights, without datasets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DARKROOM_DOWNLOAD", "0")
    write_photos(tmp_path / "photos")
    torch.save(weights(), tmp_path / "dncnn.pth")
    return tmp_path


def weights() -> dict[str, torch.Tensor]:
    """A small DnCNN's, as a public port saves it."""
    network = DnCNN(3, 4, 3, batch_norm=False)
    with torch.no_grad():
        network.layers[-1].weight.mul_(0.01)  # the output is nearly the input, hence an image
    return {f"model.{name.removeprefix('layers.')}": tensor for name, tensor in network.state_dict().items()}


class Counts:
    """What became of the inputs."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.wrong: list[str] = []

    def trial(self, words: object, action: Callable[[], str]) -> None:
        """Run one input; the action says how it ended."""
        begun = time.monotonic()
        with _limited():
            try:
                outcome = action()
            except DarkroomError as error:
                outcome = "refused" if str(error) and "\n" not in str(error) else "silent"
            except Hang:
                outcome = "hang"
            except BaseException as error:
                outcome = f"traceback {type(error).__name__}: {error}"[:300]
        kind = outcome.partition(" ")[0]
        self.found[kind] += 1
        if kind not in ("result", "refused", "named"):
            self.wrong.append(f"{str(words)[:300]}: {outcome} ({time.monotonic() - begun:.1f} s)")

    def check(self, least: int, *kinds: str) -> None:
        """All inputs were tried, each kind of good end occurred, and no other."""
        print(dict(self.found))
        assert not self.wrong, "\n".join(self.wrong)
        assert self.found.total() >= least and set(kinds) <= set(self.found), self.found


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hang

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, SECONDS), signal.SIGALRM: (signal.ITIMER_REAL, 6 * SECONDS)}
    before = {number: signal.signal(number, stop) for number in timers}
    for timer, seconds in timers.values():
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def damaged(content: bytes, dice: random.Random) -> bytes:
    """Bytes with some of them changed, cut off, repeated or inserted."""
    some, place = bytearray(content), dice.randrange(len(content))
    kind = dice.randrange(6)
    if kind == 0:
        return content[:place]
    if kind == 1:
        for _ in range(dice.choice((1, 3, 30))):
            some[dice.randrange(len(some))] ^= 1 << dice.randrange(8)
    if kind == 2:
        some[place : place + 4] = struct.pack(">I", dice.choice((0, 1, 2**16, 2**31, 2**32 - 1)))
    if kind == 3:
        some[place:place] = dice.randbytes(dice.choice((1, 100)))
    if kind == 4:
        some[place:] = bytes(len(some) - place)
    if kind == 5:
        del some[place : place + dice.choice((1, 50))]
    return bytes(some)


JUNK = (
    *("", "-1", "0", "1e999", "nan", "-inf", "1" * 400, "0x10", "1,2,,3", "½", "１", "1e-400", "True", "None", "[1]", "{}"),
    *(
        "--",
        "-",
        "-x",
        "--=",
        "=",
        "[/bold]",
        "$(exit 3)",
        "%s{0}",
        "caf\udce9",
        "a" * 5000,
        "a\nb",
        "..",
        "/",
        "~",
        "/dev/null",
    ),
    *(
        "1",
        "2",
        "0.5",
        "15,25",
        "photos",
        "dncnn.pth",
        "photos/p0.png",
        "photos/p0.png/x",
        "nothing.png",
        "embedded",
        "x" * 250 + ".png",
    ),
)

TRAIN = ["train", "dncnn", "laptop", *flags(**SETTINGS | {"steps": 1}), "--train-set", "photos", "--test-set", "photos"]
COMMANDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("list",): (),
    ("train",): (),
    ("train", "dncnn"): (),
    (*TRAIN, "--accelerator", "cpu"): (
        *(
            "--sigma",
            "--test-sigmas",
            "--width",
            "--depth",
            "--patch-size",
            "--batch-size",
            "--lr",
            "--clip",
            "--schedule",
            "--seed",
        ),
        *(
            "--train-set",
            "--test-set",
            "--benchmark-sets",
            "--workers",
            "--devices",
            "--threads",
            "--out",
            "--precision",
            "--milestones",
        ),
    ),
    ("evaluate",): ("--test-set", "--reduction", "--recipe"),
    ("evaluate", "dncnn.pth", "--test-set", "photos"): (
        "--test-sigmas",
        "--reduction",
        "--recipe",
        "--output",
        "--baselines",
        "--threads",
    ),
    ("apply", "photos/p0.png", "-o", "out.png", "--weights", "dncnn.pth"): (
        *(
            "--sigma",
            "--kernel",
            "--solver",
            "--solver-steps",
            "--memory",
            "--precision",
            "--threads",
            "--recipe",
            "-o",
            "--weights",
        ),
    ),
    ("apply", "photos", "-o", "out", "--weights"): (),
    ("restore", "photos/p0.png", "-o", "restored.png"): ("--task", "--strength", "--memory", "--precision", "-o"),
    ("models",): (),
    ("models", "card"): (),
    ("sample",): ("--count", "--image", "--steps", "-o"),
    ("export", "dncnn.pth"): ("--precision", "--recipe", "-o"),
    ("report",): ("-o", "--ledger-file", "--open=x"),
    ("view", "dncnn.pth"): ("--port", "--host", "--max-width"),
    ("data", "list"): (),
    ("data", "get"): (),
    ("data", "check"): (),
    ("data", "make", "noisy-pairs", "--from", "photos", "--count", "2", "-o", "pairs.pkl"): (
        "--size",
        "--noise",
        "--seed",
        "--from",
        "-o",
    ),
    ("data", "make", "scene", "--views", "1", "--held-out", "1", "--size", "4", "-o", "scene"): ("--views", "--size", "-o"),
}
"""Commands that end soon, with options that are given junk."""


def test_command_lines(folder: Path):
    dice, counts = random.Random(10 * SEED + 0), Counts()
    for number in range(130):
        words, options = list(COMMANDS)[number % len(COMMANDS)], list(COMMANDS.values())[number % len(COMMANDS)]
        words_of = JUNK if dice.random() < 0.7 else ("1", "2", "3", "0.5", "1e-3", "15,25", "photos", "x.png")
        junk = [dice.choice(words_of) for _ in range(dice.choice((1, 1, 1, 2)))]
        added = [dice.choice((*options, *options, "--xyz")), *junk] if options and dice.random() < 0.8 else junk
        counts.trial([*words, *added], lambda given=(*words, *added): _called(given))
    counts.check(130, "result", "refused")


def _called(words: tuple[str, ...]) -> str:
    """Run the command line: something is printed; after a mistake one line, after the notices."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = run(*words)
    last = error.getvalue().strip().splitlines()[-1:]
    if code == 0:
        return "result" if out.getvalue() or error.getvalue() else "silent"
    return "refused" if code == 2 and last and last[0].startswith("darkroom: ") else f"silent {code} {last}"


def test_images(folder: Path):
    dice = random.Random(10 * SEED + 1)
    photo, kinds = Image.open(folder / "photos" / "p0.png"), ("png", "jpg", "tif", "webp", "gif", "bmp", "ppm")
    for number in range(70):
        kind = kinds[number % len(kinds)]
        content = io.BytesIO()
        photo.convert(dice.choice(("RGB", "L"))).save(content, {"jpg": "jpeg", "tif": "tiff"}.get(kind, kind))
        name = f"{number:02}.{kind if dice.random() < 0.8 else dice.choice(kinds)}"
        (folder / "many").mkdir(exist_ok=True)
        (folder / "many" / name).write_bytes(damaged(content.getvalue(), dice))
    restorer, counts = make_restorer("dncnn.pth", accelerator="cpu"), Counts()

    def restored(path: Path) -> str:
        (file,) = restore_files(path, folder / "out", restorer)
        if file.error is None:
            return "result" if images.read(file.output).pixels.numel() else "silent"
        return "refused" if path.name in file.error and "\n" not in file.error else f"silent {file.error}"

    for path in sorted((folder / "many").iterdir()):
        counts.trial(path.name, lambda path=path: restored(path))
    counts.check(70, "result", "refused")


def test_scenes(folder: Path):
    dice, counts = random.Random(10 * SEED + 2), Counts()
    pose = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 4], [0, 0, 0, 1]]
    frame = {"file_path": "./photos/p0", "transform_matrix": pose}
    scene = {"camera_angle_x": 0.7, "near": 2.0, "far": 6.0, "frames": [frame, {**frame, "file_path": "./photos/p1"}]}
    odd = (
        None,
        True,
        "x",
        "",
        [],
        {},
        0,
        -1,
        0.5,
        1e300,
        10**400,
        float("nan"),
        [1],
        {"a": 1},
        "../../etc/passwd",
        "caf\udce9",
    )
    for _ in range(40):
        changed = json.loads(json.dumps(scene))
        for _ in range(dice.choice((1, 1, 2))):
            _change(changed, odd, dice)
        text = json.dumps(changed).encode()
        for name in ("transforms_train.json", "transforms_test.json", "transforms_val.json"):
            (folder / name).write_bytes(damaged(text, dice) if dice.random() < 0.2 else text)
        counts.trial(changed, lambda: "result" if blender.scene(folder).views else "silent")
    counts.check(40, "result", "refused")


def _change(value: dict | list, odd: tuple, dice: random.Random) -> None:
    """Replace, remove or add something anywhere in a value of JSON."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return
    key = dice.choice(keys)
    if isinstance(value[key], dict | list) and dice.random() < 0.7:
        _change(value[key], odd, dice)
    elif dice.random() < 0.2:
        del value[key]
    else:
        alike = [item for item in odd if type(item) is type(value[key]) and dice.random() < 0.8]
        value[key] = copy.deepcopy(dice.choice(alike or odd))


def test_weights(folder: Path):
    dice, counts = random.Random(10 * SEED + 3), Counts()
    header = json.dumps(
        {"kind": "restoration", "recipe": "dncnn", "row": "laptop", "settings": {"depth": 3, "width": 4, "color": True}}
    )
    files = [(folder / "dncnn.pth").read_bytes(), save(weights(), {"darkroom": header}), save(weights())]
    odd = (None, "x", -1, 0, 10**6, 1e300, [1], {"a": 1}, "../x", "caf\udce9")
    for number in range(40):
        content = damaged(files[number % 3], dice)
        if number % 4 == 0:
            changed = json.loads(header)
            _change(changed, odd, dice)
            content = save(weights(), {"darkroom": json.dumps(changed)})
        path = folder / f"{number}.{dice.choice(('pth', 'safetensors', 'ckpt', 'mat'))}"
        path.write_bytes(content)
        counts.trial(path.name, lambda path=path: "result" if trained.network(path) else "silent")
    counts.check(40, "refused")


def test_records(folder: Path):
    dice, counts = random.Random(10 * SEED + 4), Counts()
    odd = (
        None,
        True,
        "",
        "x",
        "$x_$ \\frac{",
        "caf\udce9",
        "<b>",
        -1,
        0,
        1e300,
        "nan",
        10**300,
        [],
        {},
        [1],
        {"a": 1},
        "y" * 10_000,
    )
    one, good = denoising_run(folder / "one", settings={"steps": 10}), denoising_run(folder / "good", "s50")
    for number in range(30):
        runs = folder / f"runs{number}"
        damaged_run = shutil.copytree(one, runs / "one")
        shutil.copytree(good, runs / "good")
        for name in dice.sample(["run.json", "results.jsonl", "metrics.jsonl"], dice.choice((1, 1, 2))):
            file = damaged_run / name
            lines = [json.loads(line) for line in ([file.read_text()] if name == "run.json" else file.read_text().splitlines())]
            _change(dice.choice(lines), odd, dice)
            text = "\n".join(map(json.dumps, lines)).encode()
            file.write_bytes(damaged(text, dice) if dice.random() < 0.3 else text)
        counts.trial(runs.name, lambda runs=runs, number=number: _reported(runs, whole=number % 5 == 0))
    counts.check(30, "result", "named")


def _reported(runs: Path, *, whole: bool) -> str:
    """Report the damaged run beside a good one."""
    rows, unreadable = rows_below([runs])
    titles = [row.title for row in rows]
    if whole:
        page.write(runs / "report.html", rows, unreadable=unreadable)
        assert (runs / "report.html").read_text().count("Not in this report: ") == len(unreadable)
    if any(str(runs) in line for line in unreadable):
        return "named"
    return "result" if len(titles) == 2 else f"silent {titles}"


def test_ledgers(folder: Path):
    dice, counts = random.Random(10 * SEED + 5), Counts()
    content = (Path(__file__).parents[1] / "docs" / "results" / "ledger.csv").read_bytes()
    for number in range(10):
        (folder / "ledger.csv").write_bytes(damaged(content, dice))
        counts.trial(number, lambda: "result" if ledger.read(folder / "ledger.csv") else "silent")
    counts.check(10, "result")
