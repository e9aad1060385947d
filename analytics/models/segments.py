"""Which segment each of the 125 scores belongs to: data that staff may change."""

import pgtrigger
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from crm_project.common.history import staff_history

_WHOLE_MAP = """
    IF (SELECT count(*) FROM analytics_segmentcell) NOT IN (0, 125) THEN
        RAISE EXCEPTION 'The segment map must give each of the 125 codes one segment; it has %.',
            (SELECT count(*) FROM analytics_segmentcell)
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""


@staff_history()
class Segment(models.Model):
    """A group of customers with a name, and what to do about them.

    Never deleted, since older runs show it; a segment that is not wanted gets no codes.
    """

    id = models.SmallAutoField(primary_key=True)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60, unique=True)
    description = models.TextField(blank=True, help_text="Who these customers are.")
    advice = models.TextField(blank=True, help_text="What to do for them.")
    position = models.PositiveSmallIntegerField(help_text="Place in lists; the best come first.")
    colour = models.CharField(
        max_length=7,
        default="#64748b",
        validators=[RegexValidator(r"^#[0-9a-f]{6}$", "Use the form #15803d.")],
        help_text="Readable on white and on black, like #15803d.",
    )

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(colour__regex=r"^#[0-9a-f]{6}$"), name="segment_colour_hex"
            ),
        ]
        triggers = [pgtrigger.Protect(name="keep_segments", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.name


@staff_history()
class SegmentCell(models.Model):
    """One of the 125 codes R F M, and its segment. Changing it affects the next run."""

    code = models.CharField(max_length=3, primary_key=True)
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="cells")

    class Meta:
        ordering = ["-code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(code__regex=r"^[1-5]{3}$"), name="segment_cell_code_known"
            ),
        ]
        triggers = [
            # With unique, well-formed codes, 125 of them are all of them. Looked at when the
            # transaction ends, so that a map can be replaced in several steps.
            pgtrigger.Trigger(
                name="whole_map",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                timing=pgtrigger.Deferred,
                func=_WHOLE_MAP,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.segment}"
