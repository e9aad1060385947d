"""A segment as a coloured mark with its name, the same on every page."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.models import Segment


def segment_mark(segment: Segment) -> SafeString:
    """Return the segment's colour and name as escaped HTML."""
    return format_html(
        '<span class="crm-dot" style="background:{}"></span>{}', segment.colour, segment.name
    )
