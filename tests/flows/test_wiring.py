import os
from datetime import timedelta
from pathlib import Path

import pytest
from support.completions import Service, completions
from support.databases import open_sqlite
from support.domain import request, request_id
from support.smallworld import write_world

from flows import wiring
from flows.wiring import Station, open_station, quieten_libraries
from unlearn_core.adapters.batched_engine import BatchedEngine
from unlearn_core.adapters.identity_policies import (
    AuthenticatedChannelPolicy,
    SignedTokenPolicy,
)
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.domain.requests import Stage
from unlearn_core.errors import (
    InvalidDataMapError,
    InvalidPolicyError,
    KeyMissingError,
    ModelUnavailableError,
    SettingsError,
    UnknownRequestError,
)
from unlearn_core.local.environment import LocalInstallation, Ports
from unlearn_core.local.preparation import prepare_identity_provider
from unlearn_core.settings import PACKAGE_ROOT
from unlearn_core.steps.workbench import Workbench


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prepare an installation without models and point the environment at it."""
    monkeypatch.setattr(wiring, "configure_logging", lambda: None)
    monkeypatch.setattr(wiring, "quieten_libraries", lambda: None)
    installation = LocalInstallation(home=tmp_path, ports=Ports())
    write_world(installation.sources)
    prepare_identity_provider(installation)
    KeyDirectory(installation.keys).create()
    open_sqlite(tmp_path).close()
    for name, value in installation.settings().items():
        monkeypatch.setenv(name, value)
    return tmp_path


def _bench(station: Station) -> Workbench:
    station.office.store.receive(request(), {})
    lease = station.leases.acquire(
        str(request_id()), holder="worker-1", ttl=station.lease_time
    )
    return station.bench(request_id(), lease)


@pytest.mark.usefixtures("home")
def test_a_worker_is_shielded_before_anything_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(wiring, "shield", lambda: told.append("shielded"))
    monkeypatch.setattr(wiring, "open_office", lambda _settings: told.append("opened"))
    with pytest.raises(AttributeError), open_station():
        pass
    assert told == ["shielded", "opened"]


@pytest.mark.usefixtures("home")
def test_the_workbench_is_laid_out_from_the_settings() -> None:
    with open_station() as station:
        assert station.lease_time == timedelta(seconds=30)
        bench = _bench(station)

        bench.check_lease()
        assert list(bench.sources) == ["corpus", "support", "customers"]
        assert bench.holdout.describe().name == "reserved"
        assert bench.teacher is None
        assert bench.policy.version == "3"
        assert len(bench.ladder) == 3
        assert bench.terms.base_model == "small-world"
        assert bench.terms.certificate_validity == timedelta(days=90)
        assert bench.terms.pointer_validity == timedelta(hours=24)
        assert bench.terms.confirm_timeout == timedelta(seconds=120)
        assert isinstance(bench.identity, SignedTokenPolicy)
        assert station.ledger is station.office.store


@pytest.mark.usefixtures("home")
def test_a_cluster_is_asked_in_batches_that_prefect_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip(
        "distributed", reason="the extra `cluster` of unlearn is not installed"
    )
    monkeypatch.setenv("UNLEARN_CLUSTER__SCHEDULER", "tcp://127.0.0.1:9")
    with open_station() as station:
        corpus = _bench(station).sources["corpus"]
    assert isinstance(vars(corpus)["_engine"], BatchedEngine)


GUARDED = PACKAGE_ROOT / "policies" / "acceptance-3-guarded.yaml"


@pytest.mark.usefixtures("home")
def test_a_policy_with_gates_on_guards_is_refused_without_their_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UNLEARN_ACCEPTANCE_POLICY", str(GUARDED))
    with (
        open_station() as station,
        pytest.raises(SettingsError, match="UNLEARN_GUARDS__FOLDER"),
    ):
        _bench(station)


@pytest.mark.usefixtures("home")
def test_certificates_are_looked_after_whatever_the_policy_asks_of_new_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UNLEARN_ACCEPTANCE_POLICY", str(GUARDED))
    with open_station() as station:
        lease = station.leases.acquire("c", holder="me", ttl=station.lease_time)
        bench = station.bench_for_certificates(lease)
        assert bench.policy.version == "3-guarded"


@pytest.mark.usefixtures("home")
def test_a_policy_with_gates_on_guards_is_taken_with_their_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UNLEARN_ACCEPTANCE_POLICY", str(GUARDED))
    monkeypatch.setenv("UNLEARN_GUARDS__FOLDER", str(tmp_path))
    with open_station() as station:
        bench = _bench(station)
    assert bench.public is not None
    assert bench.policy.version == "3-guarded"


@pytest.mark.usefixtures("home")
def test_one_bench_serves_all_certificates_of_the_configured_base() -> None:
    with open_station() as station:
        lease = station.leases.acquire("c", holder="me", ttl=station.lease_time)
        bench = station.bench_for_certificates(lease)
        assert (bench.terms.base_model, bench.lease) == ("small-world", lease)
        assert bench.certificates.due("small-world") == ()


@pytest.mark.usefixtures("home")
def test_a_base_elsewhere_teaches_if_the_settings_name_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with completions(Service(lambda _: {"token_id:7": -0.5})) as service:
        monkeypatch.setenv("UNLEARN_TEACHER__URL", service.address)
        monkeypatch.setenv("UNLEARN_TEACHER__NAME", "large")
        monkeypatch.setenv("UNLEARN_TEACHER__API_KEY", "top-secret")
        monkeypatch.setenv("UNLEARN_TEACHER__TOKENS", "5")
        with open_station() as station:
            teacher = _bench(station).teacher
            assert teacher is not None
            assert teacher.likeliest([(4,)]) == [{7: -0.5}]
    [asked] = service.asked
    assert (asked["model"], asked["logprobs"]) == ("large", 5)
    assert service.keys == ["Bearer top-secret"]


@pytest.mark.usefixtures("home")
def test_what_the_worker_signs_and_seals_it_can_open() -> None:
    with open_station() as station:
        bench = _bench(station)

        envelope = bench.signer.sign(b"{}", payload_type="text/plain")
        assert bench.envelopes.open(envelope, payload_type="text/plain") == b"{}"
        sealed = bench.sealer.close(b"pair", base_model="small-world")
        assert bench.sealer.open(sealed, base_model="small-world") == b"pair"


@pytest.mark.usefixtures("home")
def test_models_are_not_loaded_before_they_are_needed() -> None:
    with open_station() as station:
        bench = _bench(station)

        with pytest.raises(ModelUnavailableError):
            _ = bench.models.base


@pytest.mark.usefixtures("home")
def test_an_authenticated_channel_needs_no_key_of_an_issuer(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNLEARN_IDENTITY__POLICY", "authenticated_channel")
    (home / "identity-provider" / "public.jwk").unlink()

    with open_station() as station:
        assert isinstance(_bench(station).identity, AuthenticatedChannelPolicy)


@pytest.mark.parametrize(
    ("missing", "error"),
    [
        ("sources/data-map.yaml", InvalidDataMapError),
        ("identity-provider/public.jwk", KeyMissingError),
        ("keys/signing.pem", KeyMissingError),
        ("keys/artifact.key", KeyMissingError),
    ],
)
def test_a_missing_file_is_reported_when_the_bench_is_laid_out(
    home: Path, missing: str, error: type[Exception]
) -> None:
    (home / missing).unlink()

    with open_station() as station, pytest.raises(error):
        _bench(station)


@pytest.mark.usefixtures("home")
def test_a_missing_policy_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARN_ACCEPTANCE_POLICY", "nowhere.yaml")

    with open_station() as station, pytest.raises(InvalidPolicyError):
        _bench(station)


@pytest.mark.usefixtures("home")
def test_there_is_no_bench_for_an_unknown_request() -> None:
    with open_station() as station:
        lease = station.leases.acquire("x", holder="worker-1", ttl=station.lease_time)
        with pytest.raises(UnknownRequestError):
            station.bench(request_id(9), lease)


def test_libraries_stay_quiet_unless_the_operator_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HF_HUB_OFFLINE", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"):
        # Set first, so that whatever is there later is taken away again.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.setenv(name, "7")

    quieten_libraries()

    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"


@pytest.mark.usefixtures("home")
def test_limits_of_working_data_are_those_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UNLEARN_RETENTION__WORKING_DAYS", "90")
    monkeypatch.setenv("UNLEARN_RETENTION__STAGE_DAYS", '{"on_hold": 365}')
    with open_station() as station:
        table = station.expiry(holder="keeper").limits
    assert table[Stage.REFERRED].destroyed_after == timedelta(days=90)
    assert table[Stage.ON_HOLD].destroyed_after == timedelta(days=365)
    assert table[Stage.TRAINED].destroyed_after is None


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("stage", ["trained", "somewhere"])
def test_days_can_be_set_only_for_stages_that_wait_for_a_person(
    monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setenv("UNLEARN_RETENTION__STAGE_DAYS", f'{{"{stage}": 365}}')
    with open_station() as station, pytest.raises(SettingsError):
        station.expiry(holder="keeper")
