"""The segments that a new shop starts with, and the map from score codes to them.

Staff edit both in the admin; what is written here is only installed where nothing is yet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import product

PROSPECTS = "prospects"
"""The segment of customers without a sale. It has no codes: prospects are not scored."""

ALL_CODES = tuple("".join(digits) for digits in product("12345", repeat=3))
"""The 125 codes R F M, from 111 to 555."""


@dataclass(frozen=True, slots=True)
class SegmentDefault:
    """One segment as installed: what it is called, what it means, what to do about it."""

    code: str
    name: str
    colour: str
    description: str
    advice: str
    cells: str = ""


DEFAULTS = (
    SegmentDefault(
        "champions",
        "Champions",
        "#15803d",
        "Bought a short while ago, buy often, and spend the most.",
        "Thank them, show them new things first, ask for a review. They need no discount.",
        "555 554 544 545 454 455 445",
    ),
    SegmentDefault(
        "loyal",
        "Loyal",
        "#0d9488",
        "Come back regularly and spend well.",
        "Offer what goes with their usual choice and reward their next order.",
        "543 444 435 355 354 345 344 335",
    ),
    SegmentDefault(
        "potential-loyalist",
        "Potential Loyalist",
        "#0284c7",
        "Bought not long ago and more than once, for middling amounts.",
        "Help them to make it a habit: a reminder at the right time, a fitting second product.",
        "553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 352 351 342 341 "
        "333 323",
    ),
    SegmentDefault(
        "new-customers",
        "New Customers",
        "#2563eb",
        "Their first order is fresh and was small.",
        "Make the start easy: say what to expect, ask how it went, suggest one next step.",
        "512 511 422 421 412 411 311",
    ),
    SegmentDefault(
        "promising",
        "Promising",
        "#7c3aed",
        "Bought lately, seldom so far, and for a good amount.",
        "Stay in touch and give a reason for the next order soon.",
        "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
    ),
    SegmentDefault(
        "need-attention",
        "Need Attention",
        "#b45309",
        "Above the middle in everything, but the last order is getting older.",
        "Write before they drift away: an offer with an end date, built on what they bought.",
        "535 534 443 434 343 334 325 324",
    ),
    SegmentDefault(
        "about-to-sleep",
        "About To Sleep",
        "#a16207",
        "Below the middle in recency, in orders and in money.",
        "A light reminder with popular products; do not spend much on it.",
        "331 321 312 221 213 231 241 251",
    ),
    SegmentDefault(
        "at-risk",
        "At Risk",
        "#ea580c",
        "Used to buy often or for much, but not for a long time.",
        "Ask what is missing, renew the contact in person, offer help before a discount.",
        "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124",
    ),
    SegmentDefault(
        "cannot-lose-them",
        "Cannot Lose Them",
        "#dc2626",
        "Among the best by money, and silent for long.",
        "Call them. Find out what went wrong and make it good.",
        "155 154 144 214 215 115 114 113",
    ),
    SegmentDefault(
        "hibernating",
        "Hibernating",
        "#64748b",
        "Last order long ago; few orders and little money.",
        "Include them in seasonal mail at low cost; expect little.",
        "332 322 233 232 223 222 132 123 122 212 211",
    ),
    SegmentDefault(
        "lost",
        "Lost",
        "#78716c",
        "The longest without an order, and small before that.",
        "One last attempt to win them back, then leave them in peace.",
        "111 112 121 131 141 151",
    ),
    SegmentDefault(
        PROSPECTS,
        "Prospects",
        "#6b7280",
        "Known to the shop, without a counted sale so far (or with returns only).",
        "Help them to a first order.",
    ),
)


def default_map() -> dict[str, str]:
    """Return the installed map: score code to segment code.

    >>> default_map()["555"], len(default_map())
    ('champions', 125)
    """
    return {cell: segment.code for segment in DEFAULTS for cell in segment.cells.split()}


def problems(codes: Iterable[str]) -> list[str]:
    """Say in sentences what keeps ``codes`` from covering every code exactly once.

    >>> problems(["555", *ALL_CODES])
    ['These codes are given more than once: 555.']
    """
    given = list(codes)
    missing = [code for code in ALL_CODES if code not in given]
    unknown = sorted({code for code in given if code not in ALL_CODES})
    twice = sorted({code for code in given if given.count(code) > 1})
    found = []
    if missing:
        found.append(f"These codes have no segment: {', '.join(missing)}.")
    if unknown:
        found.append(f"These are not codes from 111 to 555: {', '.join(unknown)}.")
    if twice:
        found.append(f"These codes are given more than once: {', '.join(twice)}.")
    return found


def map_hash(cells: Mapping[str, str]) -> str:
    """Name a map by its content: the same map always has the same 64 hex digits."""
    text = "\n".join(f"{code} {cells[code]}" for code in sorted(cells))
    return sha256(text.encode()).hexdigest()
