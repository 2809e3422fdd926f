"""What the documentation site computes when it is built: its pages about code and numbers, its navigation, its formulas.

A hook of mkdocs; see `mkdocs.yml`. Pages in `docs/tutorials`, `docs/how_to`, `docs/models` and `docs/results` are found by
themselves; the first line of a page is its title.
"""

import csv
import importlib.util
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "darkroom"

PACKAGES = (
    ("core", "Contracts, images, files"),
    ("operators", "Forward models with their adjoints"),
    ("layers", "Blocks that networks share"),
    ("metrics", "Metrics"),
    ("data", "Datasets, streams, downloads"),
    ("networks", "Networks"),
    ("solvers", "Classical denoisers, plug-and-play, deconvolution"),
    ("processes", "Stochastic differential equations and samplers"),
    ("radiance", "Cameras, scenes, volume rendering"),
    ("methods", "Training rules"),
    ("evaluations", "Kinds of evaluation"),
    ("engine", "Training, checkpoints, restoring images"),
    ("recipes", "Experiments"),
    ("workflows", "Train, evaluate, restore"),
    ("scratch", "The framework without autograd"),
)
"""Folders that have a page in the API, with its title."""

SECTIONS = (
    ("Tutorials", "tutorials"),
    ("Examples", "examples"),
    ("How-to", "how_to"),
    ("Models", "models"),
    ("Results", "results"),
    ("API", "api"),
)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are computed, and make the navigation of what is there."""
    for name, title in PACKAGES:
        if (SOURCE / name).is_dir():
            files.append(File.generated(config, f"api/{name}.md", content=_api(name, title)))
    files.append(File.generated(config, "api/index.md", content=_api_index()))
    for card in sorted((SOURCE / "shipped").glob("*.md")):
        files.append(File.generated(config, f"models/{card.name}", content=card.read_text(encoding="utf-8")))
    files.append(File.generated(config, "results/published.md", content=_published(ROOT / "docs/results/ledger.csv")))
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        text = (
            text.replace("](docs/", "](")
            .replace("](CONTRIBUTING.md", "](contributing.md")
            .replace("](CHANGELOG.md", "](changelog.md")
        )
        files.append(File.generated(config, name.lower(), content=text))
    config.nav = _navigation(sorted(file.src_uri for file in files.documentation_pages()))
    for file in files:
        if file.src_uri.endswith((".py", ".csv")):
            file.inclusion = InclusionLevel.EXCLUDED
    return files


def _navigation(pages: list[str]) -> list[Any]:
    """Sections in order; a page named `index` comes first, the others by name."""
    navigation: list[Any] = [{"Start": ["index.md", "start.md"]}]
    for title, folder in SECTIONS:
        found = [page for page in pages if page.startswith(f"{folder}/")]
        if folder == "results":
            found = ["results/published.md", *(page for page in found if page != "results/published.md")]
        if found:
            navigation.append({title: sorted(found, key=lambda page: not page.endswith("index.md"))})
    placed = {page for section in navigation for entries in section.values() for page in entries}
    inside = ["architecture.md", "contributing.md", "changelog.md"]
    explained = [page for page in pages if page not in placed and page not in inside]
    navigation.insert(3, {"Explained": explained})
    return [*navigation, {"Inside": [page for page in inside if page in pages]}]


def _api(package: str, title: str) -> str:
    """A page with every public module of a package."""
    modules = sorted(path for path in (SOURCE / package).rglob("*.py") if not path.name.startswith("_"))
    names = [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in modules]
    return f"# {title}\n\n" + "\n\n".join(f"::: {name}" for name in names) + "\n"


def _api_index() -> str:
    lines = [f"- [`darkroom.{name}`]({name}.md): {title}" for name, title in PACKAGES if (SOURCE / name).is_dir()]
    return (
        "# API\n\nThe functions that notebooks call are in the package itself: `darkroom.train`, `evaluate`, `restore`, "
        "`restore_files`, `load` ([workflows](workflows.md)). The folders, from the lowest floor to the highest:\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _published(ledger: Path) -> str:
    """The table of published against measured numbers, by recipe."""
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    with ledger.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            groups[line["recipe"]].append(line)
    text = "# Published against measured\n\nOne line for every published table cell that was measured; "
    text += "made from `docs/results/ledger.csv`, which `darkroom report --ledger-file` writes.\n"
    for recipe, lines in sorted(groups.items()):
        text += f"\n## {recipe}\n\n| row | method | test set | metric | published | measured | verdict | device, date, code |\n"
        text += "|---|---|---|---|---|---|---|---|\n"
        for line in lines:
            where = f"{line['device']}, {line['date']}, {line['code']}"
            what = f"{line['dataset']} {line['variant']}"
            values = [
                line["row"],
                line["method"],
                what,
                line["metric"],
                line["published"],
                line["measured"],
                line["verdict"],
                where,
            ]
            text += "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |\n"
    return text


_FORMULA = re.compile(r'<(?P<tag>span|div) class="arithmatex">\\(?P<open>[(\[])(?P<tex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """Formulas become MathML, which browsers draw without a script."""
    if not importlib.util.find_spec("latex2mathml"):
        return html
    import html as entities

    from latex2mathml.converter import convert

    def formula(found: re.Match[str]) -> str:
        return convert(entities.unescape(found["tex"]), display="block" if found["open"] == "[" else "inline")

    return _FORMULA.sub(formula, html)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of a page to the sources become names: the site has no copy of the sources."""
    return re.sub(r"\[([^\]]+)\]\((?:\.\./)+(?:src|examples|tests|benchmarks)[^)]*\)", r"\1", markdown)
