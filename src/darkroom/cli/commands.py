"""The commands, one function each: arguments in, a call into the library, lines out."""

import dataclasses
import sys
import webbrowser
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from darkroom.cli.parse import parse, with_defaults
from darkroom.core.errors import DarkroomError
from darkroom.core.files import write_json_lines
from darkroom.core.paths import data_root
from darkroom.data import download
from darkroom.data.catalogue import CATALOGUE, Entry, entry
from darkroom.data.photographs import judging
from darkroom.engine.apply import apply as apply_to
from darkroom.engine.apply import plan
from darkroom.engine.evaluate import Predict, answers, of_baseline, summarise
from darkroom.engine.folder import RunFolder
from darkroom.engine.restore import Restorer
from darkroom.engine.run import Judge
from darkroom.engine.train import device_name
from darkroom.methods.regression import Regression, half_squared_error
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.recipes import lookup
from darkroom.report import ledger, page
from darkroom.report.collect import rows_below
from darkroom.report.table import ledger_entries
from darkroom.solvers import classical

Positional = tyro.conf.Positional
Accelerator = Literal["auto", "cpu", "cuda"]


def list_(arguments: list[str]) -> None:
    """Show what can be trained and what can be downloaded."""

    def show() -> None:
        """Show recipes with their rows and published numbers, and the datasets.

        Example: darkroom list
        """
        table = Table(
            "recipe", "row", "settings", "published", title="Recipes: darkroom train RECIPE ROW", title_justify="left"
        )
        for name in lookup.names():
            recipe = lookup.find(name)
            for row, settings in recipe.ROWS.items():
                numbers = [f"{p.metric} {p.value} ({p.dataset} {_spelled(p.varied)})" for p in recipe.PUBLISHED.get(row, [])]
                table.add_row(name, row, ", ".join(f"{k}={v}" for k, v in settings.items()), "\n".join(numbers))
        console = Console()
        console.print(table)
        _show_datasets(console)

    parse(show, arguments, "list")


def train(arguments: list[str]) -> None:
    """Train a row of a recipe, or go on with it."""
    from darkroom.cli.train import Where, run

    words = [word for word in arguments[:2] if not word.startswith("-")]
    if not words:
        rows = "\n".join(f"  darkroom train {name} {{{', '.join(lookup.find(name).ROWS)}, all}}" for name in lookup.names())
        print(f"usage: darkroom train RECIPE ROW [options]\n\n{rows}\n\nExample: darkroom train dncnn laptop")
        print("The same command goes on after an interruption. Options of a row: darkroom train RECIPE ROW --help")
        if not {"-h", "--help"} & set(arguments):
            raise DarkroomError("which recipe? For example: darkroom train dncnn laptop")
        return
    recipe = lookup.find(words[0])
    if len(words) < 2:
        print(f"{(recipe.__doc__ or '').strip()}\n\nrows: {', '.join([*recipe.ROWS, 'all'])}")
        if not {"-h", "--help"} & set(arguments):
            raise DarkroomError(f"which row of {words[0]}? There are {', '.join(recipe.ROWS)}, and all")
        return
    rows = list(recipe.ROWS) if words[1] == "all" else [words[1]]
    for row in rows:
        defaults = lookup.row(words[0], row)
        settings = with_defaults(recipe.recipe, defaults, "Settings")
        both = dataclasses.make_dataclass("Train", [("settings", settings), ("where", Where)])
        given = parse(both, arguments[2:], f"train {words[0]} {words[1]}", description=recipe.__doc__)
        folder = run(words[0], row, dataclasses.asdict(given.settings), given.where)
        _show_results(folder)


def evaluate(arguments: list[str]) -> None:
    """Judge weights on pictures."""

    def judge(
        weights: Positional[Path],
        data: str = "bsd68",
        sigma: Annotated[tuple[float, ...], tyro.conf.arg(metavar="S [S ...]")] = (15.0, 25.0, 50.0),
        quantised: bool = False,
        baselines: bool = False,
        accelerator: Accelerator = "auto",
        output: Path | None = None,
    ) -> None:
        """Judge weights as denoisers: Gaussian noise, PSNR and SSIM by the published tables' protocol.

        Example: darkroom evaluate dncnn_25.pth --data bsd68 --sigma 25

        Args:
            weights: A run's folder, a weights file of Darkroom's, or somebody else's DnCNN (.pth).
            data: Pictures: embedded, bsd68, set12 and the like, or a folder.
            sigma: Noise levels on the 0-255 scale.
            quantised: Clip the noisy picture and round it to 8 bits.
            baselines: Judge the classical denoisers too.
            accelerator: What to compute on.
            output: Also write the numbers, one JSON object a line.
        """
        network = lookup.network(weights).eval()
        device = _device(accelerator)
        method = Regression(network, half_squared_error).to(device)
        pictures = judging(data, grey=network.channels == 1)
        len(pictures)
        table = Table(
            "method", *(f"sigma {level:g} · {m.name.upper()}" for level in sigma for m in (psnr, ssim)), "seconds a picture"
        )
        contenders = {weights.name: None, **(classical.available() if baselines else {"noisy input": classical.unchanged})}
        lines = []
        for name, baseline in contenders.items():
            cells, seconds = [], 0.0
            for level in sigma:
                told = bool(network.nonblind) and baseline is None
                judge_ = Judge(pictures, NoisyPair(Gaussian(level, quantised), told), (psnr, ssim), {"sigma": level})
                predict: Predict = method.predict if baseline is None else of_baseline(baseline, level)
                with _counting(f"{name}, sigma {level:g}", len(pictures)) as step:
                    answered = [step(answer) for answer in answers(predict, judge_, device)]
                for result in summarise(name, judge_, answered):
                    cells.append(f"{result.value:.{2 if result.metric == 'psnr' else 4}f}")
                    seconds = result.seconds
                    lines.append({**result.line(), "device": device_name(device if baseline is None else torch.device("cpu"))})
            table.add_row(name, *cells, f"{seconds:.3f}")
        table.title = f"{pictures.name}, {len(pictures)} pictures, {'grey' if network.channels == 1 else 'colour'}, on {device_name(device)}"
        Console().print(table)
        print(psnr.definition)
        print(
            "Noise "
            + ("clipped and rounded to 8 bits" if quantised else "neither clipped nor rounded")
            + "; same seed for every picture."
        )
        if output:
            write_json_lines(output, lines)

    parse(judge, arguments, "evaluate")


def apply(arguments: list[str]) -> None:
    """Restore a picture or a folder of pictures."""

    def restore(
        source: Positional[Path],
        output: Annotated[Path, tyro.conf.arg(aliases=("-o",))],
        weights: Path,
        sigma: float | None = None,
        memory: int = 512,
        precision: Literal["auto", "32", "bf16"] = "auto",
        accelerator: Accelerator = "auto",
    ) -> None:
        """Restore a picture, or every picture of a folder; size, depth, transparency and folders are kept.

        Example: darkroom apply holiday.jpg -o clean.png --weights runs/dncnn/laptop_photo

        Args:
            source: A picture, or a folder of pictures.
            output: Where the answer goes: a file for a file, a folder for a folder.
            weights: A run's folder, a weights file of Darkroom's, or somebody else's checkpoint (.pth).
            sigma: Noise level (0-255 scale), for a network that is told it.
            memory: MiB that the network's activations may take; a large picture is cut into tiles accordingly.
            precision: auto takes bfloat16 where the hardware has it and a check on these weights allows it.
            accelerator: What to compute on.
        """
        pairs = plan(source, output)
        device = _device(accelerator)
        restorer = Restorer(lookup.network(weights), device=device, memory=memory << 20, precision=precision, sigma=sigma)
        console = Console(stderr=True)
        failed = 0
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as bar:
            files, tiles = bar.add_task("pictures", total=len(pairs)), bar.add_task("tiles")
            for done in apply_to(restorer, pairs, lambda n, total: bar.update(tiles, completed=n, total=total)):
                bar.update(files, advance=1)
                failed += done.error is not None
                text = f"darkroom: skipped {done.error}" if done.error else f"{done.source} -> {done.output}"
                console.print(text, markup=False, highlight=False, soft_wrap=True)
        arithmetic = f"bfloat16 (PSNR moved by {restorer.difference:.4f} dB in the check)" if restorer.bf16 else "float32"
        console.print(
            f"{len(pairs) - failed} of {len(pairs)} pictures restored in {arithmetic} on {device_name(device)}",
            highlight=False,
            soft_wrap=True,
        )
        if failed:
            raise DarkroomError(f"{failed} of {len(pairs)} pictures could not be restored; the reasons stand above")

    parse(restore, arguments, "apply")


def report(arguments: list[str]) -> None:
    """Write one page from runs."""

    def write(
        runs: Positional[tuple[Path, ...]] = (Path("runs"),),
        output: Annotated[Path | None, tyro.conf.arg(aliases=("-o",))] = None,
        ledger_file: Path | None = None,
        open_: Annotated[bool, tyro.conf.arg(name="open")] = False,
    ) -> None:
        """Write one self-contained HTML page: ours beside published, curves, pictures, checklist.

        Example: darkroom report runs/dncnn

        Args:
            runs: Folders of runs, or folders that hold such.
            output: The page; by default report.html in the first folder.
            ledger_file: A ledger (CSV) to enter the measured cells of published tables into, and to show.
            open_: Open the page in the browser.
        """
        rows = rows_below(list(runs))
        if ledger_file:
            ledger.enter(ledger_file, ledger_entries(rows))
        place = output or runs[0] / "report.html"
        page.write(place, rows, ledger_file)
        print(f"report: {place.resolve()}")
        if open_:
            webbrowser.open(place.resolve().as_uri())

    parse(write, arguments, "report")


def data(arguments: list[str]) -> None:
    """Datasets: list, get, check."""

    def show() -> None:
        """Show what can be downloaded, and what is there.

        Example: darkroom data list
        """
        _show_datasets(Console())

    def get(name: Positional[str]) -> None:
        """Download a dataset, verify it and unpack it below the data root ($DARKROOM_DATA).

        Example: darkroom data get bsds500

        Args:
            name: A name from `darkroom data list`.
        """
        wanted = entry(name)
        print(f"{wanted.title}: {_size(wanted)} from {wanted.address}\nlicence: {wanted.licence}\ncite: {wanted.citation}")
        with _DownloadBar(wanted.title) as bar:
            print(f"in {download.get(wanted, progress=bar, say=print)}")

    def check(name: Positional[str]) -> None:
        """Count a dataset's pictures and decode every one of them.

        Example: darkroom data check bsds500

        Args:
            name: A name from `darkroom data list`.
        """
        wanted = entry(name)
        count = wanted.check()
        print(f"{wanted.title}: complete, {count} readable pictures in {wanted.place()}")

    commands = {"list": show, "get": get, "check": check}
    if not arguments or arguments[0] not in commands:
        usage = "usage: darkroom data {list, get NAME, check NAME}\n\nExample: darkroom data get bsds500"
        if arguments and arguments[0] in ("-h", "--help"):
            print(usage)
            return
        raise DarkroomError(f"darkroom data needs one of {', '.join(commands)}; given {' '.join(arguments) or 'nothing'}")
    parse(commands[arguments[0]], arguments[1:], f"data {arguments[0]}")


def demo(arguments: list[str]) -> None:
    """Train a denoiser on embedded photographs, and report on it."""

    def show(out: Path = Path("runs"), fresh: bool = False, open_: Annotated[bool, tyro.conf.arg(name="open")] = False) -> None:
        """Train DnCNN on photographs that come with the installation, judge it on others, write the report.

        Example: darkroom demo --open

        Args:
            out: Folder that holds the runs.
            fresh: Train anew even if it was trained before.
            open_: Open the report in the browser.
        """
        train(["dncnn", "laptop", "--out", str(out), *(["--fresh"] if fresh else [])])
        folder = out / "dncnn" / "laptop"
        report([str(folder), *(["--open"] if open_ else [])])
        print(f"denoise a picture of yours: darkroom apply PICTURE -o clean.png --weights {folder}")

    parse(show, arguments, "demo")


def _device(accelerator: Accelerator) -> torch.device:
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise DarkroomError("--accelerator cuda: no CUDA device is available here; use --accelerator cpu")
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def _show_results(folder: RunFolder) -> None:
    results = folder.read_results()
    titles: dict[str, None] = {}
    cells: dict[str, dict[str, str]] = {}
    for line in results:
        title = f"{line['metric'].upper()} · {line['dataset']}" + (f" · sigma {line['sigma']:g}" if "sigma" in line else "")
        titles[title] = None
        cells.setdefault(line["method"], {})[title] = f"{line['value']:.{2 if line['metric'] == 'psnr' else 4}f}"
    table = Table("method", *titles, title=str(folder.path), title_justify="left")
    for method in sorted(cells, key=lambda method: method == "ours"):
        table.add_row(method, *(cells[method].get(title, "") for title in titles), style="bold" if method == "ours" else None)
    Console().print(table)
    print(f"report with pictures and curves: darkroom report {folder.path}")


def _show_datasets(console: Console) -> None:
    table = Table("name", "what", "size", "licence", "here", title=f"Datasets, below {data_root()}", title_justify="left")
    table.add_row("embedded", "photographs of scikit-image and scikit-learn", "0", "various, free", "yes")
    for found in CATALOGUE.values():
        table.add_row(found.name, found.citation, _size(found), found.licence, "yes" if found.place().is_dir() else "no")
    console.print(table)


def _size(found: Entry) -> str:
    if found.megabytes is None or found.minutes is None:
        return "size not known"
    return f"{found.megabytes} MB, {found.minutes:.1f} min at 20 Mbit/s"


def _spelled(varied: object) -> str:
    return " ".join(f"{key}={value:g}" for key, value in dict(varied).items())  # type: ignore[call-overload]


class _counting:  # noqa: N801
    """A bar that goes one further with every value passed through."""

    def __init__(self, title: str, total: int) -> None:
        console = Console(stderr=True)
        self.bar = Progress(
            TextColumn(title),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task(title, total=total)

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def __call__(self, value):
        self.bar.advance(self.task)
        return value


class _DownloadBar:
    """A rich bar that speaks as pooch asks."""

    def __init__(self, title: str) -> None:
        console = Console(stderr=True)
        self.bar = Progress(
            TextColumn(title),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task(title, total=None)
        self.total = 0

    def __enter__(self) -> "_DownloadBar":
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def update(self, amount: int) -> None:
        self.bar.update(self.task, advance=amount, total=self.total or None)

    def reset(self) -> None:
        self.bar.reset(self.task)

    def close(self) -> None:
        sys.stderr.flush()
