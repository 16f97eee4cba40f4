"""What a worker has at hand: ports, policies, models, and the lease it works under."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import torch
from transformers import PreTrainedModel

from unlearn_core import ports
from unlearn_core.domain.artifacts import ModelIdentity
from unlearn_core.domain.data_map import DataMap
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import Channel, ErasureRequest, Stage
from unlearn_core.domain.verdicts import AcceptancePolicy
from unlearn_core.modeling.tokens import TransformersTokenizer
from unlearn_core.modeling.weights import (
    PRECISIONS,
    Spread,
    choose_device,
    identity_of,
    let_go,
    load_model,
    load_tokenizer,
    without_padding,
)
from unlearn_core.privacy import Pseudonymiser
from unlearn_core.steps.standing import CertificateDesk
from unlearn_core.training.recipe import RecipeLadder
from unlearn_core.verification.public_questions import PublicQuestions

KEPT_AT_HAND_BYTES = 2**28
"""A base that is not larger stays: to load it again would take longer."""


class ModelShelf:
    """The base model and its reference, loaded when first needed.

    Args:
        base: Directory of the base model.
        reference: Directory of the frozen small model.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``float32`` or ``bfloat16``, of the base model's passes.
        offload: Folder for what of the base devices and memory do not hold; None for
            a base that one device holds.
    """

    def __init__(
        self,
        *,
        base: Path,
        reference: Path,
        device: str,
        precision: str = "float32",
        offload: Path | None = None,
    ) -> None:
        self._base = base
        self._reference = reference
        self._device = device
        self._precision = precision
        self._spread = Spread(offload=offload) if offload else None

    @cached_property
    def device(self) -> torch.device:
        """Return where tensors live."""
        return choose_device(self._device)

    @cached_property
    def tokenizer(self) -> TransformersTokenizer:
        """Return the tokenizer of the base model."""
        return load_tokenizer(self._base)

    @cached_property
    def identity(self) -> ModelIdentity:
        """Return the digests that identify the base model."""
        return identity_of(self._base)

    @cached_property
    def base(self) -> PreTrainedModel:
        """Return the base model."""
        model = load_model(
            self._base,
            device=self.device,
            dtype=PRECISIONS[self._precision],
            spread=self._spread,
        )
        return without_padding(model, tokens=self.tokenizer.size)

    def put_base_back(self) -> None:
        """Free the memory of a large base; who asks for it again loads it again.

        Whoever still holds it holds a model without weights.
        """
        held = self.__dict__.get("base")
        if held is not None and held.get_memory_footprint() > KEPT_AT_HAND_BYTES:
            let_go(held)
            del self.__dict__["base"]

    @cached_property
    def reference(self) -> PreTrainedModel:
        """Return the frozen small model."""
        model = load_model(self._reference, device=self.device)
        return without_padding(model, tokens=self.tokenizer.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Fixed terms of the installation.

    Attributes:
        base_model: Name of the base model.
        code_version: Version of unlearn.
        certificate_validity: How long a verification is vouched for.
        pointer_validity: How long a serving pointer is valid.
        confirm_timeout: Longest wait for replicas to confirm.
        source_attempts: Failed searches of a source before it counts as unsearched.
        needs_approval: Whether officers approve before anything is erased.
        cooling_off: How long what was decided can still be cancelled.
        brief_laws: Whether laws of the base may be kept in brief.
        restricts_at_once: Whether a verified request restricts the subject's data.
    """

    base_model: str
    code_version: str
    certificate_validity: timedelta
    pointer_validity: timedelta
    confirm_timeout: timedelta
    source_attempts: int = 3
    needs_approval: bool = False
    cooling_off: timedelta = timedelta(0)
    brief_laws: bool = False
    restricts_at_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """Everything that the steps of one request use.

    Attributes:
        teacher: A base elsewhere that training learns from instead of the one here.
        public: Public questions that verification asks; None for none.
        lease: The right to work on the request.
        base_lease: The right to change what is served for the base model; held from
            training to confirmation, so that versions follow one another.
        trusted: Channels whose senders vouch for the subject.
    """

    lease: Lease
    base_lease: Lease | None = None
    teacher: ports.LogprobSource | None = None
    public: PublicQuestions | None = None
    terms: Terms
    policy: AcceptancePolicy
    ladder: RecipeLadder
    data_map: DataMap
    models: ModelShelf
    pseudonymiser: Pseudonymiser
    sources: Mapping[str, ports.SourceConnector]
    holdout: ports.SourceConnector
    requests: ports.RequestStore
    ledger: ports.Ledger
    leases: ports.LeaseStore
    custody: ports.Custody
    evidence: ports.EvidenceStore
    registry: ports.ArtifactRegistry
    runs: ports.RunTracker
    signer: ports.Signer
    envelopes: ports.EnvelopeOpener
    sealer: ports.PairSealer
    fleet: ports.ServingFleet
    notifier: ports.Notifier
    outbox: ports.Outbox
    register: ports.RecipientRegister
    identity: ports.IdentityPolicy
    clock: ports.Clock
    trusted: frozenset[Channel] = frozenset()

    def trusts(self, request: ErasureRequest) -> bool:
        """Tell whether its sender vouches for the subject, and nothing is owed."""
        owes_proof = request.stage is Stage.PROOF_AWAITED
        return request.channel in self.trusted and not owes_proof

    @property
    def certificates(self) -> CertificateDesk:
        """Return what looking at certificates needs."""
        return CertificateDesk(
            requests=self.requests, ledger=self.ledger, clock=self.clock
        )

    def check_lease(self) -> None:
        """Make sure that this worker may still cause side effects.

        Raises:
            LeaseLostError: Another worker has taken over.
        """
        self.leases.check(self.lease)
        if self.base_lease is not None:
            self.leases.check(self.base_lease)
