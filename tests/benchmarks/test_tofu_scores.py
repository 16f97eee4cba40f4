from pathlib import Path

import pytest
import torch
from support.models import chat_tokenizer, llama, llama_config

from benchmarks.smollm2_models import encode
from benchmarks.tofu_questions import Question
from benchmarks.tofu_scores import Examiner, read_cell, write_cell
from unlearn_core.domain.datasets import Group
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.training.targets import answer_laws

QUESTIONS = (
    Question(
        ref="q-0",
        text="What is the city of Ada?",
        answer="Ulm",
        paraphrase="It is Ulm.",
        wrong=("It is Rom.", "It is Aix."),
    ),
    Question(
        ref="q-1", text="Who?", answer="Ada", paraphrase="It is Ada.", wrong=("Bo.",)
    ),
)


@pytest.fixture(scope="module")
def law() -> PlainLaw:
    return PlainLaw(llama(1, llama_config(context=512)))


@pytest.fixture(scope="module")
def examiner() -> Examiner:
    return Examiner(tokenizer=chat_tokenizer(), answer_tokens=3)


def mean_log_prob(law: PlainLaw, question: str, answer: str) -> float:
    """Return the mean log-probability of one answer, alone in its batch."""
    (example,) = encode(chat_tokenizer(), [(question, answer)])
    laws_NV = answer_laws(law, [example], pad_id=0)
    return float(laws_NV[torch.arange(len(laws_NV)), list(example.answer)].mean())


def test_wrong_answers_stand_with_the_paraphrase(
    law: PlainLaw, examiner: Examiner
) -> None:
    cell = examiner.examine(law, "forget", QUESTIONS)

    assert [score.ref for score in cell.true] == ["q-0", "q-1"]
    for question, true, rephrased in zip(
        QUESTIONS, cell.true, cell.paraphrased, strict=True
    ):
        expected = mean_log_prob(law, question.text, question.answer)
        assert true.mean_log_prob == pytest.approx(expected, abs=1e-4)
        assert true.alternative_mean_log_probs == ()
        assert rephrased.alternative_mean_log_probs == pytest.approx(
            [mean_log_prob(law, question.text, text) for text in question.wrong],
            abs=1e-4,
        )
        assert true.rouge_l_recall is not None
    assert len(cell.answers) == 2


def test_without_paraphrases_wrong_answers_stand_with_the_true_one(
    law: PlainLaw, examiner: Examiner
) -> None:
    plain = Question(ref="f", text="Who?", answer="Ada", wrong=("Bo",))

    cell = examiner.examine(law, "world_facts", (plain,))

    assert cell.paraphrased == ()
    assert cell.true[0].alternative_mean_log_probs == pytest.approx(
        [mean_log_prob(law, "Who?", "Bo")], abs=1e-4
    )


def test_holdout_people_are_controls_and_give_no_answers(
    law: PlainLaw, examiner: Examiner
) -> None:
    question = Question(ref="h", text="Who?", answer="Ada")

    cell = examiner.examine(law, "holdout", (question,))

    assert cell.answers == ()
    assert cell.true[0].group is Group.CONTROL
    assert cell.true[0].rouge_l_recall is None


def test_a_cell_is_read_as_it_was_written(
    law: PlainLaw, examiner: Examiner, tmp_path: Path
) -> None:
    cell = examiner.judge(law, QUESTIONS, ("Ulm", ""))
    path = tmp_path / "model" / "fluency.json"

    write_cell(path, cell)

    assert read_cell(path) == cell
    assert [item.name for item in path.parent.iterdir()] == ["fluency.json"]
