"""The pure part of the timing of a report."""

from support.reports import report_of, rich_evidence

from benchmarks.report import line_of


def test_the_line_has_the_seconds_and_what_they_bought() -> None:
    written = report_of(rich_evidence())
    assert line_of(written, seconds=41.26, processor=33.04) == {
        "seconds": 41.3,
        "processor_seconds": 33.0,
        "passed": written.passed,
        "metrics": len(written.metrics),
        "attacks": len(written.attacks),
        "families": len(written.families),
    }
