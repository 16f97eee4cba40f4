import json
import math
from pathlib import Path

import pytest
import torch
from support.domain import digest, model_identity
from support.serving import write_base_model
from support.upstream import fingerprint

from unlearn_core.errors import IncompatibleBaseError, ModelUnavailableError
from unlearn_core.http_errors import UpstreamMismatchError
from unlearn_core.modeling.weights import identity_of, tokenizer_digests
from unlearn_core.serving import fingerprints
from unlearn_core.serving.fingerprints import (
    FINGERPRINT_FILE,
    BaseFingerprint,
    Probe,
    read_fingerprint,
)

SMALL = BaseFingerprint(
    identity=model_identity(),
    vocabulary_size=4,
    maximum_tokens=8,
    probes=(Probe(ids=(1,), log_probs={2: -0.5, 3: -1.5}),),
)
UNTOLD = -math.inf


@pytest.mark.parametrize(
    ("told", "is_same"),
    [
        ([UNTOLD, -4.0, -0.5, -1.5], True),
        ([UNTOLD, -4.0, -0.6, -1.3], True),
        ([UNTOLD, -4.0, -0.8, -1.5], False),
        # What is not told must be unlikelier than what is.
        ([UNTOLD, UNTOLD, -0.5, UNTOLD], True),
        ([-1.4, UNTOLD, -0.5, UNTOLD], True),
        ([-3.0, UNTOLD, -0.5, UNTOLD], False),
        ([UNTOLD, -0.5, UNTOLD, -1.5], False),
        ([UNTOLD, -4.0, math.nan, -1.5], False),
    ],
)
def test_a_base_is_the_same_if_it_says_the_same(
    told: list[float], *, is_same: bool
) -> None:
    if is_same:
        SMALL.check(torch.tensor([told]), tolerance_nats=0.25)
    else:
        with pytest.raises(UpstreamMismatchError):
            SMALL.check(torch.tensor([told]), tolerance_nats=0.25)


def test_a_fingerprint_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / FINGERPRINT_FILE).write_bytes(fingerprint().to_bytes())
    assert read_fingerprint(tmp_path) == fingerprint()


def test_a_directory_without_a_fingerprint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"missing=fingerprint\.json"):
        read_fingerprint(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "another"},
        {"probes": []},
        {"probes": [{"ids": [1], "log_probs": [[4, -1.0]]}]},
        {"probes": [{"ids": [1], "log_probs": [[-1, -1.0]]}]},
        {"probes": [{"ids": [1], "log_probs": []}]},
        {"probes": 7},
        {"identity": {}},
    ],
)
def test_a_malformed_fingerprint_is_refused(change: dict[str, object]) -> None:
    raw = json.loads(SMALL.to_bytes()) | change
    with pytest.raises(ModelUnavailableError, match=r"fingerprint\.json"):
        BaseFingerprint.from_bytes(json.dumps(raw).encode())


def test_another_tokenizer_or_template_is_refused() -> None:
    same = SMALL.identity
    SMALL.check_tokenizer(same.tokenizer, same.chat_template)
    with pytest.raises(IncompatibleBaseError, match="part=tokenizer"):
        SMALL.check_tokenizer(digest("x"), same.chat_template)
    with pytest.raises(IncompatibleBaseError, match="part=chat_template"):
        SMALL.check_tokenizer(same.tokenizer, digest("x"))


def test_the_command_writes_the_fingerprint_beside_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_base_model(tmp_path)
    monkeypatch.setenv("UNLEARN_MODEL__BASE", str(tmp_path))
    monkeypatch.setenv("UNLEARN_MODEL__DEVICE", "cpu")
    before = {path.name for path in tmp_path.iterdir()}
    fingerprints.main()
    assert {path.name for path in tmp_path.iterdir()} - before == {FINGERPRINT_FILE}
    written = read_fingerprint(tmp_path)
    assert written.identity == identity_of(tmp_path)
    written.check_tokenizer(*tokenizer_digests(tmp_path))
    assert (written.vocabulary_size, written.maximum_tokens) == (260, 160)
    for found, expected in zip(written.probes, fingerprint().probes, strict=True):
        assert found.ids == expected.ids
        assert found.log_probs == pytest.approx(expected.log_probs, abs=1e-4)
