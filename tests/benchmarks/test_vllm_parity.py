import sys
from pathlib import Path

import pytest
import torch
from support.serving import greedy_tokens, offset_law

from benchmarks import vllm_parity
from benchmarks.vllm_world import can_run

GOOD = {
    "offset": {"greedy_equal": True, "logprob_error": 1e-5},
    "preempted": {"greedy_equal": True, "preemptions": 3.0},
    "sampling": {"min_p_equal": True, "beams_equal": True},
    "prompt_logprobs": 400,
    "echo_logprobs": 400,
    "forced_logprobs": 400,
    "forced": 200,
    "swap": {"mixed": 0, "old_after_convergence": 0},
    "withdrawal": {"status": 400},
    "gateway": {"260": {"answers": 8, "equal": 8}},
    "asynchronous": {"greedy_equal": True},
    "unsafe": {
        "raw_logprobs": "refused",
        "many_logprobs": "refused",
        "prompt_embeds": "refused",
        "speculation": 400,
    },
}


def test_one_beam_is_the_likeliest_continuation() -> None:
    law, prompt = offset_law(1), [7, 8, 9]
    tokens, scores = vllm_parity.greedy(law, prompt, 4)
    assert tokens == greedy_tokens(law, prompt, 4)
    assert vllm_parity.beams(law, prompt, width=1, count=4) == tokens
    ids_BT = torch.tensor([prompt])
    law_V = law(ids_BT, attention_mask_BS=torch.ones_like(ids_BT))[0, -1]
    assert scores[0] == pytest.approx(float(law_V.max()), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("offset", {"greedy_equal": False, "logprob_error": 0.0}),
        ("offset", {"greedy_equal": True, "logprob_error": 0.01}),
        ("preempted", {"greedy_equal": True, "preemptions": 0.0}),
        ("sampling", {"min_p_equal": True, "beams_equal": False}),
        ("echo_logprobs", 200),
        ("forced_logprobs", 200),
        ("forced", 400),
        ("swap", {"mixed": 1, "old_after_convergence": 0}),
        ("withdrawal", {"status": 200}),
        ("gateway", {"260": {"answers": 8, "equal": 7}}),
        ("asynchronous", {"greedy_equal": False}),
        ("unsafe", GOOD["unsafe"] | {"speculation": 200}),  # type: ignore[operator]
    ],
)
def test_anything_that_is_not_as_it_has_to_be_fails(name: str, value: object) -> None:
    assert vllm_parity.is_good(GOOD)
    assert not vllm_parity.is_good(GOOD | {name: value})


def test_an_interpreter_without_vllm_is_named_as_the_reason_to_skip(
    tmp_path: Path,
) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    assert "No module named 'vllm'" in can_run(python)
