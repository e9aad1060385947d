"""Saved segments for tests: short ways to write rules and segments."""

from analytics.services.saved_segment_builds import rebuild_saved_segment
from analytics.services.saved_segments import create_saved_segment


def asks(field, operator, value=None):
    """One condition of a rule."""
    asked = {"field": field, "operator": operator}
    return asked if value is None else {**asked, "value": value}


ANYBODY = asks("customer.code", "contains", "C")
NOBODY = asks("customer.code", "is", "nobody at all")


def segment(slug="some", rule=ANYBODY, *, built=False, **values):
    """A saved segment, with its members if it should be built."""
    found = create_saved_segment(
        slug=slug, values={"name": values.pop("name", slug.title()), "rule": rule, **values}
    )
    if built:
        rebuild_saved_segment(segment_id=found.pk)
        found.refresh_from_db()
    return found


def codes(found):
    """The codes of a segment's members."""
    return set(found.members.values_list("customer__code", flat=True))
