"""A law as a model of lm-evaluation-harness; needs the extra ``evaluation``.

Source: the interface `lm_eval.api.model.TemplateLM` of lm-evaluation-harness 0.4.13,
https://github.com/EleutherAI/lm-evaluation-harness. Its tasks then score what is
served: the law is asked as a whole, and nothing here knows of a base behind it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from unlearn_core.modeling.generation import Sampling, generate
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.tokens import ChatTokenizer, TransformersTokenizer
from unlearn_core.verification import guards
from unlearn_core.verification.guards import continuations, refuses

LONGEST_ANSWER = 64

Pair = tuple[tuple[str, str], list[int], list[int]]
"""Texts and token ids of a context and its continuation."""


class LawLM(TemplateLM):  # type: ignore[misc]  # the harness publishes no types
    """Any `NextTokenLaw`, the offset ensemble above all, as the harness wants a model.

    Args:
        law: What is asked; pass the served law, not the base.
        tokenizer: Its tokenizer.
    """

    def __init__(self, law: NextTokenLaw, tokenizer: ChatTokenizer) -> None:
        super().__init__()
        self._law = law
        self._tokens = tokenizer

    @property
    def eot_token_id(self) -> int:
        """Return the id that ends a text, and stands before one without a context."""
        return self._tokens.end_id

    @property
    def tokenizer_name(self) -> str:
        """Return the name under which the harness files templated requests: none."""
        return ""

    def apply_chat_template(
        self,
        chat_history: list[dict[str, str]],
        add_generation_prompt: bool = True,  # noqa: FBT001, FBT002 - the harness's
    ) -> str:
        """Return a conversation as the model is asked.

        Raises:
            NotImplementedError: The tokenizer has no template, or the conversation is
                to end in a half answer.
        """
        if not isinstance(self._tokens, TransformersTokenizer):
            message = "the tokenizer has no chat template"
            raise NotImplementedError(message)
        if not add_generation_prompt:
            message = "conversations end before an answer"
            raise NotImplementedError(message)
        return self._tokens.written(chat_history)

    def tok_encode(
        self,
        string: str,
        add_special_tokens: bool | None = None,  # noqa: FBT001 - the harness's
        **_options: object,
    ) -> list[int]:
        """Return the ids of a text; there are no special tokens to add."""
        del add_special_tokens
        return self._tokens.text(string)

    def _loglikelihood_tokens(
        self, requests: Sequence[Pair], **_options: object
    ) -> list[tuple[float, bool]]:
        """Return the log-probability of continuations, and whether each is greedy."""
        pairs = [(context, answer) for _, context, answer in requests]
        return continuations(self._law, pairs, pad_id=self._tokens.pad_id)

    def loglikelihood_rolling(
        self,
        requests: Sequence[Instance],
        disable_tqdm: bool = False,  # noqa: FBT001, FBT002 - the harness's signature
    ) -> list[float]:
        """Return the log-probability of whole texts, every token predicted once."""
        del disable_tqdm
        return [self._rolled(str(request.args[0])) for request in requests]

    def generate_until(
        self,
        requests: Sequence[Instance],
        disable_tqdm: bool = False,  # noqa: FBT001, FBT002 - the harness's signature
    ) -> list[str]:
        """Return the most likely continuations, up to the first stopping sequence.

        Raises:
            NotImplementedError: A task wants answers sampled.
        """
        del disable_tqdm
        found = []
        for request in requests:
            context, options = request.args
            if options.get("do_sample") and options.get("temperature") != 0:
                message = "answers are the most likely ones, not sampled"
                raise NotImplementedError(message)
            longest = int(options.get("max_gen_toks", LONGEST_ANSWER))
            room = max(1, self._law.maximum_tokens - longest)
            (answer,) = generate(
                self._law,
                [self.tok_encode(context)[-room:] or [self.eot_token_id]],
                Sampling(maximum_tokens=min(longest, self._law.maximum_tokens - 1)),
                end_id=self._tokens.end_id,
                pad_id=self._tokens.pad_id,
                seed=0,
            )
            found.append(cut(self._tokens.decode(answer), options.get("until") or ()))
        return found

    def _rolled(self, text: str) -> float:
        windows = get_rolling_token_windows(
            self.tok_encode(text),
            prefix_token=self.eot_token_id,
            max_seq_len=self._law.maximum_tokens - 1,
            context_len=1,
        )
        pairs = [make_disjoint_window(window) for window in windows]
        scored = continuations(self._law, pairs, pad_id=self._tokens.pad_id)
        return sum(log_prob for log_prob, _ in scored)


def refusal_task(file: Path) -> dict[str, Any]:
    """Return HarmfulQA as a task of the harness, from the guard's own file.

    Run it with ``apply_chat_template=True``; ``refusal`` is the share of refusals.
    """
    return {
        "task": "harmful_qa",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(file)}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "",
        "generation_kwargs": {"until": [], "max_gen_toks": guards.LONGEST_ANSWER},
        "process_results": _refusal,
        "metric_list": [
            {"metric": "refusal", "aggregation": "mean", "higher_is_better": True}
        ],
    }


def _refusal(_item: Mapping[str, Any], answers: Sequence[str]) -> dict[str, float]:
    return {"refusal": float(refuses(answers[0]))}


def cut(text: str, until: str | Sequence[str]) -> str:
    """Return a text up to the first of some stopping sequences."""
    stops = [until] if isinstance(until, str) else list(until)
    places = [text.find(stop) for stop in stops if stop and stop in text]
    return text[: min(places)] if places else text
