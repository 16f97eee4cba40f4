import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.serving import offset_law

from unlearn_core.modeling.generation import Sampling
from unlearn_core.serving.jobs import Event, FinishReason, Job, Token
from unlearn_core.serving.metrics import Meter

DASHBOARD = Path(__file__).parents[3] / "infra/monitoring/serving.json"


def samples(meter: Meter) -> dict[str, float]:
    """Return all values that are not 0, by name and labels."""
    families = text_string_to_metric_families(meter.text().decode())
    return {
        sample.name.removeprefix("unlearn:") + "".join(sample.labels.values()): (
            sample.value
        )
        for family in families
        for sample in family.samples
        if sample.value and not sample.name.endswith(("_created", "_bucket"))
    }


def watched(meter: Meter) -> tuple[Job, list[Event]]:
    events: list[Event] = []
    job = Job(
        law=offset_law(1),
        prompt=[1, 2, 3],
        sampling=Sampling(maximum_tokens=2),
        end_id=3,
        seed=0,
        emit=events.append,
    )
    meter.watch(job)
    return job, events


def test_an_answer_is_counted_and_handed_on_unchanged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked at 10 s; tokens at 11 s, 11.5 s and 13.5 s; the end at 14 s."""
    now = iter([10.0, 11.0, 11.5, 13.5, 14.0])
    monkeypatch.setattr(
        "unlearn_core.serving.metrics.time.perf_counter", lambda: next(now)
    )
    meter = Meter()
    job, events = watched(meter)
    token = Token(token_id=5, log_prob=-1.0)
    for event in (token, token, token, FinishReason.LENGTH):
        job.emit(event)
    assert events == [token, token, token, FinishReason.LENGTH]
    assert samples(meter) == {
        "prompt_tokens_total": 3,
        "generation_tokens_total": 3,
        "time_to_first_token_seconds_count": 1,
        "time_to_first_token_seconds_sum": 1,
        "inter_token_latency_seconds_count": 2,
        "inter_token_latency_seconds_sum": 2.5,
        "e2e_request_latency_seconds_count": 1,
        "e2e_request_latency_seconds_sum": 4,
        "request_success_totallength": 1,
    }


def test_what_the_watcher_meets_is_counted() -> None:
    meter = Meter()
    meter.refused("digest_mismatch")
    meter.refused("digest_mismatch")
    meter.loaded(seconds=2.0)
    meter.rejected()
    found = samples(meter)
    assert found["offset_verify_failures_totaldigest_mismatch"] == 2
    assert found["offset_swap_seconds_sum"] == 2
    assert found["offset_rejected_requests_total"] == 1
    assert "offset_last_poll_success_timestamp" not in found
    meter.looked()
    assert samples(meter)["offset_last_poll_success_timestamp"] > 1.7e9


def test_lengths_and_versions_are_asked_for_when_they_are_told() -> None:
    meter, running = Meter(), [2]
    meter.watch_engine(running=lambda: running[0], waiting=lambda: 7)
    meter.watch_slot(active=lambda: 4, in_flight=lambda: 9)
    running[0] = 3
    assert samples(meter) == {
        "num_requests_running": 3,
        "num_requests_waiting": 7,
        "offset_active_version": 4,
        "offset_inflight": 9,
    }


def test_two_replicas_in_one_process_count_apart() -> None:
    one, other = Meter(), Meter()
    one.rejected()
    assert "offset_rejected_requests_total" not in samples(other)


def test_what_vllm_counts_too_has_the_name_that_it_has_there() -> None:
    """Names of vLLM 0.32, ``v1/metrics/loggers.py``, but for the prefix."""
    mirrored = {
        "num_requests_running",
        "num_requests_waiting",
        "time_to_first_token_seconds",
        "inter_token_latency_seconds",
        "e2e_request_latency_seconds",
        "prompt_tokens",
        "generation_tokens",
        "request_success",
    }
    told = text_string_to_metric_families(Meter().text().decode())
    names = {family.name.removeprefix("unlearn:") for family in told}
    ours = {name for name in names if name.startswith("offset_")}
    assert {name for name in names - ours if not name.endswith("_created")} == mirrored


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    meter = Meter()
    meter.refused("x")
    job, _ = watched(meter)
    job.emit(FinishReason.STOP)
    told = {
        sample.name
        for family in text_string_to_metric_families(meter.text().decode())
        for sample in family.samples
    }
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    shown = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"unlearn:\w+", target["expr"])
    }
    suffixes = ("_created", "_sum", "_count")
    assert shown == {name for name in told if not name.endswith(suffixes)}
