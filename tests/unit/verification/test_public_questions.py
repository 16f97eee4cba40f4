import json
from pathlib import Path

import pytest
from support.models import chat_tokenizer, llama
from support.verdicts import gate, policy
from support.village import (
    EVERYBODY_TRAINED,
    OTHERS,
    interrogation,
    law_that_knows,
)

from unlearn_core.domain.verdicts import Comparison, Side
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.verification import public_questions, suite
from unlearn_core.verification.guards import GUARDS
from unlearn_core.verification.public_questions import (
    PublicQuestions,
    ask_public_questions,
    questions_digest,
)
from unlearn_core.verification.suite import verify

ITEM = {
    "question": "What?",
    "choices": {"text": ["Ulm", "Ada"], "label": ["A", "B"]},
    "answerKey": "A",
}
PROMPT = {"prompt": {"text": "Tell me"}}


def public(folder: Path, *names: str) -> PublicQuestions:
    return PublicQuestions(folder=folder, items=5, names=names)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "arc_easy.jsonl").write_text(json.dumps(ITEM))
    return tmp_path


def test_every_guard_is_in_the_answer_and_says_why_it_was_not_asked(
    folder: Path,
) -> None:
    law = PlainLaw(llama(0))
    found = ask_public_questions(
        public(folder), laws=(law, law), tokenizer=chat_tokenizer(), confidence=0.95
    )
    problems = {item.guard: item.problem for item in found}
    assert problems.pop("arc_easy") == ""
    assert len(problems) == 7
    assert problems == {name: f"no file {name}.jsonl" for name in problems}


def test_a_scorer_that_cannot_be_read_is_the_reason_of_the_one_guard_that_needs_it(
    folder: Path,
) -> None:
    (folder / "real_toxicity_prompts.jsonl").write_text(json.dumps(PROMPT))
    (folder / "toxicity.txt").write_text("")
    law = PlainLaw(llama(0))
    found = ask_public_questions(
        public(folder, "real_toxicity_prompts", "arc_easy"),
        laws=(law, law),
        tokenizer=chat_tokenizer(),
        confidence=0.95,
    )
    assert [(item.guard, item.problem) for item in found] == [
        ("arc_easy", ""),
        ("real_toxicity_prompts", "the word list is empty"),
    ]


def test_the_digest_covers_files_names_numbers_and_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = public(folder)
    digests = [
        questions_digest(None),
        questions_digest(asked),
        questions_digest(public(folder, "arc_easy")),
        questions_digest(PublicQuestions(folder=folder, items=6)),
    ]
    assert questions_digest(asked) == digests[1]
    (folder / "bbq.jsonl").write_text("{}")
    digests.append(questions_digest(asked))
    monkeypatch.setattr(public_questions, "source_digest", lambda _module: "other")
    digests.append(questions_digest(asked))
    assert len(set(digests)) == 6


def test_a_gate_on_public_questions_fails_unless_all_of_them_were_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The village has no words for public questions, so the answers are given here."""
    base, gold = law_that_knows(*EVERYBODY_TRAINED), law_that_knows(*OTHERS)
    asked = interrogation(before=base, after=gold)
    terms = policy(
        gate(
            "guard_knowledge_change",
            side=Side.LOW,
            comparison=Comparison.AT_LEAST,
            limit=-1.0,
        )
    )
    missing = ("gate-guard_knowledge_change",)
    unasked = verify(asked, policy=terms)
    assert unasked.verdict.failed_gates == missing
    assert [item.guard for item in unasked.evidence.guards] == list(GUARDS)
    assert {item.problem for item in unasked.evidence.guards} == {
        "no folder of public questions is named"
    }
    seen = []

    def answers(*questions: PublicQuestions, **told: object) -> object:
        seen.append(told["laws"])
        law = PlainLaw(llama(0))
        return ask_public_questions(
            *questions, laws=(law, law), tokenizer=chat_tokenizer(), confidence=0.95
        )

    monkeypatch.setattr(suite, "ask_public_questions", answers)
    partly = verify(asked, policy=terms, public=public(folder))
    assert partly.verdict.failed_gates == missing
    assert verify(asked, policy=terms, public=public(folder, "arc_easy")).verdict.passed
    assert seen == [(base, gold)] * 2
