"""A registry with real keys, a tiny base model, and vLLM with the plug-in beside them.

The models are random and answer nonsense, but each version another nonsense.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import torch
from support import domain
from support.bundles import register_pair
from support.serving import byte_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from benchmarks.vllm_clock import VARIABLE
from unlearn_core.adapters.envelopes import EnvelopeSigner
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.mlflow_registry import (
    MlflowArtifactRegistry,
    MlflowRunTracker,
)
from unlearn_core.adapters.sealing import PairSeal
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.pointers import POINTER_TYPE, ServingPointer
from unlearn_core.local.environment import Ports
from unlearn_core.local.processes import ManagedProcess, ProcessPlan
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.weights import (
    frozen,
    identity_of,
)

BASE_MODEL = "tiny"
CONTEXT = 256
BASE_SEED, REFERENCE_SEED, FIRST_SEED = 1, 2, 100
START_SECONDS = 900.0
HOST = "127.0.0.1"

ENGINE = (
    "--dtype float32 --enforce-eager --max-num-seqs 8 --block-size 32 "
    "--max-num-batched-tokens 64 --enable-chunked-prefill --num-gpu-blocks-override 100"
)
"""Prompts longer than 64 tokens come in several steps."""

SAFE = "--logprobs-mode processed_logprobs --no-async-scheduling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large the models are, as width and layers.

    Attributes:
        base: The base.
        pair: Either half of the pair.
    """

    base: tuple[int, int] = (64, 2)
    pair: tuple[int, int] = (32, 2)


def random_model(seed: int, *, width: int, layers: int) -> PreTrainedModel:
    """Return a model that vLLM's kernels can run; the same seed gives the same one."""
    config = LlamaConfig(
        vocab_size=byte_tokenizer().size,
        hidden_size=width,
        intermediate_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=width // 32,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=False,
        initializer_range=0.3,
        pad_token_id=0,
        bos_token_id=3,
        eos_token_id=3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return frozen(LlamaForCausalLM(config))


class World:
    """Keys, base model and registry of an installation.

    Args:
        folder: Where everything is kept.
        mlflow: Address of the registry.
        sizes: How large the models are.
    """

    def __init__(self, folder: Path, *, mlflow: str, sizes: Sizes) -> None:
        self.folder = folder
        self._sizes = sizes
        self.base = _sized(BASE_SEED, sizes.base)
        self.base.save_pretrained(folder / "base")
        byte_tokenizer()._tokenizer.save_pretrained(folder / "base")  # noqa: SLF001
        keys = KeyDirectory(folder / "keys")
        keys.create()
        self._signer = EnvelopeSigner(keys.signer())
        self._sealer = PairSeal(keys.artifact_key())
        self._registry = MlflowArtifactRegistry(mlflow)
        self._runs = MlflowRunTracker(mlflow)
        self._pointer: ServingPointer | None = None
        self.settings = {
            "UNLEARN_MLFLOW_URI": mlflow,
            "UNLEARN_MODEL__NAME": BASE_MODEL,
            "UNLEARN_MODEL__BASE": str(folder / "base"),
            "UNLEARN_KEYS__DIRECTORY": str(folder / "keys"),
            "UNLEARN_SERVING__REQUIRES_OFFSET": "true",
            "UNLEARN_SERVING__POLL_SECONDS": "0.2",
        }

    @property
    def size_ratio(self) -> float:
        """Return the parameters of both halves of a pair to those of the base."""
        half = _sized(REFERENCE_SEED, self._sizes.pair)
        return 2 * half.num_parameters() / self.base.num_parameters()

    def law(self, sequence: int) -> OffsetModel:
        """Return the law that a version serves, as our own engine computes it."""
        return OffsetModel(
            self.base,
            unlearned=_sized(FIRST_SEED + sequence, self._sizes.pair),
            reference=_sized(REFERENCE_SEED, self._sizes.pair),
            alpha=1.0,
        )

    def publish(self, sequence: int) -> None:
        """Register a version and point at it."""
        registered = register_pair(
            replace(
                domain.manifest(sequence),
                base_model=BASE_MODEL,
                identity=identity_of(self.folder / "base"),
                alpha=1.0,
                created_at=datetime.now(UTC).isoformat(),
            ),
            unlearned=_sized(FIRST_SEED + sequence, self._sizes.pair),
            reference=_sized(REFERENCE_SEED, self._sizes.pair),
            sealer=self._sealer,
            signer=self._signer,
            registry=self._registry,
            run=self._runs.start(f"version {sequence}", {}),
        )
        now = datetime.now(UTC)
        self._point(
            ServingPointer(
                base_model=BASE_MODEL,
                version=registered.version,
                manifest=registered.manifest,
                sequence=sequence,
                minimum_sequence=1,
                issued_at=now,
                expires_at=now + timedelta(hours=1),
            )
        )

    def withdraw(self) -> None:
        """Point at nothing that may answer."""
        if self._pointer is None:
            raise AssertionError
        now = datetime.now(UTC)
        self._point(
            self._pointer.withdrawn(issued_at=now, expires_at=now + timedelta(hours=1))
        )

    def _point(self, pointer: ServingPointer) -> None:
        payload = canonical_json(pointer.to_json())
        envelope = self._signer.sign(payload, payload_type=POINTER_TYPE)
        self._registry.publish_pointer(BASE_MODEL, envelope)
        self._pointer = pointer


def _sized(seed: int, size: tuple[int, int]) -> PreTrainedModel:
    width, layers = size
    return random_model(seed, width=width, layers=layers)


@contextmanager
def world(folder: Path, *, sizes: Sizes | None = None) -> Iterator[World]:
    """Start a registry and yield the world around it."""
    port = Ports.free().mlflow
    address = f"http://{HOST}:{port}"
    store = f"sqlite:///{folder / 'mlflow.db'}"
    command = (
        *(sys.executable, "-m", "mlflow", "server", "--host", HOST),
        *("--port", str(port), "--workers", "1", "--serve-artifacts"),
        *("--artifacts-destination", str(folder / "artifacts")),
        *("--backend-store-uri", store),
    )
    environment = {
        **os.environ,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    plan = ProcessPlan(name="mlflow", command=command, health_url=f"{address}/health")
    process = ManagedProcess(plan, environment=environment, logs=folder)
    try:
        process.start()
        process.wait_healthy(timeout_seconds=START_SECONDS)
        yield World(folder, mlflow=address, sizes=sizes or Sizes())
    finally:
        process.stop()


class Engines:
    """Starts vLLM with the plug-in.

    Args:
        python: Interpreter of vLLM's environment.
        plugin: Folder in which unlearn is installed for it.
        place: The world.
    """

    def __init__(self, python: Path, plugin: Path, place: World) -> None:
        self._python = python
        self._plugin = plugin
        self._place = place
        self._started = 0
        self.state = ""

    @contextmanager
    def running(
        self,
        *options: str,
        has_offset: bool = True,
        clock: tuple[Path, Path] | None = None,
    ) -> Iterator[tuple[str, ManagedProcess]]:
        """Yield the address of an engine that answers.

        Args:
            *options: Of its command line.
            has_offset: Whether the plug-in is there.
            clock: Folder of the plug-in that times steps, and where it writes.

        Raises:
            ProcessNotHealthyError: It does not start.
        """
        self._started += 1
        name, ports = f"vllm-{self._started}", Ports.free()
        port, state = ports.inference, ports.intake
        address = f"http://{HOST}:{port}"
        self.state = f"http://{HOST}:{state}/state"
        words = " ".join((ENGINE, f"--host {HOST} --port {port}", *options)).split()
        command = (
            *(str(self._python), "-P", "-m", "vllm.entrypoints.openai.api_server"),
            *("--model", str(self._place.folder / "base")),
            *("--served-model-name", BASE_MODEL, *words),
        )
        process = ManagedProcess(
            ProcessPlan(name=name, command=command, health_url=f"{address}/health"),
            environment=self._environment(name, state=state)
            | _plug_ins(self._plugin if has_offset else None, clock),
            logs=self._place.folder,
        )
        with ExitStack() as stack:
            stack.callback(process.stop)
            process.start()
            process.wait_healthy(timeout_seconds=START_SECONDS)
            yield address, process

    def was_refused(self) -> bool:
        """Tell whether our checks ended the engine that was started last."""
        path = self._place.folder / f"vllm-{self._started}.log"
        return "could answer without the offset" in path.read_text(errors="replace")

    def _environment(self, name: str, *, state: int) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
        return {
            **{key: os.environ[key] for key in kept if key in os.environ},
            **self._place.settings,
            "UNLEARN_SERVING__CACHE": str(self._place.folder / name),
            "UNLEARN_SERVING__PORT": str(state),
            "UNLEARN_SERVING__REPLICA": name,
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_WORKER_MULTIPROC_METHOD": "fork",
            "VLLM_LOGGING_LEVEL": "INFO",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        }


def _plug_ins(offset: Path | None, clock: tuple[Path, Path] | None) -> dict[str, str]:
    folders = [folder for folder in (offset, clock and clock[0]) if folder]
    told = {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    return told | ({VARIABLE: str(clock[1])} if clock else {})


def can_run(python: Path) -> str:
    """Return why vLLM does not run with an interpreter, empty if it does."""
    done = subprocess.run(  # noqa: S603 - our own fixed command
        [str(python), "-c", "import vllm"], capture_output=True, text=True, check=False
    )
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""
