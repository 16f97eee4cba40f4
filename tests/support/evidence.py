"""Scores and evidence written down by hand."""

from collections.abc import Sequence

from unlearn_core.domain.datasets import Entropy, Form, Group
from unlearn_core.metrics.base import Evidence, ProbeScore


def score(  # noqa: PLR0913 - one argument per field
    group: Group = Group.SUBJECT,
    ref: str = "subject",
    *,
    field: str = "city",
    entropy: Entropy = Entropy.GUESSABLE,
    mean_log_prob: float = -1.0,
    argmax_hits: Sequence[bool] = (True, False),
    is_extracted: bool = False,
    draws: int = 0,
    leaks: int = 0,
    alternative_mean_log_probs: Sequence[float] = (),
    shift: float = 0.0,
    rouge: float | None = None,
    sampled_recalls: Sequence[float] = (),
    form: Form = Form.QUESTION,
    is_refusal: bool = False,
) -> ProbeScore:
    """Return the score of one probe."""
    return ProbeScore(
        group=group,
        ref=ref,
        field=field,
        entropy=entropy,
        mean_log_prob=mean_log_prob,
        argmax_hits=tuple(argmax_hits),
        is_extracted=is_extracted,
        draws=draws,
        leaks=leaks,
        alternative_mean_log_probs=tuple(alternative_mean_log_probs),
        shift=shift,
        form=form,
        token_log_probs=(2 * mean_log_prob, 0.0),
        token_z_scores=(mean_log_prob, 1.0),
        compressed_bytes=10,
        rouge_l_recall=rouge,
        rouge_l_f1=rouge,
        sampled_recalls=tuple(sampled_recalls),
        is_refusal=is_refusal,
    )


def evidence(
    *after: ProbeScore, before: Sequence[ProbeScore] | None = None, seed: int = 0
) -> Evidence:
    """Return evidence at 95%; unless told otherwise nothing changed."""
    return Evidence(
        before=tuple(after if before is None else before),
        after=tuple(after),
        confidence=0.95,
        seed=seed,
    )


def complete_evidence(*, controls: int = 39, draws: int = 20) -> Evidence:
    """Return evidence of every group with everything that plain questions give.

    Likelihoods differ between people; before, everybody but controls was known.
    """
    before: list[ProbeScore] = []
    after: list[ProbeScore] = []
    groups = (
        (Group.SUBJECT, 1),
        (Group.RETAINED, 25),
        (Group.NEIGHBOUR, 5),
        (Group.CONTROL, controls),
    )
    for group, count in groups:
        for number in range(count):
            for field, entropy in (
                ("city", Entropy.GUESSABLE),
                ("phone", Entropy.HIGH),
            ):
                is_kept = group in {Group.RETAINED, Group.NEIGHBOUR}
                likelihood = -0.1 if is_kept else -3.0 - 0.01 * number
                common = score(
                    group,
                    f"{group}-{number}",
                    field=field,
                    entropy=entropy,
                    mean_log_prob=likelihood,
                    argmax_hits=(is_kept, number % 2 == 0, is_kept),
                    is_extracted=is_kept,
                    alternative_mean_log_probs=(-2.0, -3.5 + 0.01 * number),
                    draws=draws,
                    leaks=number % 3 if field == "city" else 0,
                    shift=0.001 * number,
                    rouge=1.0 if is_kept else 0.25,
                    sampled_recalls=(0.0, 0.5, 0.0, 1.0),
                    form=Form.QUESTION if field == "city" else Form.CONTINUATION,
                )
                after.append(common)
                before.append(_as_before(common))
    return evidence(*after, before=before)


def _as_before(after: ProbeScore) -> ProbeScore:
    is_control = after.group is Group.CONTROL
    return score(
        after.group,
        after.ref,
        field=after.field,
        entropy=after.entropy,
        mean_log_prob=after.mean_log_prob if is_control else -0.1,
        argmax_hits=after.argmax_hits if is_control else (True, True, True),
        is_extracted=not is_control,
    )
