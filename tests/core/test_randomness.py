import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.randomness import generator, seed_of


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_numbers_are_a_function_of_the_key(seed: int, step: int):
    draws = [torch.rand(3, generator=generator(seed, "noise", step)) for _ in range(2)]
    assert torch.equal(*draws)
    assert not torch.equal(draws[0], torch.rand(3, generator=generator(seed, "noise", step + 1)))
    assert 0 <= seed_of(seed, step) < 2**63


def test_keys_with_the_same_digits_differ():
    assert seed_of(1, 23) != seed_of(12, 3)
