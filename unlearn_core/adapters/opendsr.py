"""Signatures of OpenDSR: RSA with SHA-256, in base64, and the certificates behind them.

The processor's certificate is issued by an authority for its domain; a self-signed one
is refused, as the protocol has it. That of a controller is the one that was registered
with us, so no chain of it is followed.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from unlearn_core.domain.senders import SignedMessageError
from unlearn_core.errors import KeyMissingError, SettingsError

SMALLEST_KEY = 2048  # bits


class ProcessorKey:
    """Signs what we answer and call with.

    Args:
        domain: Domain that the certificate is issued for.
        key: File of the private key, PEM.
        certificate: File of the certificate, and of those that issued it, PEM.

    Raises:
        KeyMissingError: A file is missing or unreadable.
        SettingsError: The certificate belongs to another key or domain, or is
            self-signed.
    """

    def __init__(self, *, domain: str, key: Path, certificate: Path) -> None:
        self._key = _private_key(key)
        self.certificate = _bytes(certificate)
        issued = _certificate(certificate)
        if not _is_for(issued, domain) or issued.public_key() != self._key.public_key():
            raise SettingsError(
                variable="UNLEARN_OPENDSR__CERTIFICATE", problem="other key or domain"
            )
        if issued.issuer == issued.subject:
            raise SettingsError(
                variable="UNLEARN_OPENDSR__CERTIFICATE", problem="self-signed"
            )

    def sign(self, raw: bytes) -> str:
        """Return the signature of some bytes."""
        signature = self._key.sign(raw, padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signature).decode()


class ControllerCertificates:
    """Verifies what controllers have signed.

    Args:
        files: Controller to the file of its certificate, PEM.

    Raises:
        KeyMissingError: A file is missing or unreadable.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._certificates = {name: _certificate(file) for name, file in files.items()}

    def check(
        self, raw: bytes, *, signature: str, controller: str, now: datetime
    ) -> None:
        """Make sure that a controller has signed some bytes.

        Raises:
            SignedMessageError: It has not, or its certificate does not count now.
        """
        certificate = self._certificates.get(controller)
        if certificate is None:
            raise SignedMessageError(problem="no certificate is registered")
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not begins <= now <= ends:
            raise SignedMessageError(problem="the certificate is not valid now")
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise SignedMessageError(problem="the certificate has no RSA key")
        try:
            key.verify(
                base64.b64decode(signature, validate=True),
                raw,
                padding.PKCS1v15(),
                hashes.SHA256(),
            )
        except (ValueError, InvalidSignature):
            raise SignedMessageError(problem="the signature does not verify") from None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise KeyMissingError(file=file.name) from None


def _certificate(file: Path) -> x509.Certificate:
    """Return the first certificate of a file."""
    try:
        return x509.load_pem_x509_certificate(_bytes(file))
    except ValueError:
        raise KeyMissingError(file=file.name) from None


def _private_key(file: Path) -> RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(_bytes(file), password=None)
    except (ValueError, TypeError):
        raise KeyMissingError(file=file.name) from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < SMALLEST_KEY:
        raise KeyMissingError(file=file.name, problem="no RSA key of 2048 bits")
    return key


def _is_for(certificate: x509.Certificate, domain: str) -> bool:
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return False
    return domain in names.value.get_values_for_type(x509.DNSName)
