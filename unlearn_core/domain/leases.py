"""Who may work on what: a lease with a fencing token.

Prefect does not fence: a run that was declared dead and scheduled again can run
beside its living twin. So whoever works on a request holds a lease on it. Every
new holder gets a larger token, and every side effect is refused once a larger
token has been handed out.
"""

from dataclasses import dataclass
from datetime import datetime


def base_resource(base_model: str) -> str:
    """Return the resource whose holder alone may make versions for a base model."""
    return f"base:{base_model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on one resource for a while.

    Attributes:
        resource: What is leased: a request id or ``base:<name>``.
        holder: Name of the worker process.
        token: Fencing token, larger than every earlier one of this resource.
        expires_at: After this moment others may take over.
    """

    resource: str
    holder: str
    token: int
    expires_at: datetime
