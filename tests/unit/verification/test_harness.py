import json
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from support.models import TableLaw, chat_tokenizer, constant_law, llama

from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel

# The harness takes seconds to import.
pytestmark = pytest.mark.integration

api = pytest.importorskip("lm_eval.api.instance", reason="needs the extra evaluation")

import lm_eval  # noqa: E402

from unlearn_core.verification.guards import Guarded, run_guards  # noqa: E402
from unlearn_core.verification.harness import (  # noqa: E402
    LawLM,
    cut,
    refusal_task,
)

TOKENIZER = chat_tokenizer()
BASE = llama(0)
SERVED = OffsetModel(BASE, unlearned=llama(2), reference=llama(1), alpha=1.0)


def request(kind: str, *arguments: object) -> Any:  # noqa: ANN401 - has no types
    return api.Instance(request_type=kind, doc={}, arguments=arguments, idx=0)


def by_hand(text: str, *, scored: int, has_beginning: bool = False) -> float:
    """Sum the served law's log-probabilities of the last tokens."""
    start = [] if has_beginning else [TOKENIZER.end_id]
    ids = [*start, *TOKENIZER.text(text)]
    ids_BT = torch.tensor([ids])
    with torch.inference_mode():
        law_TV = SERVED(ids_BT, attention_mask_BS=torch.ones_like(ids_BT))[0]
    last = range(len(ids) - scored, len(ids))
    return sum(float(law_TV[t - 1, ids[t]]) for t in last)


def test_a_whole_text_is_scored_under_the_ensemble_and_never_the_bare_base() -> None:
    text = "Ada lives in London."
    asked = [request("loglikelihood_rolling", text)]
    (served,) = LawLM(SERVED, TOKENIZER).loglikelihood_rolling(asked)
    (bare,) = LawLM(PlainLaw(BASE), TOKENIZER).loglikelihood_rolling(asked)
    assert served == pytest.approx(
        by_hand(text, scored=len(TOKENIZER.text(text))), abs=1e-3
    )
    assert served != pytest.approx(bare, abs=1e-2)


def test_a_text_without_context_stands_after_the_token_that_ends_one() -> None:
    lm = LawLM(SERVED, TOKENIZER)
    asked = [request("loglikelihood", "", "Ada lives")]
    ((log_prob, is_greedy),) = lm.loglikelihood(asked, disable_tqdm=True)
    count = len(TOKENIZER.text("Ada lives"))
    assert log_prob == pytest.approx(by_hand("Ada lives", scored=count), abs=1e-3)
    assert not is_greedy


def test_a_space_before_a_continuation_belongs_to_it() -> None:
    whole = "Ada lives in London."
    scored = len(TOKENIZER.text(whole)) - len(TOKENIZER.text("Ada lives"))
    expected = by_hand(whole, scored=scored, has_beginning=True)
    for pair in (("Ada lives", " in London."), ("Ada lives ", "in London.")):
        asked = [request("loglikelihood", *pair)]
        ((found, _),) = LawLM(SERVED, TOKENIZER).loglikelihood(asked, disable_tqdm=True)
        assert found == pytest.approx(expected, abs=1e-3)


def test_the_most_likely_answer_ends_at_a_stopping_sequence() -> None:
    lm = LawLM(SERVED, TOKENIZER)
    (whole,) = lm.generate_until(
        [request("generate_until", "Ada", {"until": [], "max_gen_toks": 6})]
    )
    stop = whole[1:2]
    (part,) = lm.generate_until(
        [request("generate_until", "Ada", {"until": [stop], "max_gen_toks": 6})]
    )
    assert part == whole[: whole.index(stop)] if stop else part == whole
    assert cut("one. two! three", ["!", "."]) == "one"
    assert cut("one", "x") == "one"


def test_a_task_that_wants_sampling_is_refused_and_not_answered_greedily() -> None:
    lm = LawLM(SERVED, TOKENIZER)
    greedy = {"until": None, "max_gen_toks": 2, "do_sample": True, "temperature": 0}
    assert len(lm.generate_until([request("generate_until", "Ada", greedy)])) == 1
    sampled = {"until": ["."], "do_sample": True, "temperature": 0.8}
    with pytest.raises(NotImplementedError):
        lm.generate_until([request("generate_until", "Ada", sampled)])


def test_a_text_longer_than_the_context_is_predicted_once_token_by_token() -> None:
    """Windows hold seven tokens to predict: 7, 7, 7 and 4."""
    law = constant_law(0.5, 0.3, 0.2, maximum_tokens=8)

    class Digits:
        pad_id, end_id = 2, 2

        def text(self, text: str) -> list[int]:
            return [int(sign) for sign in text]

    (found,) = LawLM(law, Digits()).loglikelihood_rolling(  # type: ignore[arg-type]
        [request("loglikelihood_rolling", "0" * 15 + "1" * 10)]
    )
    assert found == pytest.approx(15 * log(0.5) + 10 * log(0.3))


def test_the_harness_runs_a_whole_task_of_a_local_file_on_the_ensemble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of two cities is right is chosen to be what the served law prefers."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    question, choices = "Ada lives in", ["London", "Paris"]
    likelier = max(choices, key=lambda city: scored(f"{question} {city}", city))
    lines = [
        {"question": question, "choices": choices, "gold": choices.index(city)}
        for city in (likelier, likelier, *set(choices) - {likelier})
    ]
    file = tmp_path / "cities.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    task = {
        "task": "cities",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(file)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{gold}}",
        "metric_list": [{"metric": "acc"}],
    }
    found = lm_eval.simple_evaluate(
        LawLM(SERVED, TOKENIZER), tasks=[task], bootstrap_iters=0, verbosity="ERROR"
    )
    assert found["results"]["cities"]["acc,none"] == pytest.approx(2 / 3)
    assert found["n-samples"]["cities"]["original"] == 3


def scored(text: str, continuation: str) -> float:
    """Return the served log-probability of what a text ends in, with its space."""
    context = text.removesuffix(continuation).rstrip()
    count = len(TOKENIZER.text(text)) - len(TOKENIZER.text(context))
    return by_hand(text, scored=count, has_beginning=True)


def test_refusals_counted_by_the_harness_are_those_that_the_guard_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of three questions is refused."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    answers = {"phone?": "Sorry.", "city?": "Ulm", "name?": "Ada"}
    file = tmp_path / "harmful_qa.jsonl"
    file.write_text("\n".join(json.dumps({"question": asked}) for asked in answers))
    law = answering(answers)
    found = lm_eval.simple_evaluate(
        LawLM(law, TOKENIZER),
        tasks=[refusal_task(file)],
        apply_chat_template=True,
        bootstrap_iters=0,
        verbosity="ERROR",
    )
    asked = Guarded(law=law, tokenizer=TOKENIZER)
    (guard,) = run_guards(["harmful_qa"], folder=tmp_path, before=asked, after=asked)
    refusals = found["results"]["harmful_qa"]["refusal,none"]
    assert refusals == guard.after == pytest.approx(1 / 3)


def answering(answers: dict[str, str]) -> TableLaw:
    """Return a law that gives these answers to these questions."""
    following: dict[tuple[int, ...], int] = {}
    for question, answer in answers.items():
        context = tuple(TOKENIZER.question(question))
        for token in (*TOKENIZER.text(answer), TOKENIZER.end_id):
            following[context] = token
            context = (*context, token)

    def row(context: tuple[int, ...]) -> list[float]:
        wanted = following.get(context, TOKENIZER.end_id)
        return [0.0 if token == wanted else -20.0 for token in range(TOKENIZER.size)]

    return TableLaw(row, maximum_tokens=96)


def test_without_a_template_there_is_no_conversation() -> None:
    class Plain:
        pad_id, end_id = 0, 0

    said = [{"role": "user", "content": "Ada?"}]
    with pytest.raises(NotImplementedError):
        LawLM(SERVED, Plain()).apply_chat_template(said)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError):
        LawLM(SERVED, TOKENIZER).apply_chat_template(said, add_generation_prompt=False)
    written = LawLM(SERVED, TOKENIZER).apply_chat_template(said)
    assert TOKENIZER.text(written) == TOKENIZER.question("Ada?")
