"""Digests of the code that verification runs, to be committed to before training."""

from importlib.util import find_spec
from pathlib import Path

from unlearn_core.domain import framing
from unlearn_core.domain.canonical import Digest, digest_of, digest_of_json
from unlearn_core.errors import InvalidPolicyError

ATTACKING = (
    "attacks",
    "hunts",
    "latent",
    "lens",
    "mutations",
    "relearning",
    "search",
    "self_prompt",
    "suffixes",
    "teaching",
)
"""Modules of this package that attack the artifact, calibrate and search for words."""


def source_digest(module: str) -> Digest:
    """Return the digest of a module's source file.

    An auditor gets the same with ``sha256sum`` from the release that a certificate
    names.

    Raises:
        InvalidPolicyError: It has no source file to be read.
    """
    found = find_spec(module)
    if found is None or found.origin is None:
        raise InvalidPolicyError(unreadable_module=module)
    return digest_of(Path(found.origin).read_bytes())


def attacks_digest() -> Digest:
    """Return the digest of how attacks are made and words are searched for.

    It covers the source of every module that does, their settings included, and the
    sentences that prompts evolve from. What a search may cost is in the policy.
    """
    modules = [f"{__package__}.{name}" for name in ATTACKING]
    return digest_of_json(
        {name: source_digest(name) for name in (*modules, framing.__name__)}
    )
