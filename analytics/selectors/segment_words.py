"""A stored rule in words, also one that can no longer be used."""

from analytics.models import SavedSegment
from analytics.scoring.segment_fields import Registry
from analytics.scoring.segment_rules import RuleError, parse
from analytics.scoring.segment_words import describe
from analytics.selectors.segment_choices import registry


def in_words(segment: SavedSegment, offered: Registry | None = None) -> str:
    """Return who is in the segment as a sentence, or why its rule can no longer be used.

    ``offered`` saves looking the fields up for each row of a list.
    """
    try:
        return describe(parse(segment.rule, offered or registry()))
    except RuleError as error:
        return f"The rule can no longer be used. {error}"
