import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load as load_safetensors
from safetensors.torch import load_file, save_file
from safetensors.torch import save as save_safetensors
from support.models import (
    CPU,
    VOCABULARY,
    chat_tokenizer,
    llama,
    llama_config,
    token_rows,
)
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.domain.canonical import digest_of
from unlearn_core.errors import ManifestInvalidError, ModelUnavailableError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.weights import (
    Spread,
    attention_for,
    choose_device,
    identity_of,
    is_spread,
    let_go,
    load_language_model,
    load_model,
    load_tokenizer,
    own_tensors_digest,
    pack_pair,
    unpack_pair,
    without_padding,
)
from unlearn_core.training.targets import answer_laws

Change = Callable[[dict[str, Tensor], dict[str, object]], None]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    llama(0).save_pretrained(tmp_path)
    chat_tokenizer()._tokenizer.save_pretrained(tmp_path)
    return tmp_path


def pair_bytes(*, tied: bool = False) -> bytes:
    config = llama_config(tied=tied)
    return pack_pair(unlearned=llama(2, config), reference=llama(1, config))


def header_of(data: bytes) -> dict[str, dict[str, str]]:
    size = int.from_bytes(data[:8], "little")
    header: dict[str, dict[str, str]] = json.loads(data[8 : 8 + size])
    return header


def config_of(data: bytes) -> dict[str, object]:
    config: dict[str, object] = json.loads(header_of(data)["__metadata__"]["config"])
    return config


def test_a_model_is_loaded_frozen_and_bit_for_bit(directory: Path) -> None:
    loaded = load_language_model(directory, device=CPU)
    assert own_tensors_digest(loaded.model) == own_tensors_digest(llama(0))
    assert not loaded.model.training
    assert not any(item.requires_grad for item in loaded.model.parameters())
    assert loaded.tokenizer.question("Who?") == chat_tokenizer().question("Who?")


PLACES = {
    "model.embed_tokens": "cpu",
    "model.rotary_emb": "cpu",
    "model.layers.0": "cpu",
    "model.layers.1": "disk",
    "model.norm": "cpu",
    "lm_head": "cpu",
}


def spread_over(directory: Path, offload: Path) -> PreTrainedModel:
    """Return a model with one of its layers on the disk."""
    return load_model(
        directory, device=CPU, spread=Spread(offload=offload, device_map=PLACES)
    )


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_with_a_layer_on_the_disk_says_the_same(
    tmp_path: Path, *, tied: bool
) -> None:
    whole = llama(0, llama_config(tied=tied))
    whole.save_pretrained(tmp_path / "model")
    spread = spread_over(tmp_path / "model", tmp_path / "offload")
    assert is_spread(spread)
    assert not is_spread(whole)
    layer = spread.get_parameter("model.layers.1.mlp.up_proj.weight")
    assert layer.device.type == "meta"
    assert not any(item.requires_grad for item in spread.parameters())
    rows = token_rows(((5, 6), (7, 8, 9)), ((4,), (3,)))
    said, expected = (
        answer_laws(PlainLaw(model), rows, pad_id=0) for model in (spread, whole)
    )
    assert torch.equal(said, expected)


def test_a_model_on_the_disk_is_let_go_like_any_other(directory: Path) -> None:
    for model in (llama(0), spread_over(directory, directory / "offload")):
        let_go(model)
        assert {item.device.type for item in model.parameters()} == {"meta"}


def test_padding_is_not_cut_off_a_model_on_the_disk(directory: Path) -> None:
    spread = spread_over(directory, directory / "offload")
    assert without_padding(spread, tokens=VOCABULARY) is spread
    with pytest.raises(ModelUnavailableError, match="padded vocabulary"):
        without_padding(spread, tokens=VOCABULARY - 1)


@pytest.mark.parametrize("tied", [False, True])
def test_padding_of_a_vocabulary_is_cut_off_and_changes_no_law(
    tmp_path: Path, *, tied: bool
) -> None:
    """As in one family: the same tokens, a vocabulary padded to another size."""
    tokens = chat_tokenizer().size
    padded = llama(0, llama_config(vocabulary=tokens + 8, tied=tied))
    padded.save_pretrained(tmp_path)
    chat_tokenizer()._tokenizer.save_pretrained(tmp_path)
    loaded = load_language_model(tmp_path, device=CPU).model
    assert loaded.config.vocab_size == tokens
    assert not any(item.requires_grad for item in loaded.parameters())
    ids = torch.tensor([[5, 6, 7]])
    law = loaded(input_ids=ids).logits.log_softmax(-1)
    logits = padded(input_ids=ids).logits[..., :tokens]
    torch.testing.assert_close(law, logits.log_softmax(-1))


def test_a_vocabulary_without_padding_is_left_alone() -> None:
    model = without_padding(llama(0), tokens=VOCABULARY + 1)
    assert own_tensors_digest(model) == own_tensors_digest(llama(0))


def test_an_identity_is_made_of_three_digests(directory: Path) -> None:
    identity = identity_of(directory)
    weights = (directory / "model.safetensors").read_bytes()
    assert identity.base == digest_of(weights)
    assert identity.tokenizer == digest_of((directory / "tokenizer.json").read_bytes())
    template = chat_tokenizer().chat_template
    assert identity.chat_template == digest_of(template.encode())


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_model_with_a_missing_file_is_unavailable(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(ModelUnavailableError):
        load_model(directory, device=CPU)


def test_a_directory_without_tokenizer_files_has_none(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="missing=tokenizer"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_an_identity_needs_weights_and_tokenizer(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(ModelUnavailableError):
        identity_of(directory)


@pytest.mark.parametrize(
    "damage",
    [
        lambda config: config[:-3],
        lambda config: config.replace('"llama"', '"nobody"'),
        lambda config: config.replace('"hidden_size": 8', '"hidden_size": "wide"'),
        lambda config: config.replace('"hidden_size": 8', '"hidden_size": 16'),
        lambda config: config.replace('_heads": 2', '_heads": 3'),
        lambda config: config.replace('"silu"', '"nothing"'),
    ],
)
def test_a_model_with_a_damaged_configuration_is_unavailable(
    directory: Path, damage: Callable[[str], str]
) -> None:
    path = directory / "config.json"
    before = path.read_text()
    path.write_text(damage(before))
    assert path.read_text() != before
    with pytest.raises(ModelUnavailableError, match="unreadable"):
        load_model(directory, device=CPU)


def test_cut_off_weights_are_unavailable(directory: Path) -> None:
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelUnavailableError, match="unreadable"):
        load_model(directory, device=CPU)


def test_a_missing_tensor_is_never_filled_with_random_numbers(directory: Path) -> None:
    path = directory / "model.safetensors"
    tensors = load_file(path)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelUnavailableError, match="a tensor is missing"):
        load_model(directory, device=CPU)


def test_a_tokenizer_needs_a_chat_template(directory: Path) -> None:
    (directory / "chat_template.jinja").unlink()
    with pytest.raises(ModelUnavailableError, match="chat template"):
        load_tokenizer(directory)


def test_a_tensor_digest_sees_every_value_name_and_type() -> None:
    model = llama(0)
    same, other = own_tensors_digest(llama(0)), own_tensors_digest(llama(1))
    assert own_tensors_digest(model) == same != other
    bias = model.get_parameter("model.norm.weight")
    bias[3] = torch.nextafter(bias[3], torch.tensor(9.0))
    assert own_tensors_digest(model) != same
    assert own_tensors_digest(llama(0).to(torch.bfloat16)) != same  # type: ignore[arg-type]  # typed too narrowly upstream


def test_a_tensor_digest_is_the_digest_of_the_safetensors_file() -> None:
    model = llama(0)
    tensors = {name: item.detach() for name, item in model.named_parameters()}
    assert own_tensors_digest(model) == digest_of(save_safetensors(tensors))


def test_tied_tensors_count_once() -> None:
    model = llama(0, llama_config(tied=True))
    stored = load_safetensors(pack_pair(unlearned=model, reference=model))
    assert "reference.model.embed_tokens.weight" in stored
    assert "reference.lm_head.weight" not in stored


@pytest.mark.parametrize("tied", [False, True])
def test_a_packed_pair_comes_back_bit_for_bit(*, tied: bool) -> None:
    data = pair_bytes(tied=tied)
    unlearned, reference = unpack_pair(data, device=CPU)
    config = llama_config(tied=tied)
    assert own_tensors_digest(unlearned) == own_tensors_digest(llama(2, config))
    assert own_tensors_digest(reference) == own_tensors_digest(llama(1, config))
    assert pack_pair(unlearned=unlearned, reference=reference) == data
    ids = torch.tensor([[4, 9, 30]])
    assert torch.equal(unlearned(ids).logits, llama(2, config)(ids).logits)
    assert not any(item.requires_grad for item in unlearned.parameters())


def test_an_unchanged_tensor_is_stored_once() -> None:
    reference, unlearned = llama(1), llama(1)
    unlearned.get_parameter("model.norm.weight")[0] = 7.0
    stored = load_safetensors(pack_pair(unlearned=unlearned, reference=reference))
    changed = [name for name in stored if name.startswith("unlearned.")]
    assert changed == ["unlearned.model.norm.weight"]


def test_a_changed_sign_of_zero_is_a_change() -> None:
    """Digests are of bits, so a pair must come back with the same zeros."""
    reference, unlearned = llama(1), llama(1)
    reference.get_parameter("model.norm.weight")[0] = 0.0
    unlearned.get_parameter("model.norm.weight")[0] = -0.0
    data = pack_pair(unlearned=unlearned, reference=reference)
    opened, _ = unpack_pair(data, device=CPU)
    assert own_tensors_digest(opened) == own_tensors_digest(unlearned)


def test_a_pair_does_not_say_where_its_models_were_read(directory: Path) -> None:
    loaded = load_model(directory, device=CPU)
    assert str(directory).encode() not in pack_pair(unlearned=loaded, reference=loaded)


def drop(tensors: dict[str, Tensor], _: dict[str, object]) -> None:
    del tensors["reference.model.norm.weight"]


def rename(tensors: dict[str, Tensor], _: dict[str, object]) -> None:
    tensors["somebody.model.norm.weight"] = tensors.pop("unlearned.lm_head.weight")


def orphan(tensors: dict[str, Tensor], _: dict[str, object]) -> None:
    tensors["unlearned.extra"] = torch.zeros(1)


def unknown(tensors: dict[str, Tensor], _: dict[str, object]) -> None:
    tensors["reference.extra"] = torch.zeros(1)


def reshape(tensors: dict[str, Tensor], _: dict[str, object]) -> None:
    tensors["reference.model.norm.weight"] = torch.zeros(5)


def not_a_number(tensors: dict[str, Tensor], _: dict[str, object]) -> None:
    tensors["unlearned.lm_head.weight"][2, 1] = torch.nan


def infinity(tensors: dict[str, Tensor], _: dict[str, object]) -> None:
    tensors["reference.lm_head.weight"][2, 1] = -torch.inf


def setting(name: str, value: object) -> Change:
    def change(_: dict[str, Tensor], config: dict[str, object]) -> None:
        config[name] = value

    change.__name__ = f"{name}={value}"
    return change


@pytest.mark.parametrize(
    "change",
    [
        drop,
        rename,
        orphan,
        unknown,
        reshape,
        not_a_number,
        infinity,
        setting("model_type", "nobody"),
        setting("model_type", "clip"),
        setting("model_type", 5),
        setting("hidden_act", "nothing"),
        setting("hidden_size", "wide"),
        setting("num_attention_heads", 3),
        setting("num_hidden_layers", 1),
        setting("vocab_size", -3),
        setting("pad_token_id", 9999),
        setting("dtype", "nothing"),
    ],
    ids=lambda change: change.__name__,
)
def test_a_pair_that_does_not_fit_together_is_refused(change: Change) -> None:
    data = pair_bytes()
    tensors, config = load_safetensors(data), config_of(data)
    change(tensors, config)
    with pytest.raises(ManifestInvalidError):
        unpack_pair(
            save_safetensors(tensors, metadata={"config": json.dumps(config)}),
            device=CPU,
        )


@pytest.mark.parametrize("metadata", [None, {}, {"config": "{"}, {"config": "[1]"}])
def test_a_pair_without_a_configuration_is_refused(
    metadata: dict[str, str] | None,
) -> None:
    tensors = load_safetensors(pair_bytes())
    with pytest.raises(ManifestInvalidError, match="pair file"):
        unpack_pair(save_safetensors(tensors, metadata=metadata), device=CPU)


@given(st.binary(max_size=64))
def test_other_bytes_are_not_a_pair(data: bytes) -> None:
    with pytest.raises(ManifestInvalidError):
        unpack_pair(data, device=CPU)


@pytest.mark.parametrize(
    ("setting", "available", "expected"),
    [
        ("cpu", True, "cpu"),
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_the_device_follows_the_setting(
    setting: str, expected: str, monkeypatch: pytest.MonkeyPatch, *, available: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert choose_device(setting) == torch.device(expected)
    assert attention_for(torch.device(expected)) == (
        "eager" if expected == "cpu" else "sdpa"
    )


def test_an_absent_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelUnavailableError, match="cuda"):
        choose_device("cuda")
