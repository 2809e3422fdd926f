from darkroom.core.errors import DarkroomError


def test_a_line_is_one_line_of_bounded_length():
    assert str(DarkroomError("a\n  b\tc")) == "a b c"
    line = str(DarkroomError(f"no file {'x' * 100_000} here"))
    assert len(line) < 2100 and line.startswith("no file xxx") and line.endswith("xxx here")
