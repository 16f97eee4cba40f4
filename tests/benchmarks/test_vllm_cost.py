from importlib.metadata import distributions
from pathlib import Path

from benchmarks.vllm_clock import lay_out
from benchmarks.vllm_cost import LARGER, steps, summary
from benchmarks.vllm_world import random_model


def test_a_ratio_is_one_of_median_steps_with_a_token_for_each_stream() -> None:
    # Medians of one stream: 30 and 20 ms; a prompt of 21 tokens counts nowhere.
    offset = "21 0.9\n1 0.03\n1 0.04\n1 0.02\n4 0.05\n8 0.09\n"
    bare = "21 0.8\n1 0.02\n4 0.04\n8 0.06\n"
    assert steps(offset.splitlines(), tokens=1) == [0.03, 0.04, 0.02]
    assert summary({"offset": offset, "bare": bare}) == {
        "step_ms": {
            "1": {"offset": 30.0, "bare": 20.0},
            "4": {"offset": 50.0, "bare": 40.0},
            "8": {"offset": 90.0, "bare": 60.0},
        },
        "to_bare": {"1": 1.5, "4": 1.25, "8": 1.5},
    }


def test_the_timed_base_is_more_than_ten_times_the_pair() -> None:
    base, half = (
        random_model(1, width=width, layers=layers).num_parameters()
        for width, layers in (LARGER.base, LARGER.pair)
    )
    assert base > 10 * 2 * half


def test_the_clock_is_found_as_a_plug_in_of_vllm(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (found,) = distributions(path=[str(tmp_path)])
    (entry,) = found.entry_points
    assert (entry.group, entry.value) == ("vllm.general_plugins", "vllm_clock:install")
    assert (tmp_path / "vllm_clock.py").is_file()
