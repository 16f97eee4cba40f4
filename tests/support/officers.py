"""Two officers, and the desk at which they decide."""

from zoneinfo import ZoneInfo

from support.steps import Controller

from unlearn_core.steps.decide_request import DecisionDesk

ANNA, BELA = "anna", "bela"


def desk_of(controller: Controller, *officers: str) -> DecisionDesk:
    """Return the desk of a controller."""
    return DecisionDesk(
        holder="officer-1",
        officers=officers or (ANNA, BELA),
        timezone=ZoneInfo("Europe/Berlin"),
        is_holiday=lambda _day: False,
        requests=controller.store,
        ledger=controller.store,
        leases=controller.leases,
        custody=controller.custody,
        notifier=controller.notifier,
        clock=controller.clock,
    )
