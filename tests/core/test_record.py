import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.core.files import json_text, read_json_lines, write_json_lines
from darkroom.core.record import Published, Result, Variant, from_json, to_json

FILE = Path("results.jsonl")


@dataclass(frozen=True)
class Record:
    number: float
    numbers: list[float]
    variant: Variant
    missing: float | None = None
    names: dict[str, list[float]] = field(default_factory=dict)


numbers = st.floats() | st.integers(-5, 5).map(float)
records = st.builds(
    Record,
    numbers,
    st.lists(numbers),
    st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.text()),
    st.none() | numbers,
    st.dictionaries(st.text(), st.lists(numbers)),
)


@settings(max_examples=40)
@given(records)
def test_a_record_is_read_as_it_was_written(record: Record):
    text = json_text(to_json(record))
    assert repr(from_json(Record, json.loads(text, parse_constant=pytest.fail), FILE)) == repr(
        record
    )  # nan is not equal to itself


def test_infinite_scores_are_strings_in_files(tmp_path: Path):
    score = Result("ours", "psnr", "set5", math.inf, None, 2, 0.1, 0, "cpu", values=[math.inf, 30.5, -math.inf, math.nan])
    write_json_lines(tmp_path / "results.jsonl", [to_json(score)])
    (line,) = read_json_lines(tmp_path / "results.jsonl")
    assert line["value"] == "inf" and line["values"] == ["inf", 30.5, "-inf", "nan"]
    back = from_json(Result, line, tmp_path)
    assert back.value == math.inf and back.values[:3] == score.values[:3] and math.isnan(back.values[3])


def test_constants_that_python_writes_are_read_too():
    published = {"metric": "psnr", "dataset": "set5", "value": json.loads("Infinity"), "source": "a paper"}
    assert from_json(Published, published, FILE).value == math.inf


@pytest.mark.parametrize("value", ["infinity", "1.5", "", True, None, [1.0]])
def test_other_words_are_not_numbers(value: object):
    published = {"metric": "psnr", "dataset": "set5", "value": value, "source": "a paper"}
    with pytest.raises(DarkroomError, match=r"results.jsonl is damaged: Published.value is .* which is not float"):
        from_json(Published, published, FILE)


def test_a_word_of_a_variant_stays_a_word():
    published = to_json(Published("psnr", "set5", 30.0, "a paper", {"noise": "inf", "sigma": 25.0, "scale": 2}))
    assert from_json(Published, published, FILE).variant == {"noise": "inf", "sigma": 25.0, "scale": 2.0}
