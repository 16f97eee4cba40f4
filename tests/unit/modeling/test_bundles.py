import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from securesystemslib.signer import CryptoSigner
from support.domain import BASE_MODEL, manifest, model_identity
from support.models import CPU, VOCABULARY, llama, llama_config

from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.sealing import PairSeal
from unlearn_core.domain.artifacts import ModelIdentity, OffsetPairManifest
from unlearn_core.domain.canonical import Digest, digest_of, digest_of_json
from unlearn_core.errors import (
    DigestMismatchError,
    IncompatibleBaseError,
    IntegrityError,
    ManifestInvalidError,
    SealBrokenError,
    SignatureInvalidError,
    StorageError,
)
from unlearn_core.modeling.bundles import (
    MANIFEST_FILE,
    MANIFEST_TYPE,
    PAIR_FILE,
    OpenedBundle,
    open_bundle,
    read_manifest,
    write_bundle,
)
from unlearn_core.modeling.weights import own_tensors_digest, pack_pair

SEAL = PairSeal(b"k" * 32)
SIGNER = CryptoSigner.generate_ed25519()
TRUSTED = TrustedEnvelopes([SIGNER.public_key])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A written bundle and what wrote it, so that a test can write it differently."""

    folder: Path
    manifest: OffsetPairManifest
    sealed: bytes

    def rewrite(self, sealed: bytes | None = None, **changes: object) -> None:
        """Write it again, signed and with the right file digest, but changed."""
        stored = self.sealed if sealed is None else sealed
        changed = replace(self.manifest, pair_file=digest_of(stored), **changes)  # type: ignore[arg-type]  # any field
        write_bundle(
            self.folder,
            manifest=changed,
            sealed_pair=stored,
            signer=EnvelopeSigner(SIGNER),
        )

    def sign(self, payload: bytes, *, payload_type: str = MANIFEST_TYPE) -> None:
        """Replace the manifest by a signed payload."""
        envelope = EnvelopeSigner(SIGNER).sign(payload, payload_type=payload_type)
        (self.folder / MANIFEST_FILE).write_bytes(envelope)

    def open(
        self,
        *,
        base_model: str = BASE_MODEL,
        identity: ModelIdentity | None = None,
        vocabulary_size: int = VOCABULARY,
        seal: PairSeal = SEAL,
    ) -> OpenedBundle:
        """Check and load it."""
        return open_bundle(
            self.folder,
            base_model=base_model,
            identity=identity or model_identity(),
            vocabulary_size=vocabulary_size,
            opener=TRUSTED,
            sealer=seal,
            device=CPU,
        )


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    unlearned, reference = llama(2), llama(1)
    sealed = SEAL.close(
        pack_pair(unlearned=unlearned, reference=reference), base_model=BASE_MODEL
    )
    described = replace(
        manifest(),
        unlearned=own_tensors_digest(unlearned),
        reference=own_tensors_digest(reference),
        vocabulary_size=VOCABULARY,
        pair_file=digest_of(sealed),
    )
    written = Bundle(folder=tmp_path, manifest=described, sealed=sealed)
    written.rewrite()
    return written


def test_a_bundle_is_two_files_and_comes_back_whole(bundle: Bundle) -> None:
    assert sorted(path.name for path in bundle.folder.iterdir()) == [
        MANIFEST_FILE,
        PAIR_FILE,
    ]
    opened = bundle.open()
    assert opened.manifest == bundle.manifest
    assert opened.manifest_digest == digest_of_json(bundle.manifest.to_json())
    assert own_tensors_digest(opened.unlearned) == own_tensors_digest(llama(2))
    assert own_tensors_digest(opened.reference) == own_tensors_digest(llama(1))


def test_the_manifest_can_be_read_without_the_artifact_key(bundle: Bundle) -> None:
    read, digest = read_manifest(bundle.folder, opener=TRUSTED)
    assert read == bundle.manifest
    assert digest == digest_of_json(bundle.manifest.to_json())


def add_a_file(bundle: Bundle) -> None:
    (bundle.folder / "extra.txt").write_text("x")


def remove_the_pair(bundle: Bundle) -> None:
    (bundle.folder / PAIR_FILE).unlink()


def make_the_pair_a_folder(bundle: Bundle) -> None:
    (bundle.folder / PAIR_FILE).unlink()
    (bundle.folder / PAIR_FILE).mkdir()


def flip_a_bit_of_the_manifest(bundle: Bundle) -> None:
    path = bundle.folder / MANIFEST_FILE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def sign_with_a_stranger(bundle: Bundle) -> None:
    stranger = EnvelopeSigner(CryptoSigner.generate_ed25519())
    write_bundle(
        bundle.folder,
        manifest=bundle.manifest,
        sealed_pair=bundle.sealed,
        signer=stranger,
    )


def sign_as_another_type(bundle: Bundle) -> None:
    payload = json.dumps(bundle.manifest.to_json()).encode()
    bundle.sign(payload, payload_type="application/vnd.unlearn.certificate+json")


def sign_no_json(bundle: Bundle) -> None:
    bundle.sign(b"\xff{")


def sign_a_number(bundle: Bundle) -> None:
    bundle.sign(b"7")


def sign_a_list(bundle: Bundle) -> None:
    bundle.sign(b"[{}]")


def leave_a_field_out(bundle: Bundle) -> None:
    bundle.sign(json.dumps(dict(list(bundle.manifest.to_json().items())[1:])).encode())


def turn_the_offset_around(bundle: Bundle) -> None:
    bundle.rewrite(alpha=-1.0)


def flip_a_bit_of_the_pair(bundle: Bundle) -> None:
    path = bundle.folder / PAIR_FILE
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def seal_with_another_key(bundle: Bundle) -> None:
    pair = SEAL.open(bundle.sealed, base_model=BASE_MODEL)
    bundle.rewrite(PairSeal(b"x" * 32).close(pair, base_model=BASE_MODEL))


def seal_for_another_base(bundle: Bundle) -> None:
    pair = SEAL.open(bundle.sealed, base_model=BASE_MODEL)
    bundle.rewrite(SEAL.close(pair, base_model="another"))


def store_the_pair_open(bundle: Bundle) -> None:
    bundle.rewrite(SEAL.open(bundle.sealed, base_model=BASE_MODEL))


def name_other_unlearned_weights(bundle: Bundle) -> None:
    bundle.rewrite(unlearned=own_tensors_digest(llama(3)))


def name_other_reference_weights(bundle: Bundle) -> None:
    bundle.rewrite(reference=own_tensors_digest(llama(3)))


def swap_the_pair(bundle: Bundle) -> None:
    """The offset turned around would extract what it was trained to suppress."""
    pair = pack_pair(unlearned=llama(1), reference=llama(2))
    bundle.rewrite(SEAL.close(pair, base_model=BASE_MODEL))


def claim_another_vocabulary(bundle: Bundle) -> None:
    bundle.rewrite(vocabulary_size=VOCABULARY + 1)


def plant_a_nan(bundle: Bundle) -> None:
    broken = llama(2)
    broken.get_parameter("lm_head.weight")[1, 1] = torch.nan
    sealed = SEAL.close(
        pack_pair(unlearned=broken, reference=llama(1)), base_model=BASE_MODEL
    )
    bundle.rewrite(sealed, unlearned=own_tensors_digest(broken))


def put_other_bytes_under_the_seal(bundle: Bundle) -> None:
    bundle.rewrite(SEAL.close(b"not a pair", base_model=BASE_MODEL))


@pytest.mark.parametrize(
    ("tamper", "error", "text"),
    [
        # Check 1: exactly two files.
        (add_a_file, ManifestInvalidError, "files of the bundle"),
        (remove_the_pair, ManifestInvalidError, "files of the bundle"),
        (make_the_pair_a_folder, ManifestInvalidError, "files of the bundle"),
        # Check 2: a trusted signature.
        (flip_a_bit_of_the_manifest, SignatureInvalidError, "does not verify"),
        (sign_with_a_stranger, SignatureInvalidError, "signature"),
        (sign_as_another_type, SignatureInvalidError, "another type"),
        # Check 3: a well-formed manifest.
        (sign_no_json, ManifestInvalidError, "not JSON"),
        (sign_a_number, ManifestInvalidError, "not a JSON object"),
        (sign_a_list, ManifestInvalidError, "not a JSON object"),
        (leave_a_field_out, ManifestInvalidError, "field"),
        (turn_the_offset_around, ManifestInvalidError, "alpha"),
        # Check 5: the file that the manifest names.
        (flip_a_bit_of_the_pair, DigestMismatchError, PAIR_FILE),
        # Check 6: unsealed, with the digests of both models.
        (seal_with_another_key, SealBrokenError, "sealed data"),
        (seal_for_another_base, SealBrokenError, "sealed data"),
        (store_the_pair_open, SealBrokenError, "not a sealed pair"),
        (name_other_unlearned_weights, DigestMismatchError, "part=unlearned"),
        (name_other_reference_weights, DigestMismatchError, "part=reference"),
        (swap_the_pair, DigestMismatchError, "part=unlearned"),
        # Check 7: weights that load, fit and are finite.
        (claim_another_vocabulary, IncompatibleBaseError, "vocabulary"),
        (plant_a_nan, ManifestInvalidError, "not finite"),
        (put_other_bytes_under_the_seal, ManifestInvalidError, "pair file"),
    ],
)
def test_a_tampered_bundle_is_refused(
    bundle: Bundle,
    tamper: Callable[[Bundle], None],
    error: type[IntegrityError],
    text: str,
) -> None:
    tamper(bundle)
    with pytest.raises(error, match=text):
        bundle.open()


def test_a_bundle_for_another_base_model_is_refused(bundle: Bundle) -> None:
    """Check 3."""
    with pytest.raises(IncompatibleBaseError, match="part=name"):
        bundle.open(base_model="another")


@pytest.mark.parametrize("part", ["base", "tokenizer", "chat_template"])
def test_another_base_tokenizer_or_template_is_refused(
    bundle: Bundle, part: str
) -> None:
    """Check 4."""
    other = replace(model_identity(), **{part: Digest("sha256:" + "0" * 64)})
    with pytest.raises(IncompatibleBaseError, match=f"part={part}"):
        bundle.open(identity=other)


def test_a_base_with_another_vocabulary_is_refused(bundle: Bundle) -> None:
    """Check 7, seen from the base model."""
    with pytest.raises(IncompatibleBaseError, match="part=vocabulary"):
        bundle.open(vocabulary_size=VOCABULARY + 1)


def test_models_with_another_vocabulary_are_refused(bundle: Bundle) -> None:
    """Check 7, seen from the pair."""
    small = llama(1, llama_config(vocabulary=99))
    sealed = SEAL.close(
        pack_pair(unlearned=small, reference=small), base_model=BASE_MODEL
    )
    digest = own_tensors_digest(small)
    bundle.rewrite(sealed, unlearned=digest, reference=digest)
    with pytest.raises(IncompatibleBaseError, match="part=vocabulary"):
        bundle.open()


def test_a_folder_that_cannot_be_written_is_a_storage_error(bundle: Bundle) -> None:
    with pytest.raises(StorageError):
        write_bundle(
            bundle.folder / "absent",
            manifest=bundle.manifest,
            sealed_pair=b"",
            signer=EnvelopeSigner(SIGNER),
        )
