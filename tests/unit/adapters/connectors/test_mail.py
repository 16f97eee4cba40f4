from email.message import EmailMessage
from pathlib import Path
from time import process_time

import pytest
from support.file_sources import mail_spec, message_bytes, write_maildir, write_mbox
from support.sources import PEOPLE, subject

from unlearn_core.adapters.connectors.mail import MailConnector, message_row
from unlearn_core.errors import SourceChangedError

MULTIPART = b"""\
From: =?utf-8?q?Zo=C3=AB_Example?= <zoe@post.example>
To: ada@post.example, Ben <ben@post.example>
Subject: =?utf-8?b?R3LDvMOfZQ==?=
Message-ID: <1@post.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=X

--X
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Ada wohnt in K=F6ln.
--X
Content-Type: text/html; charset=no-such-charset

<b>fett</b>
--X
Content-Type: application/pdf; name=scan.pdf
Content-Disposition: attachment; filename="Ada Example.pdf"
Content-Transfer-Encoding: base64

QWRh
--X--
"""


def test_a_message_is_read_with_all_its_text_decoded() -> None:
    row = message_row(MULTIPART)
    assert row is not None
    assert {name: row[name] for name in ("message_id", "from_name", "to")} == {
        "message_id": "<1@post.example>",
        "from_name": "Zoë Example",
        "to": "ada@post.example, Ben <ben@post.example>",
    }
    assert (row["from_address"], row["subject"]) == ("zoe@post.example", "Grüße")
    assert "Ada wohnt in Köln." in row["text"]
    assert "<b>fett</b>" in row["text"]
    assert "QWRh" not in row["text"]
    assert row["attachments"].strip() == "Ada Example.pdf"


def test_a_message_without_an_id_gets_one_from_its_bytes() -> None:
    one, two = (message_row(b"From: a@b.example\n\n" + text) for text in (b"1", b"2"))
    assert one is not None
    assert two is not None
    assert one["message_id"].startswith("sha256:")
    assert one["message_id"] != two["message_id"]


@pytest.mark.parametrize("raw", [b"", b"\n\nno header", b"\xff\xfe"])
def test_what_is_no_message_is_none(raw: bytes) -> None:
    assert message_row(raw) is None


def test_messages_that_stay_keep_their_bytes(tmp_path: Path) -> None:
    """A line that begins like a message inside a text is none."""
    path = write_mbox(tmp_path / "inbox", PEOPLE[:1])
    kept = (
        b"From x Mon Mar  2 09:00:00 2026\r\nMessage-ID: k-1\r\n\r\n"
        b"Hello\r\nFrom here on it is fine.\r\n"
    )
    path.write_bytes(path.read_bytes() + kept)
    source = MailConnector(mail_spec(path))
    assert source.erase(["r-1"], dry_run=False) == 1
    assert path.read_bytes() == kept


def test_text_before_the_first_message_is_counted_and_kept(tmp_path: Path) -> None:
    path = write_mbox(tmp_path / "inbox", PEOPLE[:1])
    path.write_bytes(b"torn: half a message\n\n" + path.read_bytes())
    source = MailConnector(mail_spec(path))
    assert source.locate(subject()).unreadable == 1
    source.erase(["r-1"], dry_run=False)
    assert path.read_bytes() == b"torn: half a message\n\n"


def test_a_message_of_a_maildir_is_a_file_that_goes(tmp_path: Path) -> None:
    folder = write_maildir(tmp_path / "mail")
    other = folder / "cur" / "1.broken:2,S"
    other.write_bytes(b"")
    source = MailConnector(mail_spec(folder))
    assert source.locate(subject()).unreadable == 1
    assert source.erase(["r-1"], dry_run=False) == 1
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 5
    assert not [path for path in files if b"r-1" in path.read_bytes()]


def test_a_message_that_is_moved_meanwhile_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail programs rename files to mark messages as read."""
    folder = write_maildir(tmp_path / "mail", PEOPLE[:1])
    (path,) = (folder / "cur").iterdir()
    source = MailConnector(mail_spec(folder))
    unlink = Path.unlink

    def move_first(self: Path, *, missing_ok: bool = False) -> None:
        path.rename(path.with_name("moved:2,RS"))
        unlink(self, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", move_first)
        with pytest.raises(SourceChangedError):
            source.erase(["r-1"], dry_run=False)
    assert source.erase(["r-1"], dry_run=False) == 1
    assert source.confirm_absent(["r-1"])


def test_folders_of_a_maildir_are_searched_though_their_names_are_hidden(
    tmp_path: Path,
) -> None:
    """As mail servers keep them: `.Sent` beside `cur`."""
    folder = write_maildir(tmp_path / "mail", PEOPLE[:1])
    write_maildir(folder / ".Sent", PEOPLE[2:3])
    write_maildir(folder / ".Sent.2025", PEOPLE[3:])
    (folder / ".cache").mkdir()
    (folder / ".cache" / "index").write_bytes(b"Ada Example")
    source = MailConnector(mail_spec(folder))
    result = source.locate(subject())
    found = {item.record_id for item in result.records}
    assert (found, result.searched, result.unreadable) == ({"r-1", "r-3"}, 4, 0)
    assert source.erase(["r-1", "r-3"], dry_run=False) == 2


@pytest.mark.parametrize(
    "header",
    [
        "Bcc: Ada Example <ada@post.example>",
        "Delivered-To: ada@post.example",
        "To: ben@post.example\nTo: ada@post.example",
        "Received: from a by b for <ada@post.example>; Mon, 2 Mar 2026 09:00:00 +0000",
        "X-Copy: mailto:ada@post.example",
    ],
)
def test_whoever_any_header_names_is_found_and_redacted(
    tmp_path: Path, header: str
) -> None:
    ada = subject(name="Ada Example", email="ada@post.example")
    path = tmp_path / "people.mbox"
    message = f"From: ben@post.example\nMessage-ID: <r-1@x>\n{header}\n\nHi.\n"
    path.write_text(f"From ben Mon Mar  2 09:00:00 2026\n{message}\n")
    source = MailConnector(mail_spec(path))
    (found,) = source.locate(ada).records
    assert source.redact([found.record_id], ada, dry_run=False) == 1
    assert source.confirm_redacted([found.record_id], ada)
    assert "ada@" not in path.read_text()


@pytest.mark.parametrize("header", ['Sender: "', "Resent-From: <", 'Resent-Sender: "'])
def test_a_header_that_cannot_be_parsed_is_searched_as_it_is_written(
    tmp_path: Path, header: str
) -> None:
    folder = write_maildir(tmp_path / "mail", PEOPLE[1:2])
    message = f"From: ben@post.example\nMessage-ID: <r-1@x>\n{header}\n"
    for name, more in (("one", "\nada@post.example\n"), ("two", "\nHi.\n")):
        (folder / "cur" / name).write_text(message.replace("r-1", name) + more)
    hidden = message.replace("r-1", "three").replace(
        header, f"{header}ada@post.example"
    )
    (folder / "cur" / "three").write_text(hidden + "\nHi.\n")
    ada = subject(name="Ada Example", email="ada@post.example")
    found = MailConnector(mail_spec(folder)).locate(ada)
    assert (len(found.records), found.searched, found.unreadable) == (2, 4, 0)


def test_a_long_header_costs_its_length_and_not_the_square_of_it(
    tmp_path: Path,
) -> None:
    ada = subject(name="Ada Example", email="ada@post.example")
    message = (
        f"From: ben@post.example\nX-Key: {'a' * 500_000} ada@post.example\n\nHi.\n"
    )
    path = tmp_path / "people.mbox"
    path.write_text(f"From ben Mon Mar  2 09:00:00 2026\n{message}\n")
    source = MailConnector(mail_spec(path))
    began = process_time()
    assert len(source.locate(ada).records) == 1
    # By the square, it would be a quarter of an hour.
    assert process_time() - began < 60


def test_whoever_wrote_a_message_inside_another_is_found(tmp_path: Path) -> None:
    inside = EmailMessage()
    inside["From"], inside["Subject"] = "Ada Example <ada@post.example>", "News"
    inside.set_content("Hi.")
    outside = EmailMessage()
    outside["From"], outside["Message-ID"] = "ben@post.example", "<r-1@x>"
    outside.set_content("See below.")
    outside.add_attachment(inside)
    folder = write_maildir(tmp_path / "mail", PEOPLE[1:2])
    (folder / "cur" / "forwarded").write_bytes(bytes(outside))
    source = MailConnector(mail_spec(folder))
    ada = subject(name="Ada Example", email="ada@post.example")
    (found,) = source.locate(ada).records
    assert source.redact([found.record_id], ada, dry_run=False) == 1
    assert source.confirm_redacted([found.record_id], ada)


def test_a_folder_may_hold_several_mailboxes(tmp_path: Path) -> None:
    write_mbox(tmp_path / "2025.mbox", PEOPLE[:2])
    write_maildir(tmp_path / "current", PEOPLE[2:])
    (tmp_path / "notes.txt").write_bytes(message_bytes(PEOPLE[0]))
    result = MailConnector(mail_spec(tmp_path)).locate(subject())
    assert [item.record_id for item in result.records] == ["r-1", "r-3"]
    assert (result.searched, result.unreadable) == (5, 1)
