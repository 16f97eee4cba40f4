"""What has happened to a request, in words for people."""

from collections.abc import Mapping

STAGE_WORDS: Mapping[str, str] = {
    "received": "received: the legal clock is running",
    "acknowledged": "acknowledged to the subject",
    "identity_verified": "identity verified by a signed token",
    "refused": "identity not verified: refused",
    "joined": "joined to an earlier request of the same person",
    "located": "personal data located in the sources",
    "not_found": "nothing found in the sources",
    "referred": "laid before the officers: two have to decide",
    "approved": "approved by two officers",
    "on_hold": "on hold",
    "released": "released: the sources are searched again",
    "declined": "refused by two officers, with reasons",
    "withdrawn": "withdrawn by the subject",
    "sources_erased": "records erased in the sources and read back",
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
