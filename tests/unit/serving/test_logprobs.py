import math

from support.serving import byte_tokenizer

from unlearn_core.serving.jobs import Token
from unlearn_core.serving.logprobs import chat_logprobs, text_logprobs
from unlearn_core.serving.running_text import PlacedToken

TOKENIZER = byte_tokenizer()
(A,), (B,) = TOKENIZER.text("a"), TOKENIZER.text("b")
EURO = TOKENIZER.text("€")[0]
PLACED = [
    PlacedToken(
        token=Token(token_id=A, log_prob=-0.5, likeliest=[(A, -0.5), (B, -math.inf)]),
        start=0,
    ),
    PlacedToken(
        token=Token(token_id=EURO, log_prob=-2.0, likeliest=[(TOKENIZER.end_id, -1.0)]),
        start=1,
    ),
]


def test_a_chat_names_each_token_its_bytes_and_the_likeliest_ones() -> None:
    assert chat_logprobs(PLACED, tokenizer=TOKENIZER) == {
        "content": [
            {
                "token": "a",
                "logprob": -0.5,
                "bytes": [97],
                "top_logprobs": [
                    {"token": "a", "logprob": -0.5, "bytes": [97]},
                    # JSON has no infinity.
                    {"token": "b", "logprob": -9999.0, "bytes": [98]},
                ],
            },
            {
                # Part of a character, by its name in the vocabulary.
                "token": "â",
                "logprob": -2.0,
                "bytes": None,
                "top_logprobs": [{"token": "<|end|>", "logprob": -1.0, "bytes": None}],
            },
        ],
        "refusal": None,
    }


def test_a_text_has_parallel_lists() -> None:
    assert text_logprobs(PLACED, label=TOKENIZER.label) == {
        "tokens": ["a", "â"],
        "token_logprobs": [-0.5, -2.0],
        "top_logprobs": [{"a": -0.5, "b": -9999.0}, {"<|end|>": -1.0}],
        "text_offset": [0, 1],
    }


def test_a_text_without_likeliest_tokens_has_none_of_them() -> None:
    alone = [PlacedToken(token=Token(token_id=A, log_prob=0.0), start=0)]
    assert text_logprobs(alone, label=TOKENIZER.label)["top_logprobs"] is None


def test_of_two_tokens_with_one_text_the_likelier_is_told() -> None:
    twice = Token(token_id=A, log_prob=-1.0, likeliest=[(A, -1.0), (A, -2.0)])
    told = text_logprobs([PlacedToken(token=twice, start=0)], label=TOKENIZER.label)
    assert told["top_logprobs"] == [{"a": -1.0}]
