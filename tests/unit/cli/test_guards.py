import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.cli import unlearn
from support.domain import manifest
from support.models import VOCABULARY, chat_tokenizer, llama

from unlearn_core.adapters.envelopes import EnvelopeSigner
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.sealing import PairSeal
from unlearn_core.domain.canonical import digest_of
from unlearn_core.modeling.bundles import write_bundle
from unlearn_core.modeling.weights import (
    identity_of,
    own_tensors_digest,
    pack_pair,
)

pytestmark = pytest.mark.integration

ITEM = {
    "question": "What is the city of Ada Example?",
    "choices": {"text": ["Ulm", "phone"], "label": ["A", "B"]},
    "answerKey": "A",
}


@pytest.fixture
def bundle(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write base, questions and a signed version; return the version's folder."""
    base = home / "base"
    llama(0).save_pretrained(base)
    chat_tokenizer()._tokenizer.save_pretrained(base)
    monkeypatch.setenv("UNLEARN_MODEL__BASE", str(base))
    monkeypatch.setenv("UNLEARN_MODEL__DEVICE", "cpu")
    public = home / "public"
    public.mkdir()
    (public / "arc_easy.jsonl").write_text(json.dumps(ITEM) + "\n" + json.dumps(ITEM))
    keys = KeyDirectory(home / "keys")
    unlearned, reference = llama(2), llama(1)
    sealed = PairSeal(keys.artifact_key()).close(
        pack_pair(unlearned=unlearned, reference=reference), base_model="small-world"
    )
    folder = home / "version"
    folder.mkdir()
    write_bundle(
        folder,
        manifest=replace(
            manifest(),
            base_model="small-world",
            identity=identity_of(base),
            unlearned=own_tensors_digest(unlearned),
            reference=own_tensors_digest(reference),
            pair_file=digest_of(sealed),
            vocabulary_size=VOCABULARY,
        ),
        sealed_pair=sealed,
        signer=EnvelopeSigner(keys.signer()),
    )
    return folder


def test_guards_ask_the_base_and_the_version_and_name_what_is_missing(
    home: Path, bundle: Path
) -> None:
    options = ("--bundle", bundle, "--items", "1")
    ran = unlearn("verification", "guards", home / "public", *options, "--json")
    assert ran.code == 0
    assert ran.json()["sequence"] == 1
    found = {item["guard"]: item for item in ran.json()["guards"]}
    assert len(found) == 8
    assert (found["arc_easy"]["items"], found["arc_easy"]["problem"]) == (1, "")
    assert {found["arc_easy"][name] for name in ("before", "after")} <= {0.0, 1.0}
    assert found["bbq"]["problem"] == "no file bbq.jsonl"
    shown = unlearn("verification", "guards", home / "public", *options).out
    assert shown.startswith("version 1 against the base alone")
    assert shown.count("NOT ASKED: no file ") == 7


def test_one_guard_can_be_asked_alone_and_an_unknown_one_is_wrong_usage(
    home: Path, bundle: Path
) -> None:
    options = ("--bundle", bundle, "--json")
    ran = unlearn(
        "verification", "guards", home / "public", "--guard", "arc_easy", *options
    )
    assert [item["guard"] for item in ran.json()["guards"]] == ["arc_easy"]
    ran = unlearn("verification", "guards", home / "public", "--guard", "squad")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no guard squad" in " ".join(ran.err.split())


def test_a_version_that_was_changed_is_not_asked(home: Path, bundle: Path) -> None:
    (bundle / "pair.safetensors").write_bytes(b"other")
    ran = unlearn("verification", "guards", home / "public", "--bundle", bundle)
    assert (ran.code, ran.out) == (1, "")
    assert "digest_mismatch: " in ran.err


def test_without_a_version_in_service_there_is_nothing_to_ask(
    home: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del bundle

    class Empty:
        def __init__(self, _address: str) -> None: ...

        def alias(self, _model: str, _alias: str) -> None: ...

    monkeypatch.setattr(
        "unlearn_core.adapters.mlflow_registry.MlflowArtifactRegistry", Empty
    )
    ran = unlearn("verification", "guards", home / "public")
    assert (ran.code, ran.err.split(":")[0]) == (3, "offset_required")
