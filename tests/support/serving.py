"""An inference service small enough for a test: tiny random models.

The models answer nonsense, but each version another nonsense, and the same every time.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import torch
import uvicorn
from fastapi import FastAPI
from support import domain
from support.bundles import register_pair
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, PreTrainedModel, PreTrainedTokenizerFast

from unlearn_core.adapters.memory.delivery import MemoryRegistry
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.adapters.memory.signing import (
    MemoryListSealer,
    MemoryNotary,
    MemoryPairSealer,
)
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.pointers import POINTER_TYPE, ServingPointer
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.rows import ServableLaw
from unlearn_core.modeling.tokens import TransformersTokenizer
from unlearn_core.modeling.weights import (
    LanguageModel,
    frozen,
    new_model,
)
from unlearn_core.serving.app import InferenceService
from unlearn_core.serving.bases import LocalBase, ServedBase
from unlearn_core.serving.engine import Engine
from unlearn_core.serving.metrics import Meter
from unlearn_core.serving.schemas import MAXIMUM_LOGPROBS
from unlearn_core.serving.slot import NO_OFFSET, ServedVersion, Slot
from unlearn_core.serving.watcher import Sources, Watcher
from unlearn_core.smallworld.base_model import (
    ASSISTANT,
    CHAT_TEMPLATE,
    END,
    PAD,
    USER,
)

CONTEXT = 160
BASE_SEED, REFERENCE_SEED = 1, 2
NEVER_SECONDS = 3600.0
CPU = torch.device("cpu")


@cache
def byte_tokenizer() -> TransformersTokenizer:
    """Return a tokenizer with one token per byte and the small world's chat form."""
    special = [PAD, USER, ASSISTANT, END]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: place for place, token in enumerate([*special, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    wrapped: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # untyped upstream
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return TransformersTokenizer(wrapped)


def tiny_model(seed: int, *, context: int = CONTEXT) -> PreTrainedModel:
    """Return a random model; the same seed gives the same one."""
    config = LlamaConfig(
        vocab_size=260,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=False,
        initializer_range=0.4,
        pad_token_id=0,
        bos_token_id=3,
        eos_token_id=3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return frozen(new_model(config, device=CPU))


@cache
def language_model() -> LanguageModel:
    """Return the base model that tests serve."""
    return LanguageModel(
        model=tiny_model(BASE_SEED),
        tokenizer=byte_tokenizer(),
        identity=domain.model_identity(),
    )


def offset_law(sequence: int, *, context: int = CONTEXT) -> OffsetModel:
    """Return the law that a version of this sequence serves."""
    return OffsetModel(
        language_model().model,
        unlearned=tiny_model(100 + sequence, context=context),
        reference=tiny_model(REFERENCE_SEED, context=context),
        alpha=1.0,
    )


def served(sequence: int, law: ServableLaw | None = None) -> ServedVersion:
    """Return a version, of the bare base for sequence 0."""
    if sequence == NO_OFFSET:
        base = PlainLaw(language_model().model)
        return ServedVersion(law=law or base, sequence=0, version="", manifest="")
    return ServedVersion(
        law=law or offset_law(sequence),
        sequence=sequence,
        version=str(sequence),
        manifest=domain.digest(f"manifest {sequence}"),
    )


class ServingWorld:
    """A registry, keys and the disk of one replica; replicas can be restarted.

    Args:
        folder: Where the replica keeps its cache.
    """

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "replica"
        self.cache.mkdir()
        self.clock = MemoryClock(domain.NOW)
        self.registry = MemoryRegistry()
        self.notary = MemoryNotary()
        self.sealer = MemoryPairSealer()
        self.lists = MemoryListSealer()
        self.base = language_model()

    def beside(self, folder: Path) -> "ServingWorld":
        """Return the world of another replica: the same, with a disk of its own."""
        folder.mkdir()
        other = ServingWorld(folder)
        other.registry, other.clock = self.registry, self.clock
        other.notary, other.sealer = self.notary, self.sealer
        other.lists = self.lists
        return other

    def replica(
        self,
        *,
        name: str = "replica-1",
        requires_offset: bool = False,
        poll_seconds: float = NEVER_SECONDS,
        base: ServedBase | None = None,
        maximum_logprobs: int = MAXIMUM_LOGPROBS,
    ) -> InferenceService:
        """Return the replica as it is after a start, before its first look."""
        meter = Meter()
        base = base or LocalBase(self.base)
        slot: Slot = Slot(
            base.bare(),
            requires_offset=requires_offset or base.is_best_effort,
            clock=self.clock,
        )
        return InferenceService(
            replica=name,
            base_model=domain.BASE_MODEL,
            base=base,
            slot=slot,
            engine=Engine(meter=meter),
            watcher=Watcher(
                slot,
                replica=name,
                host=base,
                sources=Sources(
                    base_model=domain.BASE_MODEL,
                    registry=self.registry,
                    opener=self.notary,
                    sealer=self.sealer,
                    lists=self.lists,
                ),
                cache=self.cache,
                poll_seconds=poll_seconds,
                meter=meter,
            ),
            maximum_logprobs=maximum_logprobs,
        )

    def register(
        self,
        sequence: int = 1,
        *,
        unlearned: PreTrainedModel | None = None,
        spoil: Callable[[Path], None] = lambda _folder: None,
    ) -> ServingPointer:
        """Register a version and return a pointer to it, not yet published.

        Args:
            sequence: Sequence of the version.
            unlearned: The trained small model, if it shall be a particular one.
            spoil: Changes the bundle's folder before it is uploaded.
        """
        registered = register_pair(
            domain.manifest(sequence),
            unlearned=unlearned or tiny_model(100 + sequence),
            reference=tiny_model(REFERENCE_SEED),
            sealer=self.sealer,
            signer=self.notary,
            registry=self.registry,
            run="run",
            spoil=spoil,
        )
        return replace(
            domain.pointer(sequence, issued_at=self.clock.now()),
            version=registered.version,
            manifest=registered.manifest,
        )

    def publish(self, pointer: ServingPointer) -> ServingPointer:
        """Sign and publish a pointer."""
        envelope = self.sign(pointer)
        self.registry.publish_pointer(domain.BASE_MODEL, envelope)
        return pointer

    def promote(self, sequence: int = 1) -> ServingPointer:
        """Register a version and publish a pointer to it."""
        self.clock.move(timedelta(seconds=1))
        return self.publish(self.register(sequence))

    def sign(self, pointer: ServingPointer) -> bytes:
        """Return the envelope of a pointer."""
        payload = canonical_json(pointer.to_json())
        return self.notary.sign(payload, payload_type=POINTER_TYPE)

    def withdraw_pointer(self) -> None:
        """Let the registry forget the pointer, as whoever may write to it could."""
        self.registry._models[domain.BASE_MODEL].pointer = None

    def expire(self) -> datetime:
        """Let more time pass than a pointer is valid."""
        self.clock.move(timedelta(hours=25))
        return self.clock.now()


def greedy_tokens(law: NextTokenLaw, prompt: Sequence[int], count: int) -> list[int]:
    """Return the likeliest continuation, computed anew for every token."""
    ids = list(prompt)
    for _ in range(count):
        ids_BT = torch.tensor([ids])
        with torch.inference_mode():
            laws_BTV = law(ids_BT, attention_mask_BS=torch.ones_like(ids_BT))
        ids.append(int(laws_BTV[0, -1].argmax()))
    return ids[len(prompt) :]


@contextmanager
def running_server(app: FastAPI) -> Iterator[str]:
    """Run an application on a free port of the loopback interface."""
    config = uvicorn.Config(app, port=0, access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        (port,) = {
            socket.getsockname()[1]
            for listening in server.servers
            for socket in listening.sockets
        }
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def write_base_model(directory: Path) -> None:
    """Write the base model with its tokenizer as a model directory."""
    language_model().model.save_pretrained(directory)
    byte_tokenizer()._tokenizer.save_pretrained(directory)
