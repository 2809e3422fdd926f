"""The documentation site: it builds without a warning, so every link and anchor exists, and it needs nothing from the network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert built.returncode == 0, built.stderr[-4000:]
    return folder


def test_public_functions_and_their_examples_are_documented(site):
    page = (site / "api" / "metrics.html").read_text(encoding="utf-8")
    assert 'id="darkroom.metrics.distribution.frechet_distance"' in page
    assert "&gt;&gt;&gt; " in page


def test_every_measured_cell_is_listed(site):
    page = (site / "results" / "published.html").read_text(encoding="utf-8")
    measured = len((ROOT / "docs" / "results" / "ledger.csv").read_text(encoding="utf-8").splitlines()) - 1
    assert page.count("<tr>") - page.count("<thead>") == measured


def test_formulas_are_drawn_without_a_script(site):
    page = (site / "plug_and_play.html").read_text(encoding="utf-8")
    assert page.count("<math") > 20
    assert "\\(" not in page


def test_nothing_is_loaded_from_the_network(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|link|iframe)[^>]*(?:src|href)="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        assert not [address for address in loaded if not address.startswith("https://squidfunk")], page
