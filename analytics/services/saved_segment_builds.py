"""Find the members of saved segments.

A rebuild is one statement in one transaction: who left is removed, who came is added, and the rest
is not touched. Until it commits everybody sees the members as they were, and whatever kills it on
the way leaves them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

import structlog
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, transaction
from django.utils import timezone

from analytics.models import SavedSegment
from analytics.scoring.segment_rules import RuleError, rule_hash
from analytics.selectors.saved_segments import read_rule, select
from analytics.services.saved_segment_lock import lock
from analytics.services.signal_split import sqlstate
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.selectors.time_limit import TooSlowError, time_limit
from crm_project.common.services import refresh

logger = structlog.get_logger(__name__)

BUSY = "It is being rebuilt by somebody else right now."


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of one segment: its members, or in words why they stayed as they were."""

    slug: str
    members: int | None = None
    added: int = 0
    removed: int = 0
    duration_ms: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class RebuiltAll:
    """What became of several segments; ``str()`` says it in a sentence."""

    segments: tuple[Rebuilt, ...]

    @property
    def members(self) -> int:
        """Rows that say who is in a segment; somebody in three of them counts three times."""
        return sum(each.members or 0 for each in self.segments)

    @property
    def error(self) -> str:
        """What failed, segment by segment; empty if nothing did."""
        return " ".join(f"{each.slug}: {each.error}" for each in self.segments if each.error)

    def __str__(self) -> str:
        failed = sum(bool(each.error) for each in self.segments)
        done = len(self.segments) - failed
        words = f"{done:,} saved segment{'' if done == 1 else 's'} rebuilt"
        return f"{words}, {failed:,} failed. {self.error}" if failed else f"{words}."


def rebuild_saved_segments(
    *,
    slugs: Iterable[str] | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> RebuiltAll:
    """Rebuild these segments, or all in use; one that fails stops no other.

    Args:
        slugs: which; None: all that are not archived.
        dry_run: say what would come out, and write nothing.
        progress: told before each segment.

    Raises ``CrmError`` for a slug that nobody uses.
    """
    segments = _wanted(slugs)
    if dry_run:
        return _rebuild_each(segments, progress, dry_run=True)
    with refresh.record("saved segments") as state:
        found = _rebuild_each(segments, progress)
        state.rows, state.error = found.members, found.error
    return found


def _rebuild_each(
    segments: list[SavedSegment], progress: Progress | None, *, dry_run: bool = False
) -> RebuiltAll:
    results = []
    for place, segment in enumerate(segments):
        if progress is not None:
            progress(place, len(segments), f"Finding the members of “{segment.name}”")
        results.append(_rebuilt_or_busy(segment, dry_run=dry_run))
    return RebuiltAll(tuple(results))


def rebuild_saved_segment(*, segment_id: int, dry_run: bool = False) -> Rebuilt:
    """Find the members of one segment anew.

    A rule that can no longer be used, or that takes too long, is noted on the segment in words;
    its members stay as they were.

    Raises:
        ConflictError: it is being rebuilt by somebody else.
        CrmError: there is no such segment, or it is archived.
    """
    try:
        return _rebuild(segment_id, dry_run=dry_run)
    except RuleError as error:
        words = f"The rule can no longer be used. {error}"
    except TooSlowError as error:
        words = f"{error} Ask for less, or at another time."
    except DatabaseError as error:
        # A deadlock or a full disk for sorting is this segment's trouble; a lost connection is not.
        if isinstance(error, OperationalError) and sqlstate(error)[:2] not in ("40", "53", "55"):
            raise
        logger.exception("saved_segment_failed", segment=segment_id)
        words = f"The database refused it ({type(error).__name__})."
    return _failed(segment_id, words, dry_run=dry_run)


def _wanted(slugs: Iterable[str] | None) -> list[SavedSegment]:
    active = SavedSegment.objects.active().order_by("slug")
    if slugs is None:
        return list(active)
    asked = list(dict.fromkeys(slugs))
    found = list(active.filter(slug__in=asked))
    if missing := [slug for slug in asked if slug not in {segment.slug for segment in found}]:
        raise CrmError(f"There is no saved segment {missing[0]} in use.")
    return found


def _rebuilt_or_busy(segment: SavedSegment, *, dry_run: bool) -> Rebuilt:
    try:
        return rebuild_saved_segment(segment_id=segment.pk, dry_run=dry_run)
    except ConflictError as error:
        return Rebuilt(segment.slug, error=str(error))


@transaction.atomic
def _rebuild(segment_id: int, *, dry_run: bool) -> Rebuilt:
    started = perf_counter()
    if not lock(segment_id):
        raise ConflictError(BUSY)
    segment = SavedSegment.objects.active().filter(pk=segment_id).first()
    if segment is None:
        raise CrmError("There is no such saved segment in use.")
    rule = read_rule(segment.rule)
    sql = select(rule)
    patience = timedelta(seconds=settings.CRM_SEGMENT_REBUILD_SECONDS)
    with time_limit(patience), connection.cursor() as cursor:
        text = _SWAP.format(wanted=sql.text)
        cursor.execute(text, [*sql.parameters, segment_id, segment_id, segment_id])
        members, added, removed, built_at = cursor.fetchone()
    duration = round((perf_counter() - started) * 1000)
    rebuilt = Rebuilt(segment.slug, members, added, removed, duration)
    if dry_run:
        transaction.set_rollback(True)
        return rebuilt
    SavedSegment.objects.filter(pk=segment_id).update(
        member_count=members,
        added_count=added,
        removed_count=removed,
        built_at=built_at,
        built_hash=rule_hash(rule),
        duration_ms=duration,
        error="",
        failed_at=None,
    )
    return rebuilt


# All parts see the members as they were before: none of them sees what another one does.
_SWAP = """
    with wanted as materialized ({wanted}),
    gone as (
        delete from analytics_savedsegmentmember as m
        where m.segment_id = %s
            and not exists (select from wanted as w where w.id = m.customer_id)
        returning 1
    ),
    come as (
        insert into analytics_savedsegmentmember (segment_id, customer_id, since)
        select %s, w.id, now()
        from wanted as w
        where not exists (
            select from analytics_savedsegmentmember as m
            where m.segment_id = %s and m.customer_id = w.id
        )
        returning 1
    )
    select
        (select count(*) from wanted),
        (select count(*) from come),
        (select count(*) from gone),
        now()
"""


def _failed(segment_id: int, words: str, *, dry_run: bool) -> Rebuilt:
    """Note a failure; the members and their date stay."""
    segments = SavedSegment.objects.filter(pk=segment_id)
    if not dry_run:
        segments.update(error=words, failed_at=timezone.now())
    segment = segments.get()
    return Rebuilt(segment.slug, segment.member_count, error=words)
