from benchmarks.training import Bench, Configuration, Size, line, ratios, texts
from unlearn_core.training.recipe import TrainingRecipe

SIZE = Size(width=16, layers=1, inner=16, heads=2, key_value_heads=2)
TINY = Configuration(
    vocabulary=40,
    base=SIZE,
    pair=SIZE,
    recipe=TrainingRecipe(forget_batch=2, retain_batch=3, stranger_batch=1),
    prompt_tokens=(2, 4),
    answer_tokens=(1, 3),
    warm_up=0,
    rounds=1,
    naive_every=1,
)


def test_a_ratio_is_one_of_medians() -> None:
    seconds = {"plain": [2.0, 1.0, 9.0], "cached": [3.0, 2.0, 8.0]}
    assert ratios(seconds, "cached") == {"ratio": 1.5, "lowest": 1.0, "highest": 4.0}


def test_the_largest_configuration_speaks_for_all() -> None:
    def found(cached: float) -> dict[str, object]:
        return {
            "cached": {"ratio": cached},
            "naive": {"ratio": 4.0},
            "peak_bytes": {"plain": 1, "cached": 30, "naive": 40},
        }

    results = {"small": found(1.5), "large": found(1.1)}
    assert line(results) == {
        "cached_ratio": 1.1,
        "naive_ratio": 4.0,
        "peak_memory_ratio": 0.75,
        "of": "large",
        "configurations": results,
    }


def test_texts_have_the_lengths_asked_for() -> None:
    rows = texts(50, TINY, seed=3)
    assert {len(item.prompt) for item in rows} == {2, 3, 4}
    assert {len(item.answer) for item in rows} == {1, 2, 3}


def test_every_kind_of_step_sees_the_same_batch() -> None:
    bench = Bench(TINY)
    kept, fresh = bench.stepper_on(bench.sets), bench.stepper_on(bench.batch(5))
    expected = bench.batch(5)
    assert [len(part) for part in expected] == [2, 3, 1]
    assert [part.examples(rows) for part, rows in kept._drawn(5)] == expected
    for (part, rows), examples in zip(fresh._drawn(5), expected, strict=True):
        assert set(part.examples(rows)) == set(examples)
