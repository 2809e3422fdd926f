from pathlib import Path

import pytest
import torch

from darkroom.core.allocation import limited_by
from darkroom.core.errors import DarkroomError

GB = 1 << 30


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "w.pth").write_bytes(bytes(1000))
    return tmp_path / "w.pth"


@pytest.mark.parametrize(
    "create",
    [
        lambda: torch.empty(GB),
        lambda: torch.zeros((4, GB // 4)),
        lambda: torch.full(size=(GB,), fill_value=1.0),
        lambda: torch.randn(GB, generator=torch.Generator()),
        lambda: torch.arange(GB),
        lambda: torch.zeros(1).new_zeros(GB),
        lambda: torch.nn.Conv2d(1, GB, 3),
        lambda: torch.nn.Parameter(torch.empty(GB)),
        lambda: [torch.zeros(10_000_000) for _ in range(10)],
        lambda: torch.cat([torch.zeros(40_000_000), torch.zeros(40_000_000)]),
    ],
)
def test_more_than_the_file_allows_is_refused_before_it_is_taken(small: Path, create):
    with (
        pytest.raises(DarkroomError, match=r"w\.pth of 1 kB describes a network of more than [\d,]+ MB") as caught,
        limited_by(small),
    ):
        create()
    assert "\n" not in str(caught.value)


def test_very_many_small_tensors_are_refused(small: Path):
    with pytest.raises(DarkroomError, match="more than 2,01. tensors"), limited_by(small):
        torch.nn.Sequential(*(torch.nn.Conv2d(1, 1, 1) for _ in range(10**9)))


def test_what_has_been_freed_does_not_count(small: Path):
    with limited_by(small):
        for _ in range(20):
            torch.zeros(10_000_000).add_(1)
        tensors = [torch.nn.Linear(100, 100) for _ in range(50)]
    assert len(tensors) == 50


def test_a_large_file_allows_more(tmp_path: Path):
    with (tmp_path / "w.pth").open("wb") as file:
        file.truncate(100_000_000)  # sparse
    with limited_by(tmp_path / "w.pth"):
        torch.empty(200_000_000)
    with limited_by(tmp_path):  # a folder limits nothing
        torch.empty(200_000_000)


def test_random_numbers_are_those_of_an_unlimited_block(small: Path):
    def draw() -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.cat([torch.randn(5, generator=generator), torch.nn.init.normal_(torch.empty(5), generator=generator)])

    with limited_by(small):
        limited = draw()
    assert torch.equal(limited, draw())
