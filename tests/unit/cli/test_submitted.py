import json
from pathlib import Path

import pytest

from unlearn_core.cli.submitted import read_submitted
from unlearn_core.errors import InvalidIdentifierError

IDENTIFIERS = {"name": "Ada Example", "email": "ada@post.example"}


def test_a_document_names_a_person_and_says_more(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"identifiers": IDENTIFIERS, "contact": "x@y.example"}))
    subject, document = read_submitted(path)
    assert subject.to_plain() == {name: [text] for name, text in IDENTIFIERS.items()}
    assert document["contact"] == "x@y.example"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Ada Example", "not a request document"),
        ("[]", "not a request document"),
        ("{}", "not a request document"),
        ('{"identifiers": ["Ada Example"]}', "identifiers are not an object"),
        ('{"identifiers": {"name": "  ", "email": "a@b.example"}}', "empty"),
    ],
)
def test_another_document_is_refused_and_not_repeated(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "request.json"
    path.write_text(text)
    with pytest.raises(InvalidIdentifierError, match=problem) as caught:
        read_submitted(path)
    assert "Ada" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidIdentifierError, match="unreadable"):
        read_submitted(tmp_path / "none.json")
