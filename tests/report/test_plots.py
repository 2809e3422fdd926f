import base64
import math
import re
from xml.etree import ElementTree

import pytest

from darkroom.report.plots import COLOURS, plot, scatter


def svg(address: str) -> str:
    kind, _, content = address.partition(",")
    assert kind == "data:image/svg+xml;base64"
    text = base64.b64decode(content).decode()
    ElementTree.fromstring(text)
    return text


def texts(address: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg(address)).iter("{http://www.w3.org/2000/svg}text")]


def test_every_colour_has_a_value_in_dark_mode():
    text = svg(plot([[(0, k), (1, k)] for k in range(9)], x="step", y="loss", zero=True))
    style, drawing = text.split("</style>", 1)
    light, dark = style.split("prefers-color-scheme: dark")
    assert not set(re.findall("#[0-9a-f]{6}", drawing)) & {*COLOURS, "#000000", "#1c1917"}
    used = set(re.findall(r"var\((--c\d+)\)", drawing))
    assert len(used) == len(COLOURS) + 2  # and text, and the grid
    assert all(f"{name}: " in part for name in used for part in (light, dark))


@pytest.mark.parametrize("words", ["$x_$ \\frac{", "$", "$$", "_hidden", "<script>&amp;", "{}%s\\", "σ ≤ ½ · 图像", "a\nb"])
def test_words_are_drawn_as_they_are(words: str):
    for address in (plot([[(1, 2), (3, 4)]], x=words, y=words), scatter([(1, 2)], words, words)):
        found = texts(address)
        assert all(sum(line in found for line in words.split("\n")) for _ in range(2)), found


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e300, -1e300, 0.0, -1.0])
def test_numbers_that_cannot_be_drawn_are_left_out(value: float):
    assert "20" in texts(plot([[(0, 1.0), (10, value), (20, 3.0)]], x="step", y="loss", log_y=True))
    svg(plot([[(0, value)]], x="step", y="loss", log_y=True))
    svg(plot([[(value, 1.0)]], x="step", y="loss", log_x=True))
    svg(scatter([(value, 1.0), (1.0, value)], "x", "y"))
    svg(plot([], x="step", y="loss"))


def test_logarithmic_axes_have_plain_numbers():
    found = texts(plot([[(step, 10 / step) for step in (1, 10, 100)]], x="step", y="loss", log_y=True))
    assert {"0.1", "1", "10"} <= set(found)
    assert {"3", "30", "300"} <= set(texts(plot([[(3, 1), (30, 2), (300, 3)]], x="images", y="PSNR (dB)", log_x=True)))


def test_a_plot_is_the_same_every_time():
    assert plot([[(1, 2), (3, 4)]], x="step", y="loss") == plot([[(1, 2), (3, 4)]], x="step", y="loss")
