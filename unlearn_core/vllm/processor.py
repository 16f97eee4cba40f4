"""The logits processor that vLLM finds by its entry point, for both model runners.

It is a processor of either kind, and behaves as the one that it was made as. See
`docs/operations.md` for how vLLM is started, `assertions` for what is refused.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from vllm.v1.sample.logits_processor.interface import (
    LogitsProcessor as FirstLogitsProcessor,
)
from vllm.v1.worker.gpu.sample.logits_processor.interface import (
    LogitsProcessor as SecondLogitsProcessor,
)

from unlearn_core.errors import OffsetRequiredError
from unlearn_core.settings import Settings
from unlearn_core.vllm.assertions import EngineUnsafeError, check_engine
from unlearn_core.vllm.presence import announce, check_present, present
from unlearn_core.vllm.requests import Batch, SlotTable
from unlearn_core.vllm.wiring import EngineModel, build_caretaker

REFUSED = {
    "prompt_logprobs": "it is the base's",
    "prompt_logprob_token_ids": "it is the base's",
    "logprob_token_ids": "it would score any text",
    "trace_decode_token_ids": "it would score any text",
}
"""Parameters that ask for the base's law of a prompt, which no processor sees, or for
that of tokens by name, as many as the limit of log-probabilities does not count."""

FORCING = ("logit_bias", "allowed_token_ids", "bad_words", "structured_outputs")
"""Parameters that force tokens or choose among some: their log-probabilities would
score any text."""


class OffsetLogitsProcessor(FirstLogitsProcessor, SecondLogitsProcessor):  # type: ignore[misc]  # vLLM is no dependency
    """Adds the offset to every row of logits.

    Args:
        vllm_config: vLLM's configuration.
        where: The device, for the first runner; the requests' state, for the second.
        is_pin_memory: Given for the first runner only.

    Raises:
        UnlearnError: The engine could answer without the offset, or something that the
            offset needs is missing; the engine does not start.
    """

    _made = False

    def __init__(
        self,
        vllm_config: Any,  # noqa: ANN401 - vLLM is no dependency
        where: Any,  # noqa: ANN401 - as above
        is_pin_memory: bool | None = None,  # noqa: FBT001 - vLLM's signature
    ) -> None:
        is_first = is_pin_memory is not None
        check_engine(vllm_config, is_first_runner=is_first)
        if OffsetLogitsProcessor._made:
            raise EngineUnsafeError(problem="the offset would be added twice")
        OffsetLogitsProcessor._made = True
        folder, settings = announce(), Settings()
        self._held = ExitStack()
        self._held.enter_context(present(folder))
        caretaker = build_caretaker(
            settings,
            _model(vllm_config, torch.device(where if is_first else where.device)),
            folder=folder,
        )
        self._offsets = caretaker.offsets
        self._batch = Batch(self._offsets)
        self._table = None if is_first else SlotTable(where.all_token_ids.gpu)
        caretaker.start((settings.serving.host, settings.serving.port))

    @classmethod
    def validate_params(cls, sampling_params: Any) -> None:  # noqa: ANN401 - as above
        """Refuse a request that the offset would not reach.

        Raises:
            ValueError: vLLM answers 400 with its text.
        """
        for name, reason in REFUSED.items():
            if getattr(sampling_params, name, None) is not None:
                message = f"{name} is not served: {reason}"
                raise ValueError(message)
        if getattr(sampling_params, "logprobs", None) is not None:
            for name in FORCING:
                if getattr(sampling_params, name, None):
                    message = f"{name} is not served together with logprobs"
                    raise ValueError(message)
        try:
            check_present(announce())
        except OffsetRequiredError as error:
            raise ValueError(str(error)) from None

    def is_argmax_invariant(self) -> bool:
        """Return that the likeliest token changes: greedy requests are not left out."""
        return False

    def update_state(self, batch_update: Any) -> None:  # noqa: ANN401 - as above
        """Follow the first runner's batch."""
        self._batch.update(batch_update)

    def add_request(self, req_idx: int, sampling_params: Any) -> bool:  # noqa: ANN401 - as above
        """Begin a request of the second runner; every one is processed."""
        del sampling_params
        self._offsets.begin(req_idx)
        return True

    def apply(self, logits: Tensor, ctx: Any = None) -> Tensor:  # noqa: ANN401 - as above
        """Add the offsets in place and return the logits."""
        asked = (
            self._batch.asked(len(logits))
            if self._table is None
            else self._table.asked(ctx)
        )
        self._offsets.add(logits, asked)
        return logits


def announce_engine() -> None:
    """Name the engine before its processes part ways; vLLM calls this in each."""
    announce()


def _model(config: Any, device: torch.device) -> EngineModel:  # noqa: ANN401 - as above
    model = config.model_config
    ends = model.try_get_generation_config().get("eos_token_id")
    if ends is None:
        ends = getattr(model.hf_text_config, "eos_token_id", None)
    return EngineModel(
        directory=Path(model.model),
        vocabulary_size=int(model.get_vocab_size()),
        context=int(model.max_model_len),
        device=device,
        end_ids=[ends] if isinstance(ends, int) else list(ends or ()),
    )
