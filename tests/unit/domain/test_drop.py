"""Examples that the technical documentation of DROP 1.2.0 has published."""

import pytest

from unlearn_core.domain import drop
from unlearn_core.domain.drop import FieldNames, ListType, Stated, digest_of
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.privacy import Personal

NAMES = FieldNames(
    birth_date="born", postal_code="zip", vin="vin", maid="maid", ctvid="ctvid"
)


@pytest.mark.parametrize(
    ("written", "standard", "digest"),
    [
        (
            "Anna.Smith@Domain.com",
            "anna.smith@domain.com",
            "KA18MT/ph6IHYjzT9zwETySDQyvSh87YuoSBpOQtkhE=",
        ),
        (
            " danielle.johnson12@example.com ",
            "danielle.johnson12@example.com",
            "mKDnDvwF2inxrKcK1hJN2TRkxPfL6kzNNTtU12eH8Bw=",
        ),
    ],
)
def test_addresses(written: str, standard: str, digest: str) -> None:
    assert drop.standard_email(written) == standard
    assert digest_of(standard) == digest


@pytest.mark.parametrize(
    ("written", "standard", "digest"),
    [
        (
            "+1(415)555-9317",
            "4155559317",
            "vGM7y5n+hBXRSEAklhHDPCbysyNgYTmXdMcagGUOY8E=",
        ),
        (
            "+84(90)123 4567",
            "4901234567",
            "ptzVkgbv9DonwvPCHmXmJ2SEOaolSh37z3ZzY/Gmm+U=",
        ),
        (
            "+354(123)4567",
            "3541234567",
            "Btrzydf5K6ALAKKXJGFHSx7u5bDzHC9WlVYtpq1n2rY=",
        ),
        ("5551273811", "5551273811", "jr/RAWYVN+ODBf2vRxwBASPwiO4x27OGI1y3IDhcwLo="),
    ],
)
def test_telephone_numbers(written: str, standard: str, digest: str) -> None:
    assert drop.standard_phone(written) == standard
    assert digest_of(standard) == digest


@pytest.mark.parametrize(
    ("written", "standard", "digest"),
    [
        ("91790-3771", "91790", "2FPZucR4x7U8KlM+SFAX4LPGhwNz/PIZUCSUdDh0o/s="),
        ("M1B 1A1", "m1b1a", "n8L9q8mVeT6Xt9/EeUNiTukGDrkbPJ3DvOEx14uElxk="),
        (" 00712345", "71234", "aeNUYKh7Xw5sqpxSbSP9eOHsj6iXewbUyavv89DIuhQ="),
        (" 00300-9999", "300", "mDvWFLta/s5as7YCP3EUfNe2vCMU+dJ690IlQcZVg4k="),
    ],
)
def test_postal_codes(written: str, standard: str, digest: str) -> None:
    assert drop.standard_zip(written) == standard
    assert digest_of(standard) == digest


@pytest.mark.parametrize(
    ("written", "standard", "digest"),
    [
        ("Juan Pablo", "juanpablo", "91hIbrbzNeqHs3o81O5yNrXUj7wDd2shvZ6THKi9qz8="),
        ("Martinez", "martinez", "2wRPGbwBNxhShjRczx8GfS2c4cjvs4NJskeWloUNtp8="),
    ],
)
def test_names(written: str, standard: str, digest: str) -> None:
    assert drop.standard_name(written) == standard
    assert digest_of(standard) == digest


@pytest.mark.parametrize(
    ("written", "standard"),
    [
        ("O'Brien-Müller", "obrienmuller"),
        ("José Ångström", "joseangstrom"),
        ("STRASSE Straße", "strassestrasse"),
        ("Łukasz Ærø", "lukaszaero"),
        ("田中", "田中"),
        ("김", "김"),
        ("ガ", "ガ"),
        ("", None),
        ("-", None),
    ],
)
def test_letters_lose_their_marks_where_they_are_latin(
    written: str, standard: str | None
) -> None:
    assert drop.standard_name(written) == standard


@pytest.mark.parametrize("written", ["Иванов", "Θεοδώρου", "Anna Петрова"])
def test_names_whose_table_is_not_published_have_no_form(written: str) -> None:
    assert drop.standard_name(written) is None
    stated = Stated(identifiers={IdentifierKind.NAME: Personal(written)}, fields={})
    assert stated.cannot_be_compared(NAMES)
    assert not stated.cannot_be_compared(FieldNames())


@pytest.mark.parametrize(
    ("born", "cannot"),
    [("1985-07-04", False), ("07/04/1985", True), ("1985", True), ("unknown", False)],
)
def test_a_date_of_birth_in_another_form_rules_nothing_out(
    born: str,
    cannot: bool,  # noqa: FBT001 - a column of the table
) -> None:
    stated = Stated(
        identifiers={IdentifierKind.NAME: Personal("Ada Example")},
        fields={NAMES.birth_date: Personal(born)},
    )
    assert stated.cannot_be_compared(NAMES) is cannot
    assert not stated.cannot_be_compared(FieldNames())


@pytest.mark.parametrize(
    ("written", "standard"),
    [
        ("1985-07-04", "19850704"),
        ("19850704", "19850704"),
        ("1985-07-04T00:00:00Z", "19850704"),
        ("07/04/1985", None),
        ("July 4, 1985", None),
        ("", None),
    ],
)
def test_dates_are_read_with_the_year_first(written: str, standard: str | None) -> None:
    assert drop.standard_day(written) == standard


def test_identifiers_of_the_wrong_length_have_no_form() -> None:
    assert drop.standard_vin("1HGCM82633A-004352") == "1hgcm82633a004352"
    assert drop.standard_vin("1HGCM") is None
    maid = "AEBE52E7-03EE-455A-B3C4-E57283966239"
    assert drop.standard_maid(maid) == "aebe52e703ee455ab3c4e57283966239"
    assert drop.standard_maid("aebe52e7") is None
    assert drop.standard_ctvid("AB-12-cd-34") == "ab12cd34"
    assert drop.standard_ctvid("ab12cd3") is None


def test_a_record_has_a_digest_for_every_list_that_it_has_the_values_of() -> None:
    stated = Stated(
        identifiers={
            IdentifierKind.NAME: Personal("Danielle Johnson"),
            IdentifierKind.EMAIL: Personal("Danielle.Johnson12@example.com"),
        },
        fields={"born": Personal("1985-07-04"), "zip": Personal("91790")},
    )
    assert dict(stated.digests(NAMES)) == {
        ListType.EMAIL: "mKDnDvwF2inxrKcK1hJN2TRkxPfL6kzNNTtU12eH8Bw=",
        ListType.NDZ: "PQOfn1RffEKmqMmNAzDKKaoZCwxWbQZkQzPWmQo9REA=",
    }


def test_name_and_vehicle_are_the_published_digest() -> None:
    stated = Stated(
        identifiers={IdentifierKind.NAME: Personal("Nobody Else")},
        fields={
            "given": Personal("Eve"),
            "family": Personal("Genesis"),
            "vin": Personal("1HGCM82633A004352"),
        },
    )
    names = FieldNames(first_name="given", last_name="family", vin="vin")
    assert dict(stated.digests(names)) == {
        ListType.NAME_VIN: "rtnDuXIe63jXYQQXW5r07GJ7lSsrib8+46QuKFwkOmk="
    }


def test_a_list_says_which_settings_it_needs() -> None:
    assert FieldNames().missing(ListType.EMAIL) == ()
    assert FieldNames().missing(ListType.NDZ) == ("birth_date", "postal_code")
    assert all(NAMES.missing(list_type) == () for list_type in ListType)
