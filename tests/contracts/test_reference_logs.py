"""Published evaluations, recomputed from their own rows.

The logs are those of OpenUnlearning (Dorna et al. 2025, arXiv:2506.12618) for a
Llama-3.2-1B taught all of TOFU and for models retrained without a part of it.
"""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unlearn_core.metrics.published import (
    area_under_curve,
    closeness,
    harmonic_mean,
    ks_p_value,
    log_truth_ratio,
    privacy_leakage,
    probability_among_options,
    truthfulness,
)
from unlearn_core.verification.rouge import rouge_l

ROOT = Path(__file__).resolve().parents[2]
LOGS = Path(
    os.environ.get("UNLEARN_REFERENCE_LOGS")
    or ROOT.parent / "shared" / "data" / "open_unlearning_logs"
)
pytestmark = pytest.mark.skipif(
    not LOGS.is_dir(), reason="the reference logs of OpenUnlearning are not here"
)
FLOOR = 1e-10
MODEL = "tofu_Llama-3.2-1B-Instruct"
EVALUATIONS = (
    *(f"full/evals_forget{share}" for share in ("01", "05", "10")),
    *(f"retain{share}" for share in ("90", "95", "99")),
)
RETRAINED = {"01": "retain99", "05": "retain95", "10": "retain90"}
every_evaluation = pytest.mark.parametrize("name", EVALUATIONS)
every_split = pytest.mark.parametrize("split", RETRAINED)


@cache
def log(name: str) -> dict[str, Any]:
    path = LOGS / f"{MODEL}_{name}" / "TOFU_EVAL.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def rows(name: str, metric: str) -> list[dict[str, Any]]:
    return list(log(name)[metric]["value_by_index"].values())


def logged(name: str, metric: str) -> float:
    return float(log(name)[metric]["agg_value"])


def truth_ratios(name: str, true: str, wrong: str) -> list[float]:
    return [
        log_truth_ratio(
            -right["avg_loss"], [-loss for loss in others["avg_loss"]], floor=FLOOR
        )
        for right, others in zip(rows(name, true), rows(name, wrong), strict=True)
    ]


def forget_ratios(name: str) -> list[float]:
    return truth_ratios(name, "forget_Q_A_PARA_Prob", "forget_Q_A_PERT_Prob")


def exactly(value: float | list[float]) -> Any:  # noqa: ANN401 - pytest's own type is not exported
    return pytest.approx(value, rel=1e-6)


@every_evaluation
def test_probabilities_follow_from_losses(name: str) -> None:
    found = [np.exp(-row["avg_loss"]) for row in rows(name, "forget_Q_A_Prob")]
    assert np.mean(found) == exactly(logged(name, "forget_Q_A_Prob"))


@every_evaluation
def test_truth_ratios_are_row_by_row_the_logged_ones(name: str) -> None:
    found = forget_ratios(name)
    scores = [row["score"] for row in rows(name, "forget_truth_ratio")]
    assert np.exp(found) == exactly(scores)
    mean = np.mean([closeness(ratio) for ratio in found])
    assert mean == exactly(logged(name, "forget_truth_ratio"))


@every_split
def test_forget_quality_is_the_logged_one(split: str) -> None:
    found = ks_p_value(
        forget_ratios(f"full/evals_forget{split}"), forget_ratios(RETRAINED[split])
    )
    assert found == exactly(logged(f"full/evals_forget{split}", "forget_quality"))


@every_evaluation
def test_model_utility_is_the_harmonic_mean_of_nine_parts(name: str) -> None:
    parts = [logged(name, f"{group}_Q_A_ROUGE") for group in ("retain", "ra", "wf")]
    retained = [np.exp(-row["avg_loss"]) for row in rows(name, "retain_Q_A_Prob")]
    parts.append(float(np.mean(retained)))
    for group in ("ra", "wf"):
        options = [
            probability_among_options(right["prob"], wrong["prob"], floor=FLOOR)
            for right, wrong in zip(
                rows(name, f"{group}_Q_A_Prob"),
                rows(name, f"{group}_Q_A_PERT_Prob"),
                strict=True,
            )
        ]
        assert np.mean(options) == exactly(logged(name, f"{group}_Q_A_Prob_normalised"))
        parts.append(float(np.mean(options)))
    for group, true in (("retain", "PARA_Prob"), ("ra", "Prob"), ("wf", "Prob")):
        ratios = truth_ratios(name, f"{group}_Q_A_{true}", f"{group}_Q_A_PERT_Prob")
        mean = float(np.mean([truthfulness(ratio) for ratio in ratios]))
        assert mean == exactly(logged(name, f"{group}_Truth_Ratio"))
        parts.append(mean)
    assert len(parts) == 9
    assert harmonic_mean(parts) == exactly(logged(name, "model_utility"))


def min_k_area(name: str) -> float:
    """Return the area, from what the attack says of every row: large is unlikely."""
    attack = log(name)["mia_min_k"]
    forgotten, others = (
        [-row["score"] for row in attack[part]["value_by_index"].values()]
        for part in ("forget", "holdout")
    )
    area = area_under_curve(forgotten, others)
    assert area == exactly(logged(name, "mia_min_k"))
    return area


@every_split
def test_privacy_leakage_is_the_logged_one(split: str) -> None:
    full, retrained = f"full/evals_forget{split}", RETRAINED[split]
    reference = min_k_area(retrained)
    found = privacy_leakage(min_k_area(full), reference)
    assert found == exactly(logged(full, "privleak"))
    without = privacy_leakage(reference, 0.5)
    assert without == exactly(logged(retrained, "privleak"))


@pytest.mark.parametrize("name", ["full/evals_forget01", "retain99"])
def test_rouge_l_over_stemmed_words_is_the_logged_one(name: str) -> None:
    stemmer = pytest.importorskip(
        "nltk.stem.porter", reason="the stemmer of the published figures is not here"
    ).PorterStemmer()

    @cache
    def stem(word: str) -> str:
        return str(stemmer.stem(word)) if len(word) > 3 else word

    def words(text: str) -> list[str]:
        return [stem(word) for word in re.findall(r"[a-z0-9]+", text.lower())]

    for row in rows(name, "forget_Q_A_ROUGE")[:120]:
        found = rouge_l(words(row["generation"]), words(row["ground_truth"]))
        assert found.recall == exactly(row["rougeL_recall"])
        assert found.f1 == exactly(row["rougeL_f1"])
