import pytest
import torch

from benchmarks.serving import PROMPT_TOKENS, line, prompts, time_steps
from benchmarks.serving_models import Shapes, Size, build, parameters

SHAPES = Shapes(
    vocabulary=64,
    base=Size(width=64, layers=2, inner=64, heads=4),
    half=Size(width=32, layers=1, inner=32, heads=2),
    agreement=0.75,
)


def successors(model: torch.nn.Module) -> list[int]:
    ids_VT = torch.arange(64)[:, None]
    return [int(token) for token in model(input_ids=ids_VT).logits[:, -1].argmax(-1)]


def test_successors_are_planted_and_shared_as_asked() -> None:
    models = build(SHAPES)
    base = successors(models.base)
    assert sorted(base) == list(range(64))
    for half in (models.unlearned, models.reference):
        known = sum(a == b for a, b in zip(successors(half), base, strict=True))
        assert known == 48
    assert successors(models.unlearned) == successors(models.reference)


def test_unlearned_and_reference_share_no_weight() -> None:
    models = build(SHAPES)
    for one, other in zip(
        models.unlearned.parameters(), models.reference.parameters(), strict=True
    ):
        assert not torch.equal(one, other) or bool((one == 1).all())  # norms
    halves = 2 * parameters(models.reference)
    assert models.size_ratio == pytest.approx(halves / parameters(models.base))


def test_prompts_are_the_same_every_time_and_of_unlike_lengths() -> None:
    asked = prompts(7)
    assert asked == prompts(7)
    assert [len(ids) for ids in asked] == [
        PROMPT_TOKENS - cut for cut in (0, 1, 2, 3, 4, 0, 1)
    ]


def test_all_kinds_of_steps_are_timed_and_give_the_same_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmarks.serving.SHAPES", SHAPES)
    seconds, found = time_steps(build(SHAPES), rows=2, rounds=2, progress=lambda: None)
    assert all(value > 0 for value in seconds.values())
    assert found["greedy_equal"]
    assert 1 < found["tokens_a_round"] <= 5


def test_the_line_has_ratios_to_the_base_and_the_limit() -> None:
    """By hand: 1 + 1.6 * .1 + .05 = 1.21; 1.1 is within it and 1.3 is not."""
    times = {"base": 2.0, "naive": 2.8, "fused": 2.2, "speculative": 1.0}
    found = {"greedy_equal": True, "tokens_a_round": 3.0}
    told = line(0.1, {1: times}, {1: found}, {"fused": 10.04})
    assert told["limit"] == 1.21
    assert (told["naive"], told["fused"], told["speculative"]) == (
        {"1": 1.4},
        {"1": 1.1},
        {"1": 0.5},
    )
    assert told["within_limit"]
    assert told["greedy_equal"]
    assert told["streams32"] == {"fused": 10.0}
    slow, other = times | {"fused": 2.6}, found | {"greedy_equal": False}
    told = line(0.1, {1: times, 4: slow}, {1: found, 4: other}, {})
    assert not told["within_limit"]
    assert not told["greedy_equal"]
