"""The record of processing of the service itself, and what a DPIA starts from.

GDPR Art. 30(1) lists what the record of a processing activity says; its letters are the
keys here. Art. 35(7) lists what an impact assessment contains; what the software can
tell is filled in, what people have to judge is asked as a question. Sources, recipients
and times are those that are configured; purpose, measures and risks are those of the
software.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.grounds import ARTICLES
from unlearn_core.domain.retention import WHAT, Kind, Table

FORMAT = "unlearn/processing-record/v1"

PURPOSE = (
    "Answering requests for erasure: finding and erasing records of a person in "
    "training sources, suppressing them in the answers of a language model, and "
    "proving it."
)
PEOPLE = (
    "people who ask for erasure",
    "people whose records are in the sources, as far as sources are searched",
    "officers and operators of the service",
)
MEASURES: Mapping[str, str] = {
    "encryption": "working data is sealed with AES-256-GCM under a key of each "
    "request, wrapped by a key-encryption key that can be rotated",
    "pseudonymisation": "identifiers leave only keyed commitments (HMAC-SHA256)",
    "erasure": "keys are destroyed at the purge; retention deletes the rest and looks",
    "access": "roles for every route, four-eyes decisions, every access recorded",
    "integrity": "a ledger under a Merkle log whose checkpoints can be kept outside",
    "testing": "every version is verified before it is served, and again afterwards",
}
RISKS: Mapping[str, str] = {
    "the base model still holds the data": "weights are never handed out; replicas "
    "refuse to answer without the offset; every certificate says so",
    "an offset pair points at what it hides": "pairs are sealed in the registry and in "
    "caches; nobody can choose its strength or see its parts",
    "somebody else's request": "identity policy before anything is searched; a request "
    "that is not verified neither joins nor delays another",
    "a namesake is erased": "uncertain records wait for a person; a preview is shown",
    "records come back": "restored backups and new corpora are screened",
}
QUESTIONS = (
    "Are the erasures, and what they cost other people's answers, proportionate?",
    "Is suppression at the output enough, or must the base be trained anew?",
    "Who else has copies of the base weights, or of the training sources?",
    "Were data subjects, or their representatives, asked for their views (Art. 35(9))?",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What an installation is, for its record.

    Attributes:
        controller: Name and contact of the controller.
        officer: Contact of the data protection officer; empty if there is none.
        base_model: Name of the base model.
        sources: Name and kind of every training source.
        identifiers: Kinds of identifiers that requests may name.
        fields: Fields about people that the data map declares.
        recipients: Who is told or given something by the service, and what.
        received: Who has received data or weights from the controller, and what.
        periods: How long what is kept.
    """

    controller: str
    officer: str
    base_model: str
    sources: Mapping[str, str]
    identifiers: Sequence[str]
    fields: Sequence[str]
    recipients: Mapping[str, str]
    received: Mapping[str, str]
    periods: Table


def processing_record(place: Installation) -> dict[str, JsonValue]:
    """Return the record of processing and the inputs of an impact assessment."""
    return {
        "format": FORMAT,
        "record": {
            "a_controller": place.controller or "not configured",
            "a_data_protection_officer": place.officer or "not configured",
            "b_purpose": PURPOSE,
            "b_grounds": list(ARTICLES.values()),
            "c_people": list(PEOPLE),
            "c_identifiers": list(place.identifiers),
            "c_data": list(place.fields),
            "c_sources": dict(place.sources),
            "d_recipients": dict(place.recipients),
            "d_recipients_of_the_sources_and_weights": dict(place.received)
            or "none registered",
            "e_third_countries": "none by the software; say where its parts run",
            "f_time_limits": _limits(place.periods),
            "g_measures": dict(MEASURES),
        },
        "impact_assessment": {
            "a_description": f"{PURPOSE} The base model is {place.base_model}.",
            "b_necessity": "GDPR Art. 12, 17, 19: the controller has to answer; data "
            "is searched by the identifiers of the request alone",
            "c_risks": dict(RISKS),
            "d_measures": dict(MEASURES),
            "questions": list(QUESTIONS),
        },
    }


def _limits(periods: Table) -> dict[str, JsonValue]:
    """Return the time limits of every kind: outcomes with the same one together."""
    limits: dict[str, JsonValue] = {}
    for kind in Kind:
        same: dict[str, JsonValue] = {}
        for (of, outcome), period in periods.items():
            if of is kind:
                served = ", and while the base is served" if period.while_served else ""
                words = f"{period.days} days{served} ({period.reason})"
                told = f"{same[words]}, {outcome}" if words in same else str(outcome)
                same[words] = told
        limits[WHAT[kind]] = {str(outcomes): words for words, outcomes in same.items()}
    return limits


def to_markdown(document: Mapping[str, JsonValue]) -> str:
    """Return a record to read: a heading per part, a list per letter."""
    lines = ["# Record of processing activities (GDPR Art. 30)", ""]
    lines += _section(document["record"])
    lines += ["# Inputs of an impact assessment (GDPR Art. 35)", ""]
    lines += _section(document["impact_assessment"])
    return "\n".join(lines)


def _section(part: JsonValue) -> list[str]:
    lines: list[str] = []
    for name, value in part.items() if isinstance(part, Mapping) else ():
        letter, _, words = name.partition("_")
        title = f"({letter}) {words.replace('_', ' ')}" if words else name
        lines += [f"## {title}", "", *_items(value), ""]
    return lines


def _items(value: JsonValue) -> list[str]:
    match value:
        case Mapping():
            return [
                line
                for name, item in value.items()
                for line in (
                    [f"- {name}", *(f"  {inner}" for inner in _items(item))]
                    if isinstance(item, Mapping)
                    else [f"- {name}: {item}"]
                )
            ]
        case list():
            return [f"- {item}" for item in value]
        case _:
            return [str(value)]
