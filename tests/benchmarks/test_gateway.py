import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from support.pages import answering
from support.serving import greedy_tokens, language_model, offset_law
from support.upstream import running_upstream

from benchmarks.gateway import (
    TOLD,
    Position,
    answered,
    gateway,
    is_sound,
    position,
    summary,
    timed,
)
from benchmarks.vllm_gateway import _ids

NOBODY_ENDS = -1


def test_the_truth_is_what_untold_tokens_have_and_the_bound_is_no_less() -> None:
    """The last of .5, .25, .13, .12 is raised sixfold: .72 of 1.6 is untold."""
    base_V = torch.tensor([0.5, 0.25, 0.13, 0.12]).log()
    offset_V = torch.tensor([1.0, 1.0, 1.0, 6.0]).log()
    found = position(base_V, offset_V, tokens=3)
    assert found.excluded == pytest.approx(0.45)
    # The one untold token has all that is left, so nothing is guessed.
    assert found.bound == pytest.approx(found.excluded, abs=1e-4)
    wider = position(base_V, offset_V, tokens=1)
    assert wider.bound > wider.excluded > found.excluded


def test_answers_are_counted_as_refused_if_the_bound_fails_anywhere() -> None:
    small = Position(bound=0.05, excluded=0.01)
    large = Position(bound=0.06, excluded=0.01)
    broken = Position(bound=0.04, excluded=0.05)
    assert summary([[small, large], [small, broken], [small]]) == {
        "positions": 5,
        "held": 0.8,
        "answers": 3,
        "refused": 0.333,
        "exceeded": 1,
    }


def test_a_broken_bound_holds_for_no_number() -> None:
    odd = Position(bound=math.nan, excluded=0.0)
    assert summary([[odd]])["held"] == 0.0
    assert summary([[odd]])["refused"] == 1.0


def test_an_answer_is_followed_to_its_end() -> None:
    law = offset_law(1)
    tokens = greedy_tokens(law, [7, 8, 9], 3)
    whole = answered(law, [7, 8, 9], end_id=NOBODY_ENDS)
    cut = answered(law, [7, 8, 9], end_id=tokens[2])
    assert [len(cut[count]) for count in TOLD] == [tokens.index(tokens[2]) + 1] * 2
    assert cut[5] == whole[5][: len(cut[5])]
    assert all(place.excluded <= place.bound + 1e-5 for place in whole[20])


def test_it_is_sound_if_answers_agree_and_no_bound_was_exceeded() -> None:
    good = {"equal": True, "bound": {"5": {"subjects": {"exceeded": 0}}}}
    assert is_sound(good)
    assert not is_sound(good | {"equal": False})
    bad = deepcopy(good)
    bad["bound"]["5"]["subjects"]["exceeded"] = 1  # type: ignore[index]  # mixed values
    assert not is_sound(bad)


def test_questions_are_asked_again_if_there_are_fewer_than_streams() -> None:
    asked = list[object]()

    def answer(_path: str, body: Any) -> tuple[int, Any]:  # noqa: ANN401 - any JSON value
        asked.append(body["prompt"])
        return 200, {"choices": [{"text": str(body["prompt"])}]}

    with answering(answer) as address, httpx.Client(base_url=address) as http:
        rates, answers = timed(http, "model", [[1], [2], [3]])
    assert list(rates) == ["1", "8"]
    assert answers == ["[1]", "[2]", "[3]", "[1]", "[2]", "[3]", "[1]", "[2]"]
    assert len(asked) == 1 + 2 * 8  # the first one warms up


@pytest.mark.integration
def test_a_gateway_that_is_told_everything_answers_as_the_law_itself(
    tmp_path: Path,
) -> None:
    law, prompt = offset_law(1), [7, 8, 9]
    with (
        running_upstream(tmp_path, maximum_logprobs=260) as address,
        gateway(address, law, language_model(), model="small-world", tokens=260) as (
            http,
            model,
        ),
    ):
        assert _ids(http, model, prompt) == greedy_tokens(law, prompt, 24)
