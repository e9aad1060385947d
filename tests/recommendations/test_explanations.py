"""Explanations say in four languages what a run stored, and every sentence is translated."""

import re

import pytest
from django.conf import settings
from django.utils import translation

from recommendations.models import RecoItem
from recommendations.selectors.explanations import explain, explain_one
from recommendations.selectors.words import shown
from recommendations.selectors.words.components import clause
from recommendations.selectors.words.languages import languages, spoken
from recommendations.selectors.words.refusals import _WORDS, refusal, refusals
from tests.factories import ProductFactory
from tests.recommendations.catalogues import asked_for, read_mo, read_po

PLACE = re.compile(r"%\(\w+\)s|%%")
TRANSLATED = ["es", "fr", "ru"]
COUNTS = [0, 1, 2, 3, 4, 5, 11, 21, 22, 25, 90, 101, 111, 1234]
REPEAT = {
    "scenario": "REBUY",
    "slot": "repeat",
    "components": {
        "budget": {
            "value": 0.9, "weight": 2.0, "points": 18.0,
            "evidence": {"price": "1250.50", "median": "1200"},
        },
        "model": {
            "value": 1.0, "weight": 3.0, "points": 40.5,
            "evidence": {"times": 4, "last_on": "2011-10-02", "lines": [1, 2]},
        },
        "novelty": {"value": 0, "weight": 0.5, "points": 0},
    },
    "missing": ["taste"],
    "penalties": {"recency": {"value": 0.2, "weight": 1, "points": -3, "evidence": {"days": 21}}},
    "model": {"name": "repeat", "because_of": []},
    "eligibility": {"days_since_contact": 210, "silence_window": 135},
    "config_hash": "abc",
}  # fmt: skip


def item(reasons, slot="repeat", scenario="REBUY"):
    return RecoItem(id=1, slot=slot, scenario=scenario, reasons=reasons, rank=1, score=80)


def short(reasons, language, **kwargs):
    return explain_one(item(reasons, **kwargs), language=language).short.replace("\xa0", " ")


@pytest.mark.django_db
def test_the_two_largest_components_make_the_sentence_in_each_language():
    assert short(REPEAT, "en") == (
        "Bought 4 times, last on 2 Oct 2011; at £1,250.50 close to the usual price of £1,200.00."
    )
    assert short(REPEAT, "fr") == (
        "Acheté 4 fois, la dernière le 2 octobre 2011 ; "
        "à 1 250,50 £, proche du prix habituel de 1 200,00 £."
    )
    assert short(REPEAT, "es") == (
        "Comprado 4 veces, la última el 2 de octubre de 2011; "
        "a 1 250,50 £, cerca del precio habitual de 1 200,00 £."
    )
    assert short(REPEAT, "ru") == (
        "Покупали 4 раза, последний — 2 октября 2011 г.; "
        "по цене 1 250,50 £, близкой к обычной 1 200,00 £."
    )


@pytest.mark.django_db
def test_an_explanation_holds_parts_by_points_penalties_and_what_was_missing():
    found = explain_one(item(REPEAT), language="en")

    assert [part.name for part in found.parts] == ["model", "budget", "novelty"]
    assert [part.title for part in found.parts] == ["Bought before", "Budget", "New"]
    assert found.parts[0].points == 40.5
    assert found.parts[0].evidence["lines"] == [1, 2]
    assert [(one.name, one.points, one.words) for one in found.penalties] == [
        ("recency", -3.0, "last bought only 21 days ago")
    ]
    assert [one.title for one in found.missing] == ["Taste"]
    assert (found.scenario, found.slot, found.model) == ("Buy again", "Bought before", "repeat")
    assert found.eligibility["silence_window"] == 135
    assert found.config_hash == "abc"


CHANCE = {
    "components": {
        "start": {"value": 0.004, "weight": 1, "points": 1.2, "evidence": {"chance": 0.0042}},
        "repeat": {"value": 0.6, "weight": 1, "points": 70.5,
                   "evidence": {"times": 2, "last_on": "2011-10-02", "lines": [1, 2]}},
        "due": {"value": 0.8, "weight": 0, "points": 0,
                "evidence": {"days": 61, "gap": 45, "source": "product"}},
        "family": {"value": 1, "weight": 0, "points": 0,
                   "evidence": {"value": "Lamps", "share": 0.6}},
    },
    "penalties": {
        "age": {"value": 0.1, "weight": 1, "points": -4.25, "evidence": {"days": 61}},
        "popularity": {"value": 0.1, "weight": 1, "points": -2, "evidence":
                       {"buyers": 0, "days": 30}},
    },
}  # fmt: skip


@pytest.mark.django_db
def test_parts_of_a_chance_are_worded_and_what_all_products_get_is_no_reason():
    found = explain_one(item(CHANCE), language="en")

    assert [(one.name, one.points) for one in found.parts] == [
        ("repeat", 70.5), ("due", 0), ("family", 0), ("start", 1.2),
    ]  # fmt: skip
    assert found.parts[-1].words.replace("\xa0", " ") == (
        "what any product would get that was never bought: a chance of 0.4 %"
    )
    assert [one.words for one in found.penalties] == [
        "last bought 61 days ago", "bought by nobody within 30 days",
    ]  # fmt: skip
    assert [short(CHANCE, language) for language in languages()] == [
        "Bought 2 times, last on 2 Oct 2011; others buy it again after 45 days.",
        "Comprado 2 veces, la última el 2 de octubre de 2011; "
        "otros lo compran de nuevo tras 45 días.",
        "Acheté 2 fois, la dernière le 2 octobre 2011 ; "
        "les autres le rachètent après 45 jours.",
        "Покупали 2 раза, последний — 2 октября 2011 г.; "
        "другие покупают снова через 45 дней.",
    ]  # fmt: skip


@pytest.mark.django_db
def test_products_bought_together_are_named_whatever_the_order_was_made_by():
    lamp = ProductFactory(label="LAMP")
    reasons = {
        "components": {"bought_together": {"points": 20, "weight": 1, "evidence": {"share": 0.3}}},
        "model": {"name": "ease", "because_of": [{"product": lamp.pk, "contribution": 0.6}]},
    }
    assert short(reasons, "en") == "Often bought together with “LAMP”."
    assert [one.title for one in explain_one(item(reasons), language="fr").parts] == [
        "Achetés ensemble"
    ]


@pytest.mark.django_db
def test_a_new_product_names_what_it_is_bought_together_with(django_assert_num_queries):
    lamp, wick = ProductFactory(label="LAMP"), ProductFactory(label="WICK")
    reasons = {
        "components": {"model": {"value": 1, "weight": 3, "points": 50}},
        "model": {
            "name": "ease",
            "because_of": [
                {"product": lamp.pk, "contribution": 0.6, "buyers": 12},
                [wick.pk, 0.3],
                {"product": 0, "contribution": 0.1},
            ],
        },
    }
    one = item(reasons, slot="explore", scenario="CROSS_SELL")

    with django_assert_num_queries(1):
        found = explain([one] * 50, language="ru")[0]

    assert found.short == "Часто покупают вместе с «LAMP» и «WICK»."
    assert [(one.key, one.contribution, one.buyers) for one in found.because_of] == [
        (lamp.key, 0.6, 12), (wick.key, 0.3, None), ("", 0.1, None),
    ]  # fmt: skip
    assert short(reasons, "fr", slot="explore") == ("Souvent acheté avec « LAMP » et « WICK ».")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "reasons",
    [{}, {"components": None, "missing": None}, [], None,
     {"components": {"odd": 1, "model": {"points": "x"}}},
     {"components": {"model": {"points": 1, "evidence": "as words"}}, "model": {"because_of": 7}},
     {"components": {"budget": {"points": 2, "evidence": {"price": "x", "median": "NaN"}}}},
     {"components": {"due": {"points": 2, "evidence": {"days": True, "gap": {}}}}}],
)  # fmt: skip
def test_reasons_of_another_form_never_break_a_page(reasons):
    for language in languages():
        for slot in ("repeat", "explore"):
            assert short(reasons, language, slot=slot).endswith(".")


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["1 time", "2 times", "5 times", "11 times", "21 times", "22 times"]),
        ("fr", ["1 fois", "2 fois", "5 fois", "11 fois", "21 fois", "22 fois"]),
        ("es", ["1 vez", "2 veces", "5 veces", "11 veces", "21 veces", "22 veces"]),
        ("ru", ["1 раз", "2 раза", "5 раз", "11 раз", "21 раз", "22 раза"]),
    ],
)
def test_counts_take_the_plural_of_the_language(language, expected):
    with spoken(language):
        said = [clause("repeat", {"times": number}, 1.0, {}) for number in (1, 2, 5, 11, 21, 22)]

    assert [text.split(" ", 1)[1] for text in said] == expected


def test_every_component_reads_well_with_and_without_evidence():
    known = {
        "due": {"days": 61, "gap": 45, "source": "own"},
        "family": {"value": "Riesling", "share": 0.62},
        "attr1": {"value": "Pinot", "share": 0.4},
        "attr2": {"value": "dry", "share": 1},
        "taste": {"axes": ["fruity", "woody", "spicy"]},
        "tier": {"tier": 3, "own": 1},
        "popularity": {"buyers": 1234, "days": 90},
    }
    with spoken("en"):
        said = {
            name: clause(name, found, 0.5, {}).replace("\xa0", " ") for name, found in known.items()
        }
        bare = [clause(name, None, None, {}) for name in ("due", "taste", "tier", "popularity")]
    assert said == {
        "due": "last bought 61 days ago, as a rule again after 45 days",
        "family": "62 % of the spending is on Riesling",
        "attr1": "40 % of the spending is on the grape Pinot",
        "attr2": "100 % of the spending is on the sweetness “dry”",
        "taste": "fits the taste: fruity, woody and spicy",
        "tier": "2 steps above what is usually bought",
        "popularity": "bought by 1,234 customers within 90 days",
    }
    assert bare == [
        "due again", "fits the taste", "one step up", "popular with other customers",
    ]  # fmt: skip
    with spoken("ru"):
        assert clause("due", known["due"], None, {}) == (
            "последняя покупка 61 день назад, обычно снова через 45 дней"
        )


def test_refusals_are_sentences_in_every_language_also_without_details():
    for language in languages():
        with spoken(language):
            for code in [*_WORDS, "SOMETHING_NEW"]:
                for details in ({}, None, [], {"scenario": "UPSELL", "days": 3, "limit": 60}):
                    assert re.fullmatch(r"\S.*[.…]", refusal(code, details)), code
    with spoken("en"):
        assert refusal("BOUGHT_RECENTLY", {"days": 12, "limit": 60}) == (
            "Bought 12 days ago; offered again after 60 days."
        )
        assert refusals(
            "NO_ACTION",
            {
                "evidence": {
                    "scenarios": [
                        {"scenario": "UPSELL", "code": "FEW_ORDERS", "orders": 1, "needs": 2},
                        {
                            "scenario": "WINBACK",
                            "code": "LOW_REVENUE",
                            "revenue": 12.5,
                            "needs": 100,
                        },
                    ],
                    "own_products": {"BOUGHT_RECENTLY": 3},
                }
            },
        ) == [
            "No scenario fits this customer.",
            "One step up: 1 order only.",
            "Win back: spent £12.50 so far; £100.00 are needed.",
            "3 products bought before: bought too recently.",
        ]
        assert refusal("SOMETHING_NEW") == "Something new."


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_message_is_translated_and_the_compiled_catalogue_is_that_of_the_source(language):
    header, entries = read_po(language)
    compiled = read_mo(language)
    forms = int(re.search(r"nplurals=(\d)", header["Plural-Forms"]).group(1))

    assert {key: plural for key, (plural, _) in entries.items()} == asked_for()
    for (context, message), (plural, texts) in entries.items():
        assert len(texts) == (forms if plural else 1), message
        key = f"{context}\x04{message}" if context else message
        for place, text in enumerate(texts):
            assert text.strip(), message
            assert compiled._catalog[(key, place) if plural else key] == text
            assert sorted(PLACE.findall(text)) == sorted(PLACE.findall(plural or message)), text
    assert len([key for key in compiled._catalog if key]) == sum(
        len(texts) for _, texts in entries.values()
    )


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_plural_rule_is_the_one_of_the_language(language):
    forms = {
        "fr": lambda n: n > 1,
        "es": lambda n: n != 1,
        "ru": lambda n: (
            0 if n % 10 == 1 and n % 100 != 11
            else 1 if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else 2
        ),
    }[language]  # fmt: skip
    compiled = read_mo(language)

    assert [compiled.plural(count) for count in COUNTS] == [int(forms(count)) for count in COUNTS]


def test_the_languages_are_those_of_the_catalogues():
    assert list(languages()) == ["en", *TRANSLATED]
    assert {code.partition("-")[0] for code, _ in settings.LANGUAGES} == {"en", *TRANSLATED}


def test_numbers_are_written_as_the_language_writes_them():
    written = {}
    for language in languages():
        with spoken(language):
            written[language] = [
                text.replace("\xa0", " ")
                for text in (
                    shown.number(1234567.8, 1), shown.money("-1234.5"), shown.percent(0.625),
                    shown.day("2011-12-09"),
                )
            ]  # fmt: skip
    assert written == {
        "en": ["1,234,567.8", "−£1,234.50", "62 %", "9 Dec 2011"],
        "es": ["1 234 567,8", "-1 234,50 £", "62 %", "9 de diciembre de 2011"],
        "fr": ["1 234 567,8", "-1 234,50 £", "62 %", "9 décembre 2011"],
        "ru": ["1 234 567,8", "-1 234,50 £", "62 %", "9 декабря 2011 г."],
    }
    with translation.override("fr"), spoken(None):
        assert shown.day("2011-12-09") == "9 décembre 2011"
    assert shown.day("soon") == "soon"
