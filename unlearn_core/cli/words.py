"""What has happened to a request, in words for people."""

from collections.abc import Mapping

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage
from unlearn_core.domain.restricted import (
    LIFT_PROPOSED,
    RESTRICTED,
    RESTRICTION_IN_FORCE,
    RESTRICTION_LIFTED,
)

STAGE_WORDS: Mapping[str, str] = {
    "received": "received: the legal clock is running",
    "acknowledged": "acknowledged to the subject",
    "proof_awaited": "waits for a proof of identity",
    "proof_given": "identity proven",
    "identity_verified": "identity verified",
    "refused": "identity not verified: refused",
    "joined": "joined to an earlier request of the same person",
    "under_review": "uncertain records wait for a decision",
    "reviewed": "every uncertain record was decided about",
    "located": "personal data located in the sources",
    "not_found": "nothing found in the sources",
    "referred": "laid before the officers: two have to decide",
    "approved": "approved by two officers",
    "cooling_off": "can still be cancelled; nothing is erased before a stated moment",
    "on_hold": "on hold",
    "released": "released: the sources are searched again",
    "declined": "refused by two officers, with reasons",
    "withdrawn": "withdrawn by the subject",
    "sources_erased": "records erased in the sources and read back",
    "base_spared": "the base model was trained on none of them",
    "datasets_built": "forget, retain and holdout sets sealed",
    "trained": "offset pair trained",
    "unlearning_rejected": "verification rejected the pair; next rung",
    "unlearning_verified": "verification passed",
    "overtaken": "another request was promoted meanwhile: training starts again",
    "escalated": "every rung was rejected: a person has to decide",
    "retried": "a person ordered another round of training",
    "given_up": "two officers ended it without suppression",
    "registered": "version registered in MLflow",
    "promoted": "version promoted",
    "serving_confirmed": "every replica serves it",
    "purged": "working data shredded",
    "certified": "certificate issued",
    "notified": "subject notified: closed",
}


RESTRICTION_WORDS: Mapping[str, str] = {
    RESTRICTED: "use restricted: replicas are being told",
    RESTRICTION_IN_FORCE: "restriction in force at every replica",
    LIFT_PROPOSED: "lift of the restriction proposed",
    RESTRICTION_LIFTED: "restriction ended",
}


def words_of(entry: LedgerEntry) -> str | None:
    """Return what an entry says to people; None if it is not for them."""
    word = STAGE_WORDS.get(entry.event) or RESTRICTION_WORDS.get(entry.event)
    seconds, without = served_after(entry), entry.payload.get("cut_off")
    if word and seconds is not None:
        word = f"{word}, {seconds:.1f} s after registration"
    if word and isinstance(without, list) and without:
        word = f"{word}, without those cut off: {', '.join(map(str, without))}"
    return word


def served_after(entry: LedgerEntry) -> float | None:
    """Return the seconds from registration until every replica served a version."""
    seconds: JsonValue = entry.payload.get("seconds")
    is_known = entry.event == Stage.SERVING_CONFIRMED and isinstance(seconds, float)
    return float(str(seconds)) if is_known else None
