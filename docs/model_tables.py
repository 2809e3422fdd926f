"""The tables of `docs/models/index.md`, made from the catalogues; a hook of mkdocs."""

import re
from collections.abc import Sequence
from typing import Any

from darkroom.data.foreign_weights import WEIGHTS
from darkroom.recipes.shipped import NETWORKS


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put the tables in the place of their comments."""
    if page.file.src_uri != "models/index.md":
        return markdown
    with_card = [network for network in NETWORKS.values() if network.weights.with_suffix(".md").exists()]
    shipped = [(f"`{n.name}`", n.purpose, f"[card]({n.name}.md)") for n in with_card]
    foreign = [
        (f"`{w.name}`", f"[{w.title}]({w.url})", f"{w.megabytes} MB", w.licence, f"`{w.sha256}`" if w.sha256 else "not stated")
        for w in WEIGHTS.values()
    ]
    tables = {
        "shipped": _table(("name", "what it does", "card"), shipped),
        "foreign": _table(("name", "network", "size", "licence", "SHA-256"), foreign),
    }
    return re.sub(r"<!-- (\w+): the site has a table here.*?-->", lambda found: tables[found[1]], markdown)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows))
