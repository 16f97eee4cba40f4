"""A plug-in that writes down what steps take inside vLLM; `vllm_cost` reads it.

It runs in vLLM's environment, with the offset or without. A line has the tokens of a
step and the processor time of its thread in seconds, which other processes hardly
change; waiting for the next step, which vLLM does by turning in circles, is not in it.
"""

import os
import time
from pathlib import Path
from typing import Any

VARIABLE = "BENCHMARK_CLOCK"


def install() -> None:
    """Time the model runner of this process; vLLM calls this in each."""
    from vllm.v1.worker.gpu_model_runner import (  # noqa: PLC0415 - vLLM is there only where it runs
        GPUModelRunner,
    )

    if hasattr(GPUModelRunner, "step_clock"):
        return
    GPUModelRunner.step_clock = (0, 0.0)
    execute, sample = GPUModelRunner.execute_model, GPUModelRunner.sample_tokens
    log = Path(os.environ[VARIABLE]).open("a", buffering=1)  # noqa: SIM115 - as long as the process

    def timed_execute(self: Any, scheduled: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - vLLM's own
        began = time.thread_time()
        found = execute(self, scheduled, *rest, **named)
        seconds = time.thread_time() - began
        self.step_clock = (scheduled.total_num_scheduled_tokens, seconds)
        return found

    def timed_sample(self: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - vLLM's own
        began = time.thread_time()
        found = sample(self, *rest, **named)
        tokens, seconds = self.step_clock
        log.write(f"{tokens} {seconds + time.thread_time() - began:.7f}\n")
        return found

    GPUModelRunner.execute_model = timed_execute
    GPUModelRunner.sample_tokens = timed_sample


def lay_out(folder: Path) -> None:
    """Make a folder from which vLLM loads this plug-in."""
    name = Path(__file__).stem
    (folder / f"{name}.py").write_bytes(Path(__file__).read_bytes())
    described = folder / f"{name}-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"
    )
    (described / "entry_points.txt").write_text(
        f"[vllm.general_plugins]\n{name} = {name}:install\n"
    )
