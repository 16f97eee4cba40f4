from dataclasses import replace

from support.retention import TERMS

from unlearn_core.domain.processing import (
    Installation,
    processing_record,
    to_markdown,
)
from unlearn_core.domain.retention import WHAT, table

PLACE = Installation(
    controller="Example GmbH, Berlin",
    officer="",
    base_model="small-world",
    sources={"customers": "jsonl"},
    identifiers=("email", "name"),
    fields=("city",),
    recipients={"https://replica.example": "sealed offset pairs"},
    received={"bolt": "tenant; customers"},
    periods=table(TERMS),
)


def test_the_record_has_every_letter_of_article_30() -> None:
    record = processing_record(PLACE)["record"]
    assert isinstance(record, dict)
    assert {name[0] for name in record} == set("abcdefg")
    assert record["a_controller"] == "Example GmbH, Berlin"
    assert record["a_data_protection_officer"] == "not configured"
    assert record["d_recipients"] == {"https://replica.example": "sealed offset pairs"}
    assert record["d_recipients_of_the_sources_and_weights"] == {
        "bolt": "tenant; customers"
    }


def test_every_kind_of_data_has_its_limits_outcome_by_outcome() -> None:
    record = processing_record(PLACE)["record"]
    assert isinstance(record, dict)
    limits = record["f_time_limits"]
    assert isinstance(limits, dict)
    assert set(limits) == set(WHAT.values())
    assert limits["keyed commitments to identifiers: the suppression list"] == {
        "suppressed_at_output, partial, failed": "3000 days, and while the base is "
        "served (GDPR Art. 17(1), 11 CCR 7022: whoever was erased stays erased)",
        "erased_at_source": "3000 days "
        "(GDPR Art. 17(1), 11 CCR 7022: whoever was erased stays erased)",
        "not_found, exempt, refused, withdrawn": "1000 days "
        "(GDPR Art. 5(2), 11 CCR 7101: records of requests, 24 months at least)",
    }


def test_the_assessment_has_the_four_parts_of_article_35_and_asks_people() -> None:
    assessment = processing_record(PLACE)["impact_assessment"]
    assert isinstance(assessment, dict)
    assert {name[0] for name in assessment if name[1] == "_"} == set("abcd")
    assert assessment["questions"]


def test_the_text_says_all_of_it() -> None:
    text = to_markdown(processing_record(PLACE))
    assert "## (a) controller\n\nExample GmbH, Berlin\n" in text
    assert "- customers: jsonl\n" in text
    assert "  - not_found, exempt, refused, withdrawn: 1000 days" in text
    other = replace(PLACE, base_model="other")
    assert to_markdown(processing_record(other)) != text
