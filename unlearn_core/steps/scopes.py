"""Names of custody scopes: each purpose of a request has its own destroyable key."""

from unlearn_core.domain.requests import RequestId

CONTENT = "content"
LOCATED = "located-records"
REVIEW_LIST = "review-list"
DATASETS = "datasets"
QUESTIONS = "questions"
POLICY = "policy"
VALUES = "values"
CODE = "code"
REFERENCE = "reference"
LANGUAGE = "language"
ERASED = "erased-records"


def working(request_id: RequestId) -> str:
    """Identifiers and everything made from them; destroyed when purged."""
    return str(request_id)


def evidence(request_id: RequestId) -> str:
    """Evidence of identity; destroyed at the decision."""
    return f"{request_id}.evidence"


def contact(request_id: RequestId) -> str:
    """Where the subject wants to be answered; destroyed after the answer."""
    return f"{request_id}.contact"


def notices(request_id: RequestId) -> str:
    """What recipients are told; destroyed when no notice waits to be sent."""
    return f"{request_id}.notices"


def restriction(request_id: RequestId) -> str:
    """What recognises a restricted subject; destroyed when the restriction ends."""
    return f"{request_id}.restriction"


def evaluation(request_id: RequestId) -> str:
    """What is asked again after the purge; destroyed on the day that was set."""
    return f"{request_id}.evaluation"


def fingerprints(request_id: RequestId) -> str:
    """Keyed fingerprints of the subject's values; destroyed on the day that was set."""
    return f"{request_id}.fingerprints"


def reasoning(request_id: RequestId) -> str:
    """Why officers found records exempt; destroyed with the content of the ledger."""
    return f"{request_id}.reasoning"


def reasoning_name(commitment: str) -> str:
    """Return the name of the reasoning that the ledger commits to."""
    return f"reasoning-{commitment[-24:]}"


def held(request_id: str) -> str:
    """How much weights matter for erasures; destroyed when a later version is promoted.

    The request is the last one in the version that it is kept for.
    """
    return f"{request_id}.held"


def importance(digest: str) -> str:
    """Return the name of an importance: of a packed pair, or of a manifest."""
    return f"importance-{digest[-24:]}"


def pair(rung: int) -> str:
    """Return the name of the packed pair of a rung."""
    return f"pair-{rung}"


def bundle(pair_digest: str) -> str:
    """Return the name of the sealed file of a packed pair."""
    return f"bundle-{pair_digest[-12:]}"


def laws(commitment: str) -> str:
    """Return the name of a kept law."""
    return f"laws-{commitment[-24:]}"


def checkpoint(rung: int, recipe: str, *, sequence: int) -> str:
    """Return the name of a rung's checkpoint.

    A checkpoint is continued only by the same recipe on the same earlier version.
    """
    return f"checkpoint-{sequence}-{rung}-{recipe[-12:]}"
