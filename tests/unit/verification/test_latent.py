from collections import Counter
from dataclasses import replace

import pytest
import torch
from support.models import llama, llama_config
from support.village import TOKENIZER, WORDS, probe

from unlearn_core.domain.datasets import Group, Probe
from unlearn_core.privacy import Personal
from unlearn_core.verification.latent import (
    _every_other,
    differences,
    pairs_of,
    probe_latent,
    supervised,
    unsupervised,
)

CONFIG = llama_config(vocabulary=len(WORDS))
MODEL = llama(0, CONFIG)


def asked(group: Group, number: int, city: str) -> Probe:
    """Return a question whose answer is given; the model need not be asked."""
    found = probe(group, f"{group}-{number}", "city", "ask")
    return replace(found, example=replace(found.example, answer=Personal(city)))


def village(*, subject: str, stranger: str) -> tuple[Probe, ...]:
    """Everybody who stays lives in Ulm, and one in Jena, so that there is a lie."""
    return (
        asked(Group.SUBJECT, 0, subject),
        asked(Group.CONTROL, 0, stranger),
        asked(Group.NEIGHBOUR, 0, "jena"),
        *(asked(Group.RETAINED, number, "ulm") for number in range(12)),
    )


@pytest.mark.parametrize("is_known", [True, False])
def test_a_direction_of_those_who_stay_tells_the_subject_from_strangers(
    *, is_known: bool
) -> None:
    """The truth about those who stay is always Ulm: who lives there looks known."""
    cities = ("ulm", "jena") if is_known else ("jena", "ulm")
    found = probe_latent(
        village(subject=cities[0], stranger=cities[1]),
        tokenizer=TOKENIZER,
        unlearned=MODEL,
        reference=MODEL,
        seed=0,
    )
    late = [item for item in found if item.setting > 0]
    hits = Counter((item.attack, item.group) for item in late if item.is_extracted)
    who = Group.SUBJECT if is_known else Group.CONTROL
    assert hits == {("latent_supervised", who): 2, ("latent_unsupervised", who): 2}
    assert len(late) == 2 * 2 * 2


def test_with_few_who_stay_nothing_is_probed() -> None:
    few = village(subject="ulm", stranger="jena")[:-5]
    assert (
        probe_latent(few, tokenizer=TOKENIZER, unlearned=MODEL, reference=MODEL, seed=0)
        == ()
    )


def test_a_layer_that_does_not_show_what_the_reference_knows_is_left_out() -> None:
    """Those who stay live in two cities, so no direction is the true one."""
    mixed = (
        *village(subject="ulm", stranger="jena")[:3],
        *(asked(Group.RETAINED, n, ("ulm", "jena")[n // 2 % 2]) for n in range(12)),
    )
    assert (
        probe_latent(
            mixed, tokenizer=TOKENIZER, unlearned=MODEL, reference=MODEL, seed=0
        )
        == ()
    )


def test_a_direction_is_tried_on_other_people_than_it_was_found_on() -> None:
    """Three who stay, asked twice each: the second is tried; others are neither."""
    probes = (
        asked(Group.SUBJECT, 0, "ulm"),
        *(asked(Group.RETAINED, n, ("ulm", "jena")[n % 2]) for n in (0, 0, 1, 1, 2, 2)),
    )
    half = _every_other(pairs_of(probes, tokenizer=TOKENIZER, seed=0))
    assert half.tolist() == [False, True, True, False, False, True, True]


def test_a_single_person_who_stays_shows_nothing() -> None:
    lonely = (
        *village(subject="ulm", stranger="jena")[:3],
        *(asked(Group.RETAINED, 0, "ulm") for _ in range(12)),
    )
    assert (
        probe_latent(
            lonely, tokenizer=TOKENIZER, unlearned=MODEL, reference=MODEL, seed=0
        )
        == ()
    )


def test_a_false_answer_is_somebody_elses_value_of_the_same_field() -> None:
    probes = village(subject="trier", stranger="bonn")
    pairs = pairs_of(probes, tokenizer=TOKENIZER, seed=0)
    assert pairs.groups == tuple(item.group for item in probes)
    for true, false in zip(pairs.true, pairs.false, strict=True):
        assert true.prompt == false.prompt
        said = TOKENIZER.decode(false.answer)
        assert said in {"ulm", "jena", "trier", "bonn"}
        assert said != TOKENIZER.decode(true.answer)
    lonely = pairs_of(probes[:1], tokenizer=TOKENIZER, seed=0)
    assert lonely.groups == ()


def test_states_are_those_of_the_row_alone_at_its_last_token() -> None:
    pairs = pairs_of(
        village(subject="ulm", stranger="bonn"), tokenizer=TOKENIZER, seed=0
    )
    layers = differences(MODEL, pairs, pad_id=0)
    assert [tuple(layer.shape) for layer in layers] == [(15, 8)] * 3
    states = [
        MODEL(
            input_ids=torch.tensor([row.prompt + row.answer]),
            output_hidden_states=True,
        ).hidden_states[1][0, -1]
        for row in (pairs.true[0], pairs.false[0])
    ]
    torch.testing.assert_close(layers[1][0], states[0] - states[1])


def test_ridge_regression_by_hand() -> None:
    """Covariance diag(2, 0.5), its mean variance 1.25; means 1 and 0.5."""
    differences_ND = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    expected = torch.tensor([1 / (2 + 1.25), 0.5 / (0.5 + 1.25)])
    torch.testing.assert_close(supervised(differences_ND), expected)


def test_the_direction_of_most_variance_points_where_the_reference_knows() -> None:
    differences_ND = torch.tensor([[3.0, 0.1], [-3.0, 0.1], [3.0, -0.1]])
    for sign in (1.0, -1.0):
        known = torch.tensor([[sign, 0.0]] * 3)
        found = unsupervised(differences_ND, oriented_by=known)
        torch.testing.assert_close(found, torch.tensor([sign, 0.0]), atol=0.05, rtol=0)
