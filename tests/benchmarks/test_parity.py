import pytest
from support.serving import offset_law

from benchmarks.parity import LIMIT, difference, is_base_at_zero, is_good, run

GOOD = {
    "padded": 1e-5,
    "choices": 1e-5,
    "swaps": 1e-5,
    "rollbacks": 1e-5,
    "alpha_zero_equal": True,
}


@pytest.mark.integration
def test_the_engine_says_what_a_plain_pass_says() -> None:
    found = run()
    assert is_good(found), found
    # Three versions, five prompts apart and together, four choices; twice.
    assert found["answers"] == 2 * (3 + 10 + 4)


def test_strength_zero_is_the_base_in_whole_passes_and_in_steps() -> None:
    assert is_base_at_zero()


def test_a_difference_of_any_told_number_counts() -> None:
    law, prompt = offset_law(1), [7, 8]
    told = {
        "tokens": ["token_id:5"],
        "token_logprobs": [0.5],
        "top_logprobs": [{"token_id:9": 0.0}],
    }
    # No law gives a token more than probability 1, so the first is half a nat away.
    assert difference(law, prompt, {"logprobs": told}) >= 0.5


@pytest.mark.parametrize("name", sorted(GOOD))
def test_anything_beyond_the_limit_fails(name: str) -> None:
    assert is_good(GOOD)
    worse = False if name == "alpha_zero_equal" else 2 * LIMIT
    assert not is_good(GOOD | {name: worse})
