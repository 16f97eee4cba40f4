"""Where certificates stand, for whoever asks: worker, intake and command line.

What is served is read from the ledger, not from the registry: the promoted version with
the highest sequence, and the manifest that was registered for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from unlearn_core import ports
from unlearn_core.domain.canonical import Digest
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.standing import Renewals, Standing, read_renewals


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDesk:
    """What looking at certificates needs."""

    requests: ports.RequestStore
    ledger: ports.Ledger
    clock: ports.Clock

    def renewals(self, request_id: RequestId) -> Renewals | None:
        """Return what the ledger says of a certificate, if there is one."""
        return read_renewals(self.ledger.entries(request_id))

    def standing(self, request_id: RequestId) -> Standing | None:
        """Return where the certificate of a request stands, if there is one.

        Raises:
            UnknownRequestError: There is no such request.
        """
        base_model = self.requests.get(request_id).base_model
        renewals = self.renewals(request_id)
        if renewals is None:
            return None
        return renewals.standing(self.served(base_model), self.clock.now())

    def served(self, base_model: str) -> Digest | None:
        """Return the digest of the manifest that is served for a base model."""
        promoted = latest_promotion(
            base_model, requests=self.requests, ledger=self.ledger
        )
        if promoted is None:
            return None
        registered = self.ledger.entries(promoted.request_id, event=Stage.REGISTERED)
        *_, latest = registered
        return Digest(str(latest.payload["manifest"]))

    def due(self, base_model: str) -> tuple[RequestId, ...]:
        """Return the requests of a base model that are to be asked about now."""
        served, now = self.served(base_model), self.clock.now()
        return tuple(
            request_id
            for request_id, renewals in self._closed(base_model)
            if renewals.is_due(served, now)
        )

    def outlived(self, base_model: str) -> tuple[RequestId, ...]:
        """Return the requests of which something was kept for long enough."""
        now = self.clock.now()
        return tuple(
            request_id
            for request_id, renewals in self._closed(base_model)
            if renewals.outlived(now)
        )

    def _closed(self, base_model: str) -> Iterator[tuple[RequestId, Renewals]]:
        for request in self.requests.all():
            if not request.is_closed or request.base_model != base_model:
                continue
            renewals = self.renewals(request.request_id)
            if renewals is not None:
                yield request.request_id, renewals


def promoted_sequence(
    base_model: str, *, requests: ports.RequestStore, ledger: ports.Ledger
) -> int:
    """Return the sequence that replicas have to serve; 0 before the first."""
    latest = latest_promotion(base_model, requests=requests, ledger=ledger)
    return int(str(latest.payload["sequence"])) if latest else 0


def latest_promotion(
    base_model: str, *, requests: ports.RequestStore, ledger: ports.Ledger
) -> LedgerEntry | None:
    """Return the ledger entry of the promotion with the highest sequence.

    Promotions that retention has emptied, or whose request it has deleted, belong to
    base models that are served no more.
    """
    of_base = {
        request.request_id
        for request in requests.all()
        if request.base_model == base_model
    }
    return max(
        (
            entry
            for entry in ledger.entries(event=Stage.PROMOTED)
            if entry.request_id in of_base and not entry.is_erased
        ),
        key=lambda entry: int(str(entry.payload["sequence"])),
        default=None,
    )
