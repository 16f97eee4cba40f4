"""Signatures with real keys and certificates, checked by the certificates alone."""

import base64
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from support.certificates import after_the_end, issue, private_key, write_key
from support.domain import NOW

from unlearn_core.adapters.opendsr import ControllerCertificates, ProcessorKey
from unlearn_core.domain.senders import SignedMessageError
from unlearn_core.errors import KeyMissingError, SettingsError

DOMAIN = "opendsr.unlearn.example"
BODY = b'{"request_status":"pending"}'


def test_what_is_signed_verifies_with_the_published_certificate(tmp_path: Path) -> None:
    files = issue(tmp_path, DOMAIN, number=1)
    key = ProcessorKey(domain=DOMAIN, key=files.key, certificate=files.certificate)
    public = x509.load_pem_x509_certificate(key.certificate).public_key()
    assert isinstance(public, RSAPublicKey)
    signature = base64.b64decode(key.sign(BODY))
    public.verify(signature, BODY, padding.PKCS1v15(), hashes.SHA256())


def test_a_certificate_for_another_domain_or_key_is_refused(tmp_path: Path) -> None:
    ours = issue(tmp_path, DOMAIN, number=1)
    other = issue(tmp_path, "other.example", number=2)
    for domain, key, certificate in (
        ("other.example", ours.key, ours.certificate),
        (DOMAIN, other.key, ours.certificate),
    ):
        with pytest.raises(SettingsError) as caught:
            ProcessorKey(domain=domain, key=key, certificate=certificate)
        assert caught.value.facts["problem"] == "other key or domain"


def test_a_self_signed_certificate_is_refused(tmp_path: Path) -> None:
    files = issue(tmp_path, DOMAIN, number=1, self_signed=True)
    with pytest.raises(SettingsError) as caught:
        ProcessorKey(domain=DOMAIN, key=files.key, certificate=files.certificate)
    assert caught.value.facts["problem"] == "self-signed"


def test_a_missing_or_weak_key_is_named(tmp_path: Path) -> None:
    files = issue(tmp_path, DOMAIN, number=1)
    weak, other, wrong = (tmp_path / name for name in ("weak", "other", "wrong"))
    write_key(weak, private_key(3, 1024))
    other.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    wrong.write_text("no key")
    for key in (tmp_path / "absent", weak, other, wrong):
        with pytest.raises(KeyMissingError) as caught:
            ProcessorKey(domain=DOMAIN, key=key, certificate=files.certificate)
        assert caught.value.facts["file"] == key.name


def test_a_controllers_signature_is_verified_with_its_own_certificate(
    tmp_path: Path,
) -> None:
    bank = issue(tmp_path, "bank.example", number=2)
    shop = issue(tmp_path, "shop.example", number=1)
    certificates = ControllerCertificates({"bank": bank.certificate})

    def signed_by(key: Path, certificate: Path, domain: str) -> str:
        return ProcessorKey(domain=domain, key=key, certificate=certificate).sign(BODY)

    good = signed_by(bank.key, bank.certificate, "bank.example")
    certificates.check(BODY, signature=good, controller="bank", now=NOW)
    for raw, signature, name, now, problem in (
        (BODY + b" ", good, "bank", NOW, "the signature does not verify"),
        (BODY, "", "bank", NOW, "the signature does not verify"),
        (BODY, "%%", "bank", NOW, "the signature does not verify"),
        (
            BODY,
            signed_by(shop.key, shop.certificate, "shop.example"),
            "bank",
            NOW,
            "the signature does not verify",
        ),
        (BODY, good, "shop", NOW, "no certificate is registered"),
        (BODY, good, "bank", after_the_end(), "the certificate is not valid now"),
    ):
        with pytest.raises(SignedMessageError) as caught:
            certificates.check(raw, signature=signature, controller=name, now=now)
        assert caught.value.facts == {"problem": problem}


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "wrong.pem").write_text("no certificate")
    for name in ("wrong.pem", "absent.pem"):
        with pytest.raises(KeyMissingError) as caught:
            ControllerCertificates({"bank": tmp_path / name})
        assert caught.value.facts == {"file": name}
