"""A profile text speaks of taste alone: no personal field can enter it."""

from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.scoring.profile_text import Aroma, Share, TasteProfile, profile_text, text_sha256
from crm_project.common.private_text import folded, has_contact, without_private, words_of
from customers.models import Customer

PERSONAL = {"name", "email", "phone", "address", "telegram", "code", "birth", "street", "city"}

WHOLE = TasteProfile(
    families=(Share("Pinot Noir", 0.3), Share("Riesling", 0.65), Share("Port", 0.01)),
    grapes=(Share("Riesling", 0.9),),
    sugar_levels=(Share("dry", 0.8), Share("sweet", 0.1)),
    price_bands=(Share("10-20", 0.5),),
    aromas=(Aroma("fruit", "high"), Aroma("oak", "low"), Aroma("spice", "medium")),
    products=("Estate Riesling 2023",),
    channels=(Share("web shop", 1.0),),
    average_order_value=Decimal("80.00"),
    median_gap_days=29.5,
    season="autumn",
    tags=("likes picnics",),
)

free_text = st.text(max_size=40)
shares = st.builds(Share, free_text, st.floats(0, 1))
several = st.lists(shares, max_size=4).map(tuple)
emails = st.emails()
phones = st.from_regex(r"\A(\+|0)[0-9]{2,4}[ /-]?[0-9]{3}[ -]?[0-9]{3,6}\Z").filter(str.isascii)
words = st.text(st.characters(categories=["L"]), min_size=2, max_size=12).filter(words_of)


def test_the_first_template_reads_like_this() -> None:
    assert profile_text(WHOLE).text == (
        "Families: mostly Riesling, some Pinot Noir.\n"
        "Grapes: mostly Riesling.\n"
        "Sweetness: mostly dry, a little sweet.\n"
        "Price: mostly 10-20.\n"
        "Aromas: high fruit, low oak.\n"
        "Products: Estate Riesling 2023.\n"
        "Budget: medium orders.\n"
        "Rhythm: orders every month.\n"
        "Channels: mostly web shop.\n"
        "Season: autumn.\n"
        "Notes: likes picnics."
    )


def test_the_words_of_a_template_never_change_under_its_id() -> None:
    made = profile_text(WHOLE)
    assert made.template == "taste-1"
    assert made.sha256 == "878789b3d4542508cbdb6c3df6b1605394061000c5fd33a6a904f4e64a5b54b3"


def test_no_personal_field_of_a_customer_has_a_place_in_the_input() -> None:
    known = {field.name for field in fields(TasteProfile)}
    assert known.isdisjoint({field.name for field in Customer._meta.get_fields()})
    assert not [name for name in known if any(word in name for word in PERSONAL)]


@given(
    st.builds(
        TasteProfile, families=several, grapes=several, channels=several,
        products=st.lists(free_text, max_size=3).map(tuple), season=st.none() | free_text,
    ),
    emails, phones, st.lists(words, min_size=1, max_size=3), free_text, st.data(),
)  # fmt: skip
def test_no_address_number_or_given_name_survives(
    profile: TasteProfile, email: str, phone: str, names: list[str], other: str, data: st.DataObject
) -> None:
    private = data.draw(st.permutations([email, phone, *names, other]))
    separator = data.draw(st.sampled_from([" ", ", ", " / ", "\n"]))
    tag = separator.join(private)
    text = profile_text(
        replace(profile, tags=(tag,), products=(*profile.products, f"{email} {phone}")), names=names
    ).text
    assert not has_contact(text)
    assert email.casefold() not in text.casefold()
    assert phone not in text
    notes = (
        text.partition("Notes: ")[2] if profile == TasteProfile() else without_private(tag, names)
    )
    assert words_of([notes]).isdisjoint(words_of(names))


@given(st.text(), st.lists(st.text(min_size=1, max_size=8), max_size=3))
def test_taking_private_words_out_twice_changes_nothing_more(text: str, names: list[str]) -> None:
    once = without_private(text, names)
    assert not has_contact(once)
    assert without_private(once, names) == once


@pytest.mark.parametrize("text", [
    "anna@example.com", "Anna@Ärger.example", "anna @ example.com", "anna(at)example.com",
    "\uff20anna", "+49 30 123456", "(0151) 123-45-67", "0049301234567", "٠١٢٣٤٥٦٧",
    "12345 a@b 67890",
])  # fmt: skip
def test_what_looks_like_a_contact_is_found_and_taken_out(text: str) -> None:
    assert has_contact(text)
    assert not has_contact(without_private(f"dry {text} wine"))


@pytest.mark.parametrize(
    "text", ["", "mostly Riesling, 10-20", "Chablis 2019, 0.75 l", "6 bottles"]
)
def test_words_of_a_catalogue_are_no_contacts(text: str) -> None:
    assert not has_contact(text)
    assert without_private(text) == text


@pytest.mark.parametrize("tag", ["for Mrs MÜLLER-Lüdenscheidt", "muller", "Anna_Muller", "ANNA"])
def test_a_name_is_known_whatever_its_case_and_accents(tag: str) -> None:
    left = without_private(tag, ["Anna Müller-Lüdenscheidt"])
    assert words_of([left]) <= {folded("for"), folded("Mrs")}


def test_a_long_text_without_a_match_is_read_in_linear_time() -> None:
    assert not has_contact("a" * 200_000)
    assert not has_contact("1 a " * 50_000)


def test_a_customer_of_whom_nothing_is_known_has_an_empty_text() -> None:
    assert profile_text(TasteProfile()).text == ""


def test_equal_taste_gives_equal_text_whatever_the_order_of_the_shares() -> None:
    turned = replace(WHOLE, families=WHOLE.families[::-1], aromas=WHOLE.aromas[::-1])
    assert profile_text(turned) == profile_text(WHOLE)


def test_another_template_makes_the_same_text_stale() -> None:
    assert text_sha256("dry", "taste-1") != text_sha256("dry", "taste-2")


def test_a_shop_may_set_what_a_large_order_is() -> None:
    text = profile_text(WHOLE, budgets=[(Decimal(100), "tiny")]).text
    assert "Budget: tiny orders." in text
