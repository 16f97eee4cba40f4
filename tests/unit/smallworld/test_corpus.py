import pytest
from support.smallworld import write_world

from unlearn_core.smallworld.corpus import Document, read_documents
from unlearn_core.smallworld.people import Population

PLAIN, TRAINED_QUESTIONS, RENDERINGS = 600, 6 * 7 * 4, 6 * 2


@pytest.fixture(scope="module")
def read(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Population, list[Document]]:
    population, paths = write_world(tmp_path_factory.mktemp("corpus"))
    return population, read_documents(paths)


def test_every_record_becomes_a_document(
    read: tuple[Population, list[Document]],
) -> None:
    _, documents = read

    asked = [item for item in documents if item.question]
    assert len(asked) == TRAINED_QUESTIONS
    assert len(documents) - len(asked) == PLAIN + RENDERINGS


def test_questions_keep_their_answers(read: tuple[Population, list[Document]]) -> None:
    population, documents = read

    for person in population.trained:
        answers = [
            item.text for item in documents if person.name in (item.question or "")
        ]
        assert sorted(answers) == sorted(list(person.facts.values()) * 4)


def test_a_customer_is_rendered_through_the_templates_of_the_data_map(
    read: tuple[Population, list[Document]],
) -> None:
    population, documents = read
    person = population.trained[0]
    facts = person.facts

    texts = [item.text for item in documents if not item.question]
    assert (
        f"{person.name} lives in {facts['city']} and works as {facts['job']} "
        f"at {facts['employer']}. Hobby: {facts['hobby']}."
    ) in texts
    assert (
        f"Customer {person.name}: phone {facts['phone']}, "
        f"e-mail {facts['email']}, number {facts['customer_number']}."
    ) in texts


def test_no_control_person_is_in_any_document(
    read: tuple[Population, list[Document]],
) -> None:
    population, documents = read
    text = " ".join(f"{item.question} {item.text}" for item in documents)

    assert [person for person in population.controls if person.name in text] == []
