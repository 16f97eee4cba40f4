"""Records that may be about a person or a namesake, and a desk to decide at."""

import json

from support.steps import Controller

from unlearn_core.domain.reviews import RecordDecision, ReviewReason, Ruling
from unlearn_core.privacy import Personal
from unlearn_core.steps.review_records import ReviewDesk

ANNA = "anna"


def plant_namesakes(controller: Controller, *, count: int = 2) -> list[str]:
    """Add records of people who share a trained person's name; return their ids."""
    name = controller.population.trained[0].name
    ids = [f"n-{number}" for number in range(count)]
    with controller.paths.corpus.open("a", encoding="utf-8") as file:
        for record_id in ids:
            row = {
                "id": record_id,
                "name": name,
                "customer": f"KD-99{record_id[2:]}99",
                "text": f"{name} has moved to another planet.",
            }
            file.write(json.dumps(row) + "\n")
    return ids


def review_desk(
    controller: Controller, *, officers: tuple[str, ...] = (ANNA,)
) -> ReviewDesk:
    """Return the desk at which uncertain records are decided about."""
    return ReviewDesk(
        holder="desk",
        officers=officers,
        requests=controller.store,
        ledger=controller.store,
        leases=controller.leases,
        custody=controller.custody,
    )


def decision(
    *numbers: int,
    ruling: str = "keep",
    reason: str = "namesake",
    officer: str = ANNA,
    reasoning: str | None = None,
) -> RecordDecision:
    """Return a decision about records of a list."""
    return RecordDecision(
        numbers=numbers,
        ruling=Ruling(ruling),
        reason=ReviewReason(reason),
        officer=officer,
        reasoning=Personal(reasoning) if reasoning else None,
    )
