"""Every error that unlearn raises on purpose, in one tree.

The groups say who has to act::

    UnlearnError
    |-- RequestError            the data subject, or whoever submits for them
    |       InvalidIdentifierError, UnknownRequestError, IdentityNotVerifiedError,
    |       DuplicateRequestError
    |-- PolicyError             the controller
    |       InvalidDataMapError, InvalidPolicyError, InvalidRecipeError,
    |       EmptyForgetSetError, OverlappingSetsError, TooFewControlsError
    |-- IntegrityError          the auditor
    |       LedgerBrokenError, SignatureInvalidError, DigestMismatchError,
    |       SealBrokenError, ManifestInvalidError, IncompatibleBaseError,
    |       DowngradeRefusedError, LineageConflictError, CertificateInvalidError,
    |       IllegalTransitionError, CommitmentBrokenError
    `-- DependencyError         the operator
            SettingsError, SourceUnreadableError, SourceChangedError, StorageError,
            DatabaseUnavailableError, SchemaOutdatedError, RegistryUnavailableError,
            RegistryOutdatedError, OrchestratorUnavailableError,
            ServingUnavailableError, KeyMissingError, KeyDestroyedError, LeaseBusyError,
            LeaseLostError, ModelUnavailableError, TrainingDivergedError,
            OffsetRequiredError, UnexpectedError

An error is built from named *facts* only: numbers, digests, names, never a personal
value, so it may be logged. ``code`` is stable; ``next_step`` tells what to do now.
"""

from typing import ClassVar
from uuid import UUID

SafeFact = str | int | float | UUID | None
"""What an error may carry; strings are names from the configuration or digests."""


class UnlearnError(Exception):
    """Base of all errors raised on purpose; its facts end up in the text."""

    code: ClassVar[str] = "unlearn_error"
    summary: ClassVar[str] = "unlearn could not continue"
    next_step: ClassVar[str] = "See the operator's log for the event of this time."

    def __init__(self, **facts: SafeFact) -> None:
        self.facts = facts
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        details = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.summary} ({details})" if details else self.summary

    def diagnostics(self) -> str:
        """Return the sentence for a person: what happened and what to do next."""
        return f"{self._sentence()}. {self.next_step}"


class RequestError(UnlearnError):
    """The submitter must change or complete something."""

    code = "request_error"


class InvalidIdentifierError(RequestError):
    """An identifier is empty, malformed or of an unknown kind."""

    code = "invalid_identifier"
    summary = "an identifier is missing, empty or malformed"
    next_step = (
        "Send at least a full name and one of e-mail, phone or customer number, "
        "each in its usual written form."
    )


class UnknownRequestError(RequestError):
    """No request has this identifier."""

    code = "unknown_request"
    summary = "there is no such request"
    next_step = "Check the request id that was returned on submission."


class IdentityNotVerifiedError(RequestError):
    """The evidence of identity does not convince the policy."""

    code = "identity_not_verified"
    summary = "the requester's identity could not be verified"
    next_step = "Ask the requester for fresh evidence and submit it again."


class DuplicateRequestError(RequestError):
    """A verified request of the same person is already being worked on."""

    code = "duplicate_request"
    summary = "a verified request of the same person is already in progress"
    next_step = "Nothing needs to be done; follow the earlier request."


class PolicyError(UnlearnError):
    """The controller must decide or correct a policy."""

    code = "policy_error"


class InvalidDataMapError(PolicyError):
    """The data map cannot be used."""

    code = "invalid_data_map"
    summary = "the data map is not valid"
    next_step = "Correct the named entry of the data map and run the check again."


class InvalidPolicyError(PolicyError):
    """The acceptance policy cannot be used."""

    code = "invalid_policy"
    summary = "the acceptance policy is not valid"
    next_step = "Correct the named entry of the policy file."


class InvalidRecipeError(PolicyError):
    """The training recipe cannot be used."""

    code = "invalid_recipe"
    summary = "the training recipe is not valid"
    next_step = "Correct the named value of the recipe."


class EmptyForgetSetError(PolicyError):
    """There is nothing to forget."""

    code = "empty_forget_set"
    summary = "the forget set is empty"
    next_step = "Check that the located records carry the fields of the data map."


class OverlappingSetsError(PolicyError):
    """Forget, retain and holdout sets are not disjoint."""

    code = "overlapping_sets"
    summary = "the forget, retain and holdout sets share records"
    next_step = "Remove the shared records from the retain and holdout sources."


class TooFewControlsError(PolicyError):
    """The control group is too small for the test that was declared."""

    code = "too_few_controls"
    summary = "there are too few never-trained people for the declared test"
    next_step = "Reserve more people in the holdout source, or declare a larger level."


class IntegrityError(UnlearnError):
    """Evidence or an artifact is not what it claims to be."""

    code = "integrity_error"


class LedgerBrokenError(IntegrityError):
    """The hash chain of the ledger does not hold."""

    code = "ledger_broken"
    summary = "the ledger was changed after it was written"
    next_step = "Stop, keep a copy of the database and call the auditor."


class SignatureInvalidError(IntegrityError):
    """A signature does not verify under the trusted keys."""

    code = "signature_invalid"
    summary = "the signature does not verify under a trusted key"
    next_step = "Do not use the file; fetch it again from its source."


class DigestMismatchError(IntegrityError):
    """A file does not have the digest that was signed for it."""

    code = "digest_mismatch"
    summary = "a file does not match its signed digest"
    next_step = "Do not use the file; fetch it again from its source."


class ManifestInvalidError(IntegrityError):
    """A manifest is malformed or contradicts itself."""

    code = "manifest_invalid"
    summary = "the manifest is malformed"
    next_step = "Register the artifact again with this version of unlearn."


class IncompatibleBaseError(IntegrityError):
    """An artifact was made for another base model or tokenizer."""

    code = "incompatible_base"
    summary = "the artifact belongs to another base model or tokenizer"
    next_step = "Use the base that was named, or train a pair with its tokenizer."


class DowngradeRefusedError(IntegrityError):
    """An artifact older than one already served was offered."""

    code = "downgrade_refused"
    summary = "the offered artifact is older than the one already served"
    next_step = "Roll forward with a new version instead of back."


class LineageConflictError(IntegrityError):
    """A version does not build on the latest registered one."""

    code = "lineage_conflict"
    summary = "the artifact does not build on the latest registered version"
    next_step = "The request is trained again on top of the latest version."


class CertificateInvalidError(IntegrityError):
    """A certificate fails one of its numbered checks."""

    code = "certificate_invalid"
    summary = "the certificate is not valid"
    next_step = "Ask the issuer for the original file and its public key."


class SealBrokenError(IntegrityError):
    """Sealed data cannot be authenticated."""

    code = "seal_broken"
    summary = "sealed data was changed or sealed for another purpose"
    next_step = "Treat the stored object as lost and look for the cause."


class IllegalTransitionError(IntegrityError):
    """A stage may not follow the one before it."""

    code = "illegal_transition"
    summary = "a request cannot go from its present stage to the named one"
    next_step = "Inspect the request's ledger entries."


class CommitmentBrokenError(IntegrityError):
    """Verification would use something else than was fixed before training."""

    code = "commitment_broken"
    summary = "verification may only use what was committed to before training"
    next_step = "Restore that policy and that code, or order another round."


class DependencyError(UnlearnError):
    """Something that unlearn depends on must be repaired by the operator."""

    code = "dependency_error"


class SettingsError(DependencyError):
    """A setting is missing or contradictory."""

    code = "settings_error"
    summary = "a setting is missing or wrong"
    next_step = "Set the named UNLEARN_ variable; `.env.example` lists all of them."


class SourceUnreadableError(DependencyError):
    """A training source, or a part of it, cannot be read."""

    code = "source_unreadable"
    summary = "a training source could not be read completely"
    next_step = "Repair the source; the request continues by itself afterwards."


class SourceChangedError(DependencyError):
    """Somebody else wrote to a source while records were being erased there."""

    code = "source_changed"
    summary = "a training source was written to while records were erased there"
    next_step = "Nothing was lost; it is tried again. Pause the writer if it recurs."


class DatabaseUnavailableError(DependencyError):
    """The database does not answer."""

    code = "database_unavailable"
    summary = "the database does not answer"
    next_step = "Start the database; nothing was lost and work resumes by itself."


class SchemaOutdatedError(DependencyError):
    """The database has no tables yet, or those of another version."""

    code = "schema_outdated"
    summary = "the database schema is missing or belongs to another version"
    next_step = "Run `unlearn database upgrade`."


class RegistryUnavailableError(DependencyError):
    """The model registry does not answer."""

    code = "registry_unavailable"
    summary = "the MLflow registry does not answer"
    next_step = "Start the MLflow server; the request resumes by itself."


class RegistryOutdatedError(RegistryUnavailableError):
    """The tables of MLflow's store are those of another version of MLflow."""

    code = "registry_outdated"
    summary = "the tables of MLflow's store belong to another version of MLflow"
    next_step = "Back the store up, then run `mlflow db upgrade` with its address."


class OrchestratorUnavailableError(DependencyError):
    """The Prefect server does not answer."""

    code = "orchestrator_unavailable"
    summary = "the Prefect server does not answer"
    next_step = "The request is stored; start Prefect and it is picked up by itself."


class ServingUnavailableError(DependencyError):
    """An inference service does not answer or does not confirm a version."""

    code = "serving_unavailable"
    summary = "an inference service does not confirm the expected version"
    next_step = "Check the named replica's /ready page and log."


class StorageError(DependencyError):
    """An object or file cannot be written or read, a full disk included."""

    code = "storage_error"
    summary = "the object store cannot be written or read"
    next_step = "Free space or repair the store; the request resumes by itself."


class KeyMissingError(DependencyError):
    """A key file is missing or unreadable."""

    code = "key_missing"
    summary = "a key is missing"
    next_step = "Run `unlearn keys init`, or restore the key directory."


class KeyDestroyedError(DependencyError):
    """The data key was destroyed on purpose; the data is gone."""

    code = "key_destroyed"
    summary = "the data key was destroyed when the working data was purged"
    next_step = "Nothing can be read any more; this is intended."


class LeaseBusyError(DependencyError):
    """Another worker holds the lease."""

    code = "lease_busy"
    summary = "another worker is at work on this"
    next_step = "Wait; the lease expires if that worker is lost."


class LeaseLostError(DependencyError):
    """The lease was taken over; this worker must stop."""

    code = "lease_lost"
    summary = "another worker has taken over; this one stops without side effects"
    next_step = "Nothing needs to be done."


class ModelUnavailableError(DependencyError):
    """A base or reference model cannot be loaded."""

    code = "model_unavailable"
    summary = "a model could not be loaded"
    next_step = "Check the model directory named in the settings."


class TrainingDivergedError(DependencyError):
    """Training met a value that is not a number."""

    code = "training_diverged"
    summary = "training produced a value that is not a number"
    next_step = "Lower the learning rate of the recipe's rung."


class OffsetRequiredError(DependencyError):
    """A service that requires an offset has none that it may use."""

    code = "offset_required"
    summary = "no acceptable offset is loaded, so nothing is answered"
    next_step = "Restore the registry connection or promote a valid version."


class UnexpectedError(DependencyError):
    """Stands in for a foreign error whose text might hold personal data."""

    code = "unexpected_error"
    summary = "an unexpected error occurred; its text is withheld"
    next_step = "Reproduce it with the request id on a machine without real data."
