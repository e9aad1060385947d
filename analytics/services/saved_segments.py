"""Write the descriptions of saved segments. Members are found by ``saved_segment_builds``."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from analytics.models import SavedSegment, SavedSegmentMember
from analytics.scoring.segment_rules import Problem, RuleError, as_json, rule_hash
from analytics.selectors.saved_segments import read_rule
from analytics.services.saved_segment_lock import lock
from crm_project.common.exceptions import ConflictError, CrmError

RESERVED = frozenset({"add", "fields", "preview"})
"""Addresses beside the segments, so no segment can have them as its slug."""

WRITABLE = frozenset({"name", "description", "rule", "owner"})


class RuleRefusedError(CrmError):
    """The rule cannot be used; ``problems`` says everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(problem.words for problem in self.problems))


@transaction.atomic
def create_saved_segment(*, slug: str, values: Mapping[str, Any]) -> SavedSegment:
    """Describe a segment. It has no members until it is built.

    Raises:
        ConflictError: the slug or the name belongs to another segment.
        RuleRefusedError: the rule cannot be used.
        CrmError: a value that nobody may set.
        django.core.exceptions.ValidationError: a value of the wrong form, named by its field.
    """
    if slug in RESERVED:
        raise CrmError(f"The slug {slug} has another meaning. Choose a different one.")
    if SavedSegment.objects.filter(slug=slug).exists():
        raise ConflictError(f"There is a saved segment with the slug {slug} already.")
    return _save(SavedSegment(slug=slug), values)


@transaction.atomic
def update_saved_segment(
    *, segment_id: int, values: Mapping[str, Any], seen_at: datetime | None = None
) -> SavedSegment:
    """Change the given fields. The members stay those of the rule that gave them until a rebuild.

    Args:
        segment_id: key of the segment.
        values: of ``WRITABLE``.
        seen_at: the ``updated_at`` of what the writer saw; None: they overwrite whatever is there.

    Raises:
        ConflictError: somebody else changed it meanwhile, or the name belongs to another segment.
        RuleRefusedError: the rule cannot be used.
        CrmError: there is no such segment, it is archived, or a value that nobody may set.
        django.core.exceptions.ValidationError: a value of the wrong form, named by its field.
    """
    segment = _locked(segment_id)
    if segment.is_archived:
        raise ConflictError("The segment is archived. Restore it before you change it.")
    if seen_at is not None and segment.updated_at != seen_at:
        raise ConflictError(
            "Somebody else changed this segment after you opened it. Open it again to see how."
        )
    return _save(segment, values)


@transaction.atomic
def archive_saved_segment(*, segment_id: int) -> SavedSegment:
    """Keep the description only: the segment has no members and is no longer rebuilt.

    Raises:
        ConflictError: it is being rebuilt right now.
        CrmError: there is no such segment.
    """
    if not lock(segment_id):
        raise ConflictError("The segment is being rebuilt right now. Try again in a moment.")
    segment = _locked(segment_id)
    SavedSegmentMember.objects.filter(segment=segment).delete()
    segment.is_archived = True
    segment.member_count = segment.added_count = segment.removed_count = None
    segment.built_at = segment.duration_ms = segment.failed_at = None
    segment.built_hash = segment.error = ""
    segment.save()
    return segment


@transaction.atomic
def restore_saved_segment(*, segment_id: int) -> SavedSegment:
    """Take an archived segment into use again; the next rebuild finds its members.

    Raises ``CrmError``: there is no such segment.
    """
    segment = _locked(segment_id)
    segment.is_archived = False
    segment.save(update_fields=["is_archived", "updated_at"])
    return segment


def _locked(segment_id: int) -> SavedSegment:
    segment = SavedSegment.objects.select_for_update().filter(pk=segment_id).first()
    if segment is None:
        raise CrmError("There is no such saved segment.")
    return segment


def _save(segment: SavedSegment, values: Mapping[str, Any]) -> SavedSegment:
    if wrong := sorted(set(values) - WRITABLE):
        raise CrmError(f"{wrong[0]} of a saved segment cannot be set.")
    for name, value in values.items():
        setattr(segment, name, value)
    if "rule" in values or not segment.pk:
        _take_rule(segment)
    segment.name = segment.name.strip()
    same = SavedSegment.objects.filter(name=segment.name).exclude(pk=segment.pk)
    if same.exists():
        raise ConflictError(f"There is a saved segment called {segment.name} already.")
    segment.full_clean(validate_unique=False, validate_constraints=False)
    segment.save()
    segment.refresh_from_db()
    return segment


def _take_rule(segment: SavedSegment) -> None:
    """Check the rule and bring it into the form in which it is stored."""
    try:
        rule = read_rule(segment.rule)
    except RuleError as error:
        raise RuleRefusedError(error.problems) from error
    segment.rule, segment.rule_hash = as_json(rule), rule_hash(rule)
