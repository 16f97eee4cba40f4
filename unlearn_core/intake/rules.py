"""Who may use which route: the whole truth, in one table.

A route that is not in the table is refused to everybody, so a new one opens nothing
until somebody has decided who may use it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from unlearn_core.domain.access import Role


class Door(StrEnum):
    """How somebody comes in."""

    PUBLIC = "public"
    """Nobody is asked."""
    LINK = "link"
    """The address itself is the secret of one data subject."""
    KEY = "key"
    """A key in the header ``Authorization: Bearer``; cookies count for nothing."""
    SESSION = "session"
    """The cookie of a signed-in browser; keys count for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may use a route.

    Attributes:
        door: How they come in.
        roles: Who may; any one of them is enough.
        reads: What of a person's request they see; every access is recorded.
        takes_form: Whether it takes a form of ours; no other site's is accepted.
        is_slow: Whether one address may use it only a few times a minute.
    """

    door: Door
    roles: frozenset[Role] = frozenset()
    reads: str | None = None
    takes_form: bool = False
    is_slow: bool = False


_OFFICE = frozenset({Role.OPERATOR, Role.APPROVER, Role.AUDITOR})
_REVIEWERS = frozenset({Role.OPERATOR, Role.APPROVER})
_API = "/v1/erasure-requests"
_AGENTS = "/v1/data-rights-request"
_CONTROLLERS = "/v2/requests/{subject_request_id}"
_PAGE = "/console/requests/{request_id}"
_OPEN = Rule(door=Door.PUBLIC)
_LINK_FORM = Rule(
    door=Door.LINK, roles=frozenset({Role.SUBJECT}), takes_form=True, is_slow=True
)


def _key(*roles: Role, reads: str | None = None) -> Rule:
    return Rule(door=Door.KEY, roles=frozenset(roles), reads=reads)


def _page(roles: frozenset[Role], *, reads: str | None = None) -> Rule:
    return Rule(door=Door.SESSION, roles=roles, reads=reads)


def _form(*roles: Role, reads: str | None = None) -> Rule:
    return Rule(door=Door.SESSION, roles=frozenset(roles), reads=reads, takes_form=True)


RULES: Mapping[str, Rule] = {
    "GET /health": _OPEN,
    "GET /openapi.json": _OPEN,
    "GET /style.css": _OPEN,
    f"POST {_API}": _key(Role.OPERATOR),
    f"GET {_API}": _key(*_OFFICE, reads="list"),
    f"GET {_API}/{{request_id}}": _key(*_OFFICE, reads="request"),
    f"POST {_API}/{{request_id}}/identity-code": _key(Role.OPERATOR, reads="request"),
    f"POST {_API}/{{request_id}}/new-identity-code": _key(
        Role.OPERATOR, reads="request"
    ),
    f"GET {_API}/{{request_id}}/certificate": _key(*_OFFICE, reads="certificate"),
    f"GET {_API}/{{request_id}}/certificate/status": _key(*_OFFICE, reads="request"),
    "POST /v1/agent/{agent_id}": Rule(door=Door.PUBLIC, is_slow=True),
    "GET /v1/agent/{agent_id}": _key(Role.AGENT),
    f"POST {_AGENTS}": _key(Role.AGENT),
    f"GET {_AGENTS}/{{request_id}}": _key(Role.AGENT, reads="request"),
    f"DELETE {_AGENTS}/{{request_id}}": _key(Role.AGENT, reads="request"),
    "GET /v2/discovery": _OPEN,
    "GET /v2/certificate.pem": _OPEN,
    "POST /v2/requests": _key(Role.CONTROLLER),
    f"GET {_CONTROLLERS}": _key(Role.CONTROLLER, reads="request"),
    f"DELETE {_CONTROLLERS}": _key(Role.CONTROLLER),
    "GET /request": _OPEN,
    "POST /request": Rule(door=Door.PUBLIC, takes_form=True, is_slow=True),
    "GET /status/{token}": Rule(door=Door.LINK, roles=frozenset({Role.SUBJECT})),
    "POST /status/{token}/code": _LINK_FORM,
    "POST /status/{token}/new-code": _LINK_FORM,
    "POST /status/{token}/cancel": _LINK_FORM,
    "GET /console/login": _OPEN,
    "POST /console/login": Rule(door=Door.PUBLIC, takes_form=True, is_slow=True),
    "GET /console/login/issuer": Rule(door=Door.PUBLIC, is_slow=True),
    "GET /console/callback": Rule(door=Door.PUBLIC, is_slow=True),
    "GET /console": _page(_OFFICE, reads="list"),
    "GET /console/live.js": _OPEN,
    f"GET {_PAGE}": _page(_OFFICE, reads="request"),
    f"POST {_PAGE}/decide": _form(Role.APPROVER, reads="request"),
    f"POST {_PAGE}/restrict": _form(Role.APPROVER, reads="request"),
    f"POST {_PAGE}/lift": _form(Role.APPROVER, reads="request"),
    f"POST {_PAGE}/withdraw": _form(Role.OPERATOR, Role.APPROVER, reads="request"),
    f"GET {_PAGE}/review": _page(_REVIEWERS, reads="review_list"),
    f"POST {_PAGE}/review": _form(*_REVIEWERS, reads="review_list"),
    f"GET {_PAGE}/report": _page(_OFFICE, reads="report"),
    f"GET {_PAGE}/certificate": _page(_OFFICE, reads="certificate"),
    f"GET {_PAGE}/letter": _page(_OFFICE, reads="letter"),
    f"POST {_PAGE}/bundle": _form(Role.AUDITOR, reads="bundle"),
    "GET /console/calendar": _page(_OFFICE, reads="list"),
    "GET /console/figures": _page(_OFFICE | {Role.ADMIN}),
    "GET /console/replicas": _page(_OFFICE | {Role.ADMIN}),
    "GET /console/keys": _page(frozenset({Role.ADMIN, Role.AUDITOR})),
    "POST /console/keys/{key_id}/revoke": _form(Role.ADMIN),
    "POST /console/logout": _form(*(set(Role) - {Role.SUBJECT})),
}
"""``METHOD /path`` as it is declared; a ``HEAD`` is a ``GET``."""
