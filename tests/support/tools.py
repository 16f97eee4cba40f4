"""What the demo attacks with, over ports in memory."""

from support.steps import BASE_MODEL, Controller

from unlearn_core.demo.wiring import DemoTools


def tools_of(controller: Controller) -> DemoTools:
    """Return the demo's tools for a controller."""
    return DemoTools(
        base_model=BASE_MODEL,
        ledger=controller.store,
        evidence=controller.evidence,
        registry=controller.registry,
        runs=controller.runs,
        signer=controller.notary,
        opener=controller.notary,
    )
