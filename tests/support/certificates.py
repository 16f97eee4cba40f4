"""Real certificates: an authority, and what it has issued."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    generate_private_key,
)
from cryptography.x509.oid import NameOID

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A key with its certificate, in files.

    Attributes:
        private: The key.
        key: File of the key.
        certificate: File of the certificate.
    """

    private: RSAPrivateKey
    key: Path
    certificate: Path


@cache
def private_key(number: int, bits: int = 2048) -> RSAPrivateKey:
    """Return one of several keys, the same in the whole process."""
    del number
    return generate_private_key(public_exponent=65537, key_size=bits)


def issue(
    folder: Path, domain: str, *, number: int, self_signed: bool = False
) -> Issued:
    """Issue a certificate for a domain and write both files."""
    key, authority = private_key(number), private_key(0)
    subject = _name(domain)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if self_signed else _name("An Authority"))
        .public_key(key.public_key())
        .serial_number(number + 1)
        .not_valid_before(BEGINS)
        .not_valid_after(ENDS)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False
        )
        .sign(key if self_signed else authority, hashes.SHA256())
    )
    issued = Issued(
        private=key,
        key=folder / f"{domain}.key.pem",
        certificate=folder / f"{domain}.pem",
    )
    write_key(issued.key, key)
    issued.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return issued


def write_key(file: Path, key: RSAPrivateKey) -> None:
    """Write a private key, PEM."""
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def after_the_end() -> datetime:
    """Return a moment at which no certificate is valid any more."""
    return ENDS + timedelta(seconds=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
