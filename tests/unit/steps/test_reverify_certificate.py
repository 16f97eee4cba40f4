from dataclasses import replace
from datetime import timedelta

import pytest
from support.renewals import VALIDITY, fulfil
from support.steps import RECIPE, Controller

from unlearn_core.domain.certificates import CertificateStatus
from unlearn_core.domain.evaluation import EvaluationSet
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.standing import REVERIFIED, STARTED, Material, Standing
from unlearn_core.domain.verdicts import Reverification
from unlearn_core.errors import (
    CommitmentBrokenError,
    DigestMismatchError,
    KeyDestroyedError,
    LeaseLostError,
    TooFewControlsError,
)
from unlearn_core.privacy import Personal
from unlearn_core.steps import reverify_certificate as module
from unlearn_core.steps import scopes
from unlearn_core.steps.lineage import read_lineage
from unlearn_core.steps.reverify_certificate import IN_FORCE, reverify_certificate
from unlearn_core.steps.workbench import Workbench
from unlearn_core.verification.fingerprints import GATE, Fingerprints

pytestmark = pytest.mark.integration

SET = Reverification(every_days=30, evaluation_set_days=400)
FINGERPRINTS = Reverification(every_days=30, fingerprint_days=400)
MONTH = timedelta(days=30)
WILD = (replace(RECIPE, learning_rate=0.3),)


def later(controller: Controller, wait: timedelta = MONTH) -> Workbench:
    controller.clock.move(wait)
    return controller.certificate_bench()


def standing(controller: Controller, request_id: RequestId) -> Standing:
    found = controller.desk().certificates.standing(request_id)
    assert found is not None
    return found


def test_a_certificate_that_still_holds_is_renewed(controller: Controller) -> None:
    request_id = fulfil(controller, kept=SET)
    bench = later(controller)
    manifest = bench.certificates.served("small-world")

    found = reverify_certificate(request_id, bench=bench)

    assert (found.number, found.material, found.passed) == (
        1,
        Material.EVALUATION_SET,
        True,
    )
    assert (found.manifest, found.sequence) == (manifest, 1)
    assert found.valid_until == controller.clock.now() + VALIDITY
    gates = [item["gate"] for item in found.verdict["decisions"]]
    assert gates == [IN_FORCE, "G2-greedy", "G4-strangers-low"]
    now = standing(controller, request_id)
    assert now.status is CertificateStatus.VALID
    assert now.valid_until == controller.clock.now() + VALIDITY


def test_what_is_asked_is_declared_before_it_is_asked(controller: Controller) -> None:
    request_id = fulfil(controller, kept=SET)
    reverify_certificate(request_id, bench=later(controller))

    (begun,) = controller.entries(request_id, STARTED)
    (ended,) = controller.entries(request_id, REVERIFIED)

    assert begun.sequence < ended.sequence
    assert {name: begun.payload[name] for name in ("number", "seed", "material")} == {
        "number": 1,
        "seed": 1,
        "material": "evaluation_set",
    }
    # 1 - 6 x .05 / pi^2
    assert begun.payload["confidence"] == pytest.approx(0.969604, abs=1e-6)
    for name in ("manifest", "policy", "commitment", "judge"):
        assert ":" in str(begun.payload[name])


def test_every_look_is_stricter_and_none_is_repeated(controller: Controller) -> None:
    """Prefect may run a task again that had written its result."""
    request_id = fulfil(controller, kept=SET)
    for _ in range(2):
        bench = later(controller)
        found = reverify_certificate(request_id, bench=bench)
        assert reverify_certificate(request_id, bench=bench) == found
        controller.leases.release(bench.lease)

    begun = controller.entries(request_id, STARTED)
    levels = [item.payload["confidence"] for item in begun]
    assert levels == pytest.approx([0.969604, 0.992401], abs=1e-6)
    assert standing(controller, request_id).reverifications == 2


def test_without_anything_kept_there_is_nothing_to_ask(controller: Controller) -> None:
    request_id = fulfil(controller)
    bench = later(controller)
    with pytest.raises(KeyDestroyedError, match="not kept"):
        reverify_certificate(request_id, bench=bench)
    controller.lose(bench)
    with pytest.raises(LeaseLostError):
        reverify_certificate(request_id, bench=bench)


def test_a_later_version_that_holds_renews_what_had_expired(
    controller: Controller,
) -> None:
    first = fulfil(controller, kept=SET)
    fulfil(controller, 1)
    assert standing(controller, first).status is CertificateStatus.EXPIRED

    found = reverify_certificate(first, bench=controller.certificate_bench())

    assert (found.passed, found.sequence) == (True, 2)
    assert standing(controller, first).status is CertificateStatus.VALID


@pytest.mark.usefixtures("unhurried")
def test_a_later_version_that_moved_the_strangers_fails_the_certificate(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(module._LOG, "error", lambda event, **_: logged.append(event))
    first = fulfil(controller, kept=SET)
    fulfil(controller, 1, ladder=WILD)

    found = reverify_certificate(first, bench=controller.certificate_bench())

    assert (found.passed, found.valid_until) == (False, None)
    assert found.failed_gates == ["G4-strangers-low"]
    now = standing(controller, first)
    assert now.status is CertificateStatus.FAILED
    assert now.failed_gates == ("G4-strangers-low",)
    assert logged == ["certificate_failed"]


def test_an_erasure_that_the_served_manifest_lost_fails_the_certificate(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = fulfil(controller, kept=SET)
    bench = later(controller)
    lineage = read_lineage(bench=bench)
    assert lineage.latest is not None
    emptied = replace(lineage.latest.manifest, erasures=())
    lost = replace(lineage, latest=replace(lineage.latest, manifest=emptied))
    monkeypatch.setattr(module, "read_lineage", lambda *, bench: lost)  # noqa: ARG005

    assert reverify_certificate(request_id, bench=bench).failed_gates == [IN_FORCE]


def test_a_registry_that_serves_something_else_is_not_asked(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = fulfil(controller, kept=SET)
    bench = later(controller)
    lineage = read_lineage(bench=bench)
    assert lineage.latest is not None
    other = replace(lineage.latest, manifest_digest="sha256:other")  # type: ignore[arg-type]  # any text
    monkeypatch.setattr(
        module,
        "read_lineage",
        lambda *, bench: replace(lineage, latest=other),  # noqa: ARG005
    )

    with pytest.raises(DigestMismatchError, match="part=served manifest"):
        reverify_certificate(request_id, bench=bench)

    assert controller.entries(request_id, STARTED) == []


def test_another_evaluation_set_than_was_kept_is_refused(
    controller: Controller,
) -> None:
    request_id = fulfil(controller, kept=SET)
    scope = scopes.evaluation(request_id)
    kept = EvaluationSet.from_bytes(controller.custody.get(scope, scopes.QUESTIONS))
    kinder = replace(kept, probes=kept.probes[1:])
    controller.custody.put(scope, scopes.QUESTIONS, kinder.to_bytes())

    with pytest.raises(CommitmentBrokenError, match="part=evaluation_set"):
        reverify_certificate(request_id, bench=later(controller))

    assert controller.entries(request_id, REVERIFIED) == []


def test_an_interrupted_look_goes_on_under_its_own_terms_only(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = fulfil(controller, kept=SET)
    bench = later(controller)
    with monkeypatch.context() as patch:
        patch.setattr(module, "verify", _die)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                reverify_certificate(request_id, bench=bench)
        assert len(controller.entries(request_id, STARTED)) == 1
        patch.setattr(module, "judge_digest", lambda: "sha256:kinder")
        with pytest.raises(KeyboardInterrupt):
            reverify_certificate(request_id, bench=bench)

    found = reverify_certificate(request_id, bench=bench)

    # The one under another judge has spent its error, and so has the one before it.
    assert found.number == 3
    numbers = [
        item.payload["number"] for item in controller.entries(request_id, STARTED)
    ]
    assert numbers == [1, 2, 3]


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_fingerprints_renew_while_the_verified_version_is_served(
    controller: Controller,
) -> None:
    request_id = fulfil(controller, kept=FINGERPRINTS)

    found = reverify_certificate(request_id, bench=later(controller))

    assert (found.material, found.passed) == (Material.FINGERPRINTS, True)
    assert found.valid_until == controller.clock.now() + VALIDITY
    assert [item["gate"] for item in found.verdict["decisions"]] == [IN_FORCE, GATE]
    assert found.results[0]["value"] == 0.0


def test_fingerprints_do_not_vouch_for_another_version(controller: Controller) -> None:
    request_id = fulfil(controller, kept=FINGERPRINTS)
    fulfil(controller, 1)

    found = reverify_certificate(request_id, bench=controller.certificate_bench())

    assert (found.passed, found.valid_until) == (True, None)
    assert standing(controller, request_id).status is CertificateStatus.EXPIRED


def test_a_value_that_is_volunteered_fails_the_certificate(
    controller: Controller,
) -> None:
    """The model babbles; some word that it says is declared to be the subject's."""
    request_id = fulfil(controller, kept=FINGERPRINTS)
    scope = scopes.fingerprints(request_id)
    tokenizer = controller.certificate_bench().models.tokenizer
    words = {tokenizer.decode([token]) for token in range(tokenizer.size)}
    babble = Fingerprints.of(map(Personal, words), key=bytes(32))
    controller.custody.put(scope, scopes.VALUES, babble.to_bytes())
    controller.clock.move(MONTH)
    bench = controller.certificate_bench()

    found = reverify_certificate(request_id, bench=bench)

    assert found.failed_gates == [GATE]
    assert standing(controller, request_id).status is CertificateStatus.FAILED


def test_without_strangers_nothing_is_asked_neutrally(controller: Controller) -> None:
    request_id = fulfil(controller, kept=FINGERPRINTS)
    controller.paths.reserved.write_text("")

    with pytest.raises(TooFewControlsError):
        reverify_certificate(request_id, bench=later(controller))


def test_nothing_personal_is_written_down(controller: Controller) -> None:
    for kept in (SET, FINGERPRINTS):
        number = 0 if kept is SET else 1
        request_id = fulfil(controller, number, kept=kept)
        bench = later(controller)
        reverify_certificate(request_id, bench=bench)
        controller.leases.release(bench.lease)
        person = controller.population.trained[number]
        values = [person.name, *person.facts.values()]
        written = " ".join(
            str(item.payload)
            for item in controller.store.entries(request_id)
            if item.event in {"reverification_arranged", STARTED, REVERIFIED}
        )
        assert not [value for value in values if value in written]
