import json
from dataclasses import replace

import pytest
from support.reports import report_of, rich_evidence

from unlearn_core.domain.canonical import canonical_json, digest_of
from unlearn_core.errors import DigestMismatchError
from unlearn_core.verification.report import read_report, report_name

RICH = report_of(rich_evidence())


def test_a_report_survives_being_kept() -> None:
    data = RICH.to_bytes()
    assert canonical_json(json.loads(data)) == data
    assert read_report(data, expected=digest_of(data)) == RICH
    assert report_name(digest_of(data)) == f"reports/{digest_of(data)[7:]}.json"


def test_another_report_is_not_shown_for_the_one_the_ledger_names() -> None:
    other = replace(RICH, passed=not RICH.passed).to_bytes()
    with pytest.raises(DigestMismatchError):
        read_report(other, expected=digest_of(RICH.to_bytes()))


@pytest.mark.parametrize("change", [{"format": "else/v1"}, {"passed": None}])
def test_a_document_of_another_kind_is_refused(change: dict[str, object]) -> None:
    data = json.dumps(json.loads(RICH.to_bytes()) | change).encode()
    with pytest.raises(DigestMismatchError, match="not a verification report"):
        read_report(data, expected=digest_of(data))
