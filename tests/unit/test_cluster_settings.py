import pytest
from pydantic import ValidationError

from unlearn_core.cluster_settings import ClusterSettings


def test_sources_are_searched_here_unless_a_scheduler_is_named() -> None:
    assert ClusterSettings().scheduler is None


@pytest.mark.parametrize(
    "address",
    ["tls://dask.internal:8786", "tcp://127.0.0.1:8786", "tcp://localhost:1"],
)
def test_a_scheduler_is_reached_encrypted_or_on_this_machine(address: str) -> None:
    assert ClusterSettings(scheduler=address).scheduler == address


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scheduler", "tcp://dask.internal:8786"),
        ("scheduler", "tcp://127.0.0.1.evil.example:8786"),
        ("scheduler", ""),
        ("part_megabytes", 0),
        ("patience_seconds", 0),
        ("unknown", 1),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        ClusterSettings.model_validate({name: value})
