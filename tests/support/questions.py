"""Questions as the interface reads them."""

from support.serving import byte_tokenizer

from unlearn_core.serving.questions import Limits, Question, read_question
from unlearn_core.serving.schemas import ChatCompletionRequest, CompletionRequest

LIMITS = Limits(maximum_tokens=100, vocabulary_size=260)


def text_question(limits: Limits = LIMITS, /, **changes: object) -> Question:
    """Return a greedy question about a text."""
    body = {"model": "m", "prompt": "Hello", "temperature": 0} | changes
    return read_question(
        CompletionRequest.model_validate(body),
        tokenizer=byte_tokenizer(),
        limits=limits,
    )


def chat_question(*contents: str, **changes: object) -> Question:
    """Return a greedy question that ends a conversation."""
    roles = ("user", "assistant")
    messages = [
        {"role": roles[number % 2], "content": content}
        for number, content in enumerate(contents or ("Hello",))
    ]
    body = {"model": "m", "messages": messages, "temperature": 0} | changes
    return read_question(
        ChatCompletionRequest.model_validate(body),
        tokenizer=byte_tokenizer(),
        limits=LIMITS,
    )
