import pytest
from support.steps import Controller, subject_of

from unlearn_core.errors import KeyDestroyedError
from unlearn_core.steps.receive_request import receive_request
from unlearn_core.steps.subject import read_contact, read_evidence, read_subject

pytestmark = pytest.mark.integration


def test_the_subject_is_read_back_as_submitted(controller: Controller) -> None:
    person = controller.population.trained[0]
    request_id = controller.receive()

    subject = read_subject(request_id, bench=controller.bench(request_id))

    assert set(subject.identifiers) == set(subject_of(person).identifiers)


def test_what_was_not_given_is_not_there(controller: Controller) -> None:
    submission = controller.submission(
        controller.population.trained[0], is_genuine=False, has_contact=False
    )
    request_id = receive_request(submission, desk=controller.desk()).request_id
    bench = controller.bench(request_id)

    assert read_contact(request_id, bench=bench) is None
    assert read_evidence(request_id, bench=bench) is None


def test_what_was_destroyed_is_not_there(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    for part in ("", ".evidence", ".contact"):
        controller.custody.shred(f"{request_id}{part}")

    assert read_contact(request_id, bench=bench) is None
    assert read_evidence(request_id, bench=bench) is None
    with pytest.raises(KeyDestroyedError):
        read_subject(request_id, bench=bench)
