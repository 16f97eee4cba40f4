from dataclasses import FrozenInstanceError, replace

import pytest
from support.domain import data_map

from unlearn_core.domain.data_map import Sizes
from unlearn_core.domain.datasets import Entropy


def test_fields_are_found_by_name_with_their_entropy_and_questions() -> None:
    declared = data_map(questions=2)
    assert {name: spec.entropy for name, spec in declared.fields.items()} == {
        "city": Entropy.GUESSABLE,
        "phone": Entropy.HIGH,
    }
    assert declared.fields["city"].questions == (
        "What is the city of {name}?",
        "Which city belongs to {name}?",
    )


def test_sizes_are_the_usual_ones_unless_declared() -> None:
    usual = data_map().sizes
    assert (usual.twins, usual.strangers, usual.trained_questions) == (20, 200, 2)
    assert replace(data_map(), sizes=Sizes(twins=3)).sizes.twins == 3


def test_a_declaration_does_not_change_after_it_was_read() -> None:
    declared = data_map()
    with pytest.raises(FrozenInstanceError):
        declared.base_models = ()  # type: ignore[misc]  # on purpose
    with pytest.raises(FrozenInstanceError):
        declared.neighbours.by_surname = False  # type: ignore[misc]  # on purpose
