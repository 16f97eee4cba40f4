"""From text to token ids, and the one place where shift and mask are written.

Legend: B batch rows, T tokens, V vocabulary, N answer positions of a whole batch.

- Prompt and answer are tokenised separately, so the first answer token is always
  the first answer token; an answer to a question ends with the end-of-turn token.
- A label at position t is the token at position t; the logits that predict it
  stand at t - 1. Only `answer_positions` knows this.
- Padding is on the right for scoring and training.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from unlearn_core.domain.datasets import Example, Form
from unlearn_core.errors import InvalidRecipeError, ModelUnavailableError

IGNORE_INDEX = -100
TOKENS_AT_ONCE = 3072


class ChatTokenizer(Protocol):
    """What is needed of a tokenizer: text in, ids out, and back."""

    @property
    def pad_id(self) -> int:
        """Return the id that fills up short rows."""
        ...

    @property
    def end_id(self) -> int:
        """Return the id that ends an answer."""
        ...

    def question(self, text: str) -> list[int]:
        """Return the ids of a user's question up to where the answer begins."""
        ...

    def text(self, text: str) -> list[int]:
        """Return the ids of plain text."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return text without special tokens."""
        ...


class TransformersTokenizer:
    """A `ChatTokenizer` over a tokenizer of the transformers library."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._end = self._id_of(tokenizer.eos_token)
        pad = tokenizer.pad_token
        self._pad = self._end if pad is None else self._id_of(pad)

    def _id_of(self, token: object) -> int:
        name = None if token is None else str(token)
        number = self._tokenizer.convert_tokens_to_ids(name) if name else None
        if not isinstance(number, int):
            raise ModelUnavailableError(missing="end-of-turn token")
        return number

    @property
    def chat_template(self) -> str:
        """Return the template that turns messages into text."""
        return str(self._tokenizer.chat_template or "")

    @property
    def size(self) -> int:
        """Return how many ids there are, from 0 to the highest."""
        return 1 + max(self._tokenizer.get_vocab().values())

    @property
    def pad_id(self) -> int:
        """Return the id that fills up short rows."""
        return self._pad

    @property
    def end_id(self) -> int:
        """Return the id that ends an answer."""
        return self._end

    def question(self, text: str) -> list[int]:
        """Return the ids of a question under the chat template."""
        return self.conversation([{"role": "user", "content": text}])

    def conversation(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Return the ids of a conversation, ready for the assistant's answer."""
        return self.text(self.written(messages))

    def written(self, messages: Sequence[dict[str, str]]) -> str:
        """Return a conversation under the chat template, up to the next answer."""
        text = self._tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, tokenize=False
        )
        return str(text)

    def text(self, text: str) -> list[int]:
        """Return the ids of plain text without special tokens."""
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return [int(token) for token in ids]

    def decode(self, ids: Sequence[int]) -> str:
        """Return text without special tokens."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def transcript(self, ids: Sequence[int]) -> str:
        """Return the text of ids with the signs that stand between messages."""
        return str(self._tokenizer.decode(list(ids)))

    def label(self, token_id: int) -> str:
        """Return what one token is called: its text, or else its vocabulary entry."""
        text = str(self._tokenizer.decode([token_id]))
        if text and "\ufffd" not in text:
            return text
        return str(self._tokenizer.convert_ids_to_tokens(token_id))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TokenizedExample:
    """An example as token ids; never shown, the ids are as personal as the text."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Right-padded rows.

    Attributes:
        input_ids_BT: Token ids.
        attention_mask_BT: 1 for tokens, 0 for padding.
        labels_BT: The token itself where it belongs to an answer, else
            `IGNORE_INDEX`.
    """

    input_ids_BT: Tensor
    attention_mask_BT: Tensor
    labels_BT: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return Batch(
            input_ids_BT=self.input_ids_BT.to(device),
            attention_mask_BT=self.attention_mask_BT.to(device),
            labels_BT=self.labels_BT.to(device),
        )


def encode_example(tokenizer: ChatTokenizer, example: Example) -> TokenizedExample:
    """Turn an example into token ids.

    A question's answer gets the end-of-turn token, a continuation does not.

    Raises:
        InvalidRecipeError: Prompt or answer has no token, so nothing is predicted.
    """
    is_question = example.form is Form.QUESTION
    text = example.prompt.reveal()
    prompt = tokenizer.question(text) if is_question else tokenizer.text(text)
    answer = tokenizer.text(example.answer.reveal())
    if not prompt or not answer:
        raise InvalidRecipeError(problem="an example has no prompt or no answer")
    end = (tokenizer.end_id,) if is_question else ()
    return TokenizedExample(prompt=tuple(prompt), answer=(*answer, *end))


def collate(
    examples: Sequence[TokenizedExample], *, pad_id: int, maximum_tokens: int
) -> Batch:
    """Pad examples to one length.

    Raises:
        InvalidRecipeError: An example does not fit into the context.
    """
    longest = max(len(example) for example in examples)
    if longest > maximum_tokens:
        raise InvalidRecipeError(
            problem="an example exceeds the context", tokens=longest
        )
    shape = (len(examples), longest)
    input_ids_BT = torch.full(shape, pad_id)
    attention_mask_BT = torch.zeros(shape, dtype=torch.long)
    labels_BT = torch.full(shape, IGNORE_INDEX)
    for row, example in enumerate(examples):
        ids = torch.tensor(example.prompt + example.answer)
        input_ids_BT[row, : len(ids)] = ids
        attention_mask_BT[row, : len(ids)] = 1
        labels_BT[row, len(example.prompt) : len(ids)] = ids[len(example.prompt) :]
    return Batch(
        input_ids_BT=input_ids_BT,
        attention_mask_BT=attention_mask_BT,
        labels_BT=labels_BT,
    )


def in_chunks(
    examples: Sequence[TokenizedExample], *, tokens: int = TOKENS_AT_ONCE
) -> Iterator[Sequence[TokenizedExample]]:
    """Cut examples, in order, into runs of at most so many tokens with padding.

    Logits take tokens times vocabulary, so rows alone do not bound memory. A single
    example may be longer.
    """
    begin = longest = 0
    for end, example in enumerate(examples):
        widest = max(longest, len(example))
        if end > begin and widest * (end + 1 - begin) > tokens:
            yield examples[begin:end]
            begin, widest = end, len(example)
        longest = widest
    if examples:
        yield examples[begin:]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPositions:
    """Where in a batch answers are predicted.

    Attributes:
        mask_BT: True at positions whose *next* token is an answer token.
        labels_N: Those next tokens, row by row.
        row_N: The batch row of each of them.
    """

    mask_BT: Tensor
    labels_N: Tensor
    row_N: Tensor


def answer_positions(batch: Batch) -> AnswerPositions:
    """Find the positions that predict answer tokens."""
    following_BT = torch.full_like(batch.labels_BT, IGNORE_INDEX)
    following_BT[:, :-1] = batch.labels_BT[:, 1:]
    mask_BT = following_BT != IGNORE_INDEX
    return AnswerPositions(
        mask_BT=mask_BT,
        labels_N=following_BT[mask_BT],
        row_N=mask_BT.nonzero()[:, 0],
    )
