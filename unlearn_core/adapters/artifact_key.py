"""The key that seals offset pairs: a file, or a file that only AWS KMS can open.

In the clear beside a replica's cache, the key opens the pairs for whoever takes the
disk. Wrapped, it is opened when a process starts and is nowhere but in its memory.
"""

from pathlib import Path

from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.errors import SettingsError

PURPOSE = "offset pairs"


def artifact_key(
    directory: Path, *, kms_key: str, endpoint_url: str | None = None
) -> bytes:
    """Return the key; where it is wrapped, KMS is asked.

    Args:
        directory: Where the key files are.
        kms_key: Key of KMS; empty if there is none.
        endpoint_url: Address of a server that speaks the protocol, None for AWS.

    Raises:
        KeyMissingError: There is none, or none that can be read without KMS.
        SealBrokenError: Another key of KMS has wrapped it.
        StorageError: KMS does not answer or refuses.
    """
    keys = KeyDirectory(directory)
    wrapped = keys.wrapped_artifact_key() if kms_key else None
    if wrapped is None:
        return keys.artifact_key()
    # In vLLM's environment there is no boto3 unless KMS is used.
    from unlearn_core.adapters.wrapping import KmsWrapping  # noqa: PLC0415 - see above

    wrapping = KmsWrapping(kms_key, endpoint_url=endpoint_url)
    return wrapping.unwrap(wrapped, purpose=PURPOSE)


def wrap_artifact_key(
    directory: Path, *, kms_key: str, endpoint_url: str | None = None
) -> None:
    """Let KMS wrap the key, try it, and remove the file that holds it in the clear.

    Args:
        directory: Where the key files are.
        kms_key: Key of KMS.
        endpoint_url: Address of a server that speaks the protocol, None for AWS.

    Raises:
        SettingsError: The settings name no key of KMS.
        KeyMissingError: There is no file to be wrapped.
        StorageError: KMS does not answer or refuses; nothing is changed.
    """
    if not kms_key:
        raise SettingsError(variable="UNLEARN_KEYS__KMS_KEY")
    from unlearn_core.adapters.wrapping import KmsWrapping  # noqa: PLC0415 - as above

    wrapping = KmsWrapping(kms_key, endpoint_url=endpoint_url)
    keys = KeyDirectory(directory)
    key = keys.artifact_key()
    wrapped = wrapping.wrap(key, purpose=PURPOSE)
    if wrapping.unwrap(wrapped, purpose=PURPOSE) == key:
        keys.keep_wrapped_artifact_key(wrapped)
