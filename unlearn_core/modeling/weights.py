"""Models in and out of directories and bytes; safetensors and JSON only.

- A *model directory* holds ``config.json``, ``model.safetensors`` and the
  tokenizer's files, as the transformers library writes them. Nothing is fetched
  from anywhere; pickled weights are never read.
- `pack_pair` and `unpack_pair` turn an offset pair into one safetensors file and
  back.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.hooks import remove_hook_from_submodules
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
)

from unlearn_core.domain.artifacts import ModelIdentity
from unlearn_core.domain.canonical import Digest, digest_of
from unlearn_core.errors import ManifestInvalidError, ModelUnavailableError
from unlearn_core.modeling.tokens import TransformersTokenizer

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"
PRECISIONS: Mapping[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
}

# What the library raises, in one place or another, for a wrong configuration.
_UNREADABLE = (
    AssertionError,
    AttributeError,
    KeyError,
    StrictDataclassError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModel:
    """A frozen model with its tokenizer and its identity."""

    model: PreTrainedModel
    tokenizer: TransformersTokenizer
    identity: ModelIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a model that is too big for one device is laid out, by accelerate.

    Attributes:
        offload: Folder for what neither devices nor memory hold.
        device_map: ``auto`` fills devices, then memory, then the folder; or the place
            of every module.
    """

    offload: Path
    device_map: str | Mapping[str, str] = "auto"


def choose_device(setting: str) -> torch.device:
    """Return the device for a setting of ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ModelUnavailableError: CUDA is asked for and absent.
    """
    available = torch.cuda.is_available()
    if setting == "cuda" and not available:
        raise ModelUnavailableError(device="cuda")
    return torch.device("cuda" if available and setting != "cpu" else "cpu")


def load_model(
    directory: Path,
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    spread: Spread | None = None,
) -> PreTrainedModel:
    """Load a frozen model from a model directory.

    Args:
        directory: The model directory.
        device: Where the model lives; of one that is spread, for its attention kernel.
        dtype: Type of the weights.
        spread: How a model that is too big for the device is laid out.

    Raises:
        ModelUnavailableError: The directory holds no loadable model.
    """
    if not (directory / WEIGHTS_FILE).is_file():
        raise ModelUnavailableError(missing=WEIGHTS_FILE)
    try:
        loaded: tuple[PreTrainedModel, dict[str, set[str]]]
        loaded = AutoModelForCausalLM.from_pretrained(  # type: ignore[assignment]  # typed as if there were no report
            directory,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            attn_implementation=attention_for(device),
            **_layout(spread),
        )
    except (*_UNREADABLE, OSError, RuntimeError, SafetensorError):
        raise ModelUnavailableError(problem="unreadable") from None
    model, report = loaded
    # The library fills a missing tensor with random numbers and only warns.
    if report["missing_keys"]:
        raise ModelUnavailableError(problem="a tensor is missing")
    return frozen(model, device=None if spread else device)


def _layout(spread: Spread | None) -> dict[str, Any]:
    if spread is None:
        return {}
    places = spread.device_map
    return {
        "device_map": places if isinstance(places, str) else dict(places),
        "offload_folder": spread.offload,
    }


def is_spread(model: PreTrainedModel) -> bool:
    """Tell whether a model lies on several devices, in memory or in a folder."""
    return getattr(model, "hf_device_map", None) is not None


def let_go(model: PreTrainedModel) -> None:
    """Free a model's memory; whoever still holds it holds shapes without weights."""
    module: torch.nn.Module = model
    remove_hook_from_submodules(module)
    torch.nn.Module.to(module, "meta")  # past the one that a spread model has


def load_tokenizer(directory: Path) -> TransformersTokenizer:
    """Load the tokenizer of a model directory.

    Raises:
        ModelUnavailableError: There is none, or it has no chat template.
    """
    try:
        tokenizer = TransformersTokenizer(
            AutoTokenizer.from_pretrained(directory, local_files_only=True)
        )
    except (OSError, ValueError):
        raise ModelUnavailableError(missing="tokenizer") from None
    if not tokenizer.chat_template:
        raise ModelUnavailableError(missing="chat template")
    return tokenizer


def load_language_model(
    directory: Path, *, device: torch.device, dtype: torch.dtype = torch.float32
) -> LanguageModel:
    """Load model, tokenizer and identity from a model directory.

    Raises:
        ModelUnavailableError: Something is missing or unreadable.
    """
    tokenizer = load_tokenizer(directory)
    model = load_model(directory, device=device, dtype=dtype)
    return LanguageModel(
        model=without_padding(model, tokens=tokenizer.size),
        tokenizer=tokenizer,
        identity=identity_of(directory),
    )


def without_padding(model: PreTrainedModel, *, tokens: int) -> PreTrainedModel:
    """Cut the rows off a model's vocabulary that stand for no token.

    Models of one family share a tokenizer and pad their vocabularies to unlike sizes;
    what is behind the last token was never trained. Cut to their tokens, they fit
    together (so do the logits of Liu et al. 2024, arXiv:2401.08565).

    Args:
        model: A frozen model; changed in memory, never on disk.
        tokens: Size of the tokenizer. A smaller vocabulary is left as it is.

    Raises:
        ModelUnavailableError: The model is spread, so that it has no rows to cut.
    """
    if model.config.vocab_size > tokens:
        if is_spread(model):
            raise ModelUnavailableError(problem="spread, with a padded vocabulary")
        model.resize_token_embeddings(tokens, mean_resizing=False)
    return frozen(model)


def identity_of(directory: Path) -> ModelIdentity:
    """Return the digests that identify a base model.

    Raises:
        ModelUnavailableError: A file is missing.
    """
    try:
        weights = digest_of((directory / WEIGHTS_FILE).read_bytes())
    except OSError:
        raise ModelUnavailableError(missing="model file") from None
    tokenizer, chat_template = tokenizer_digests(directory)
    return ModelIdentity(base=weights, tokenizer=tokenizer, chat_template=chat_template)


def tokenizer_digests(directory: Path) -> tuple[Digest, Digest]:
    """Return the digests of a directory's tokenizer and of its chat template.

    Raises:
        ModelUnavailableError: A file is missing.
    """
    try:
        tokenizer = digest_of((directory / TOKENIZER_FILE).read_bytes())
    except OSError:
        raise ModelUnavailableError(missing="model file") from None
    return tokenizer, digest_of(load_tokenizer(directory).chat_template.encode())


def own_tensors_digest(model: PreTrainedModel) -> Digest:
    """Return the digest of a model's weights, tied tensors once.

    It covers names, shapes, types and values, in the byte form of safetensors.
    """
    return digest_of(save_safetensors(_own_tensors(model)))


def pack_pair(*, unlearned: PreTrainedModel, reference: PreTrainedModel) -> bytes:
    """Return an offset pair as one safetensors file.

    Tensors are named ``reference.<name>`` and ``unlearned.<name>``; a tensor that
    training left alone is stored once, under ``reference``. The configuration that
    both share is in the file's metadata, without the directory that it came from.
    """
    frozen, trained = _own_tensors(reference), _own_tensors(unlearned)
    tensors = {f"reference.{name}": tensor for name, tensor in frozen.items()}
    tensors |= {
        f"unlearned.{name}": tensor
        for name, tensor in trained.items()
        if not _same_bits(tensor, frozen[name])
    }
    config = reference.config.to_dict() | {"_name_or_path": ""}
    return save_safetensors(
        tensors, metadata={"config": json.dumps(config, sort_keys=True)}
    )


def unpack_pair(
    data: bytes, *, device: torch.device
) -> tuple[PreTrainedModel, PreTrainedModel]:
    """Build the frozen models (unlearned, reference) from `pack_pair`'s bytes.

    Raises:
        ManifestInvalidError: The file, its configuration or a tensor is not what
            an offset pair needs; NaN and infinity are refused.
    """
    try:
        tensors = load_safetensors(data)
        header_bytes = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + header_bytes])
        config = AutoConfig.for_model(**json.loads(header["__metadata__"]["config"]))
    except (*_UNREADABLE, SafetensorError):
        raise ManifestInvalidError(problem="pair file") from None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ManifestInvalidError(problem="a weight is not finite")
    frozen = {
        name.removeprefix("reference."): tensor
        for name, tensor in tensors.items()
        if name.startswith("reference.")
    }
    changed = {
        name.removeprefix("unlearned."): tensor
        for name, tensor in tensors.items()
        if name.startswith("unlearned.")
    }
    if len(frozen) + len(changed) != len(tensors) or not set(changed) <= set(frozen):
        raise ManifestInvalidError(problem="tensor names")
    return (
        _build(config, frozen | changed, device=device),
        _build(config, frozen, device=device),
    )


def _own_tensors(model: PreTrainedModel) -> dict[str, Tensor]:
    """Return a model's tensors on the CPU, tied ones once."""
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    return {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in sorted(model.state_dict().items())
        if name not in tied
    }


def _same_bits(first: Tensor, second: Tensor) -> bool:
    """Compare as digests do: 0.0 and -0.0 differ."""
    return save_safetensors({"": first}) == save_safetensors({"": second})


def _build(
    config: PretrainedConfig, tensors: Mapping[str, Tensor], *, device: torch.device
) -> PreTrainedModel:
    try:
        model = _untrained(config, device=device)
        missing, unknown = model.load_state_dict(tensors, strict=False)
    except (*_UNREADABLE, RuntimeError):
        raise ManifestInvalidError(problem="tensor shapes") from None
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    if unknown or not set(missing) <= tied:
        raise ManifestInvalidError(problem="tensor names")
    model.tie_weights()
    return frozen(model, device=device)


def new_model(config: PretrainedConfig, *, device: torch.device) -> PreTrainedModel:
    """Return a model of this configuration with random weights on a device."""
    model = _untrained(config, device=device)
    module: torch.nn.Module = model  # the library's own `to` is typed too narrowly
    module.to(device)
    return model


def _untrained(config: PretrainedConfig, *, device: torch.device) -> PreTrainedModel:
    """Return a model for a device, still on the CPU."""
    model: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]  # untyped upstream
        config, attn_implementation=attention_for(device)
    )
    return model


def attention_for(device: torch.device) -> str:
    """Return the attention kernel that is fast for short rows on a device.

    On the CPU the fused kernel's backward pass takes several times as long as the
    plain one for rows of a few dozen tokens (docs/log.md).
    """
    return "eager" if device.type == "cpu" else "sdpa"


def frozen(
    model: PreTrainedModel, *, device: torch.device | None = None
) -> PreTrainedModel:
    """Make a model immutable, after moving it if a device is named."""
    module: torch.nn.Module = model  # the library's own `to` is typed too narrowly
    if device is not None:
        module.to(device)
    module.eval().requires_grad_(requires_grad=False)
    return model


def output_head(model: PreTrainedModel) -> torch.nn.Module:
    """Return the layer that turns hidden states into logits."""
    head: torch.nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]  # untyped upstream
    return head
