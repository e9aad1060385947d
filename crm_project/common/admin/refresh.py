from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm_project.common import formats
from crm_project.common.admin.bases import CrmAdmin, ReadOnlyAdminMixin
from crm_project.common.admin.theme import display
from crm_project.common.models import RefreshState


@admin.register(RefreshState)
class RefreshStateAdmin(ReadOnlyAdminMixin, CrmAdmin[RefreshState]):
    """What was computed, up to when, how long it took, what failed."""

    list_display = ["name", "outcome", "as_of", "started_at", "took", "rows_written", "problem"]
    list_filter = ["name"]
    search_fields = ["name", "error"]
    search_help_text = "Step or error"
    fields = ["name", "outcome", "as_of", "started_at", "finished_at", "took", "rows", "error"]
    readonly_fields = fields

    @display(
        description="Outcome",
        label={"succeeded": "success", "failed": "danger", "running": "info"},
    )
    def outcome(self, state: RefreshState) -> str:
        if state.error:
            return "failed"
        return "succeeded" if state.finished_at else "running"

    @admin.display(description="Took")
    def took(self, state: RefreshState) -> str:
        return formats.duration(state.duration)

    @admin.display(description="Rows", ordering="rows")
    def rows_written(self, state: RefreshState) -> str:
        return formats.count(state.rows)

    @admin.display(description="Problem")
    def problem(self, state: RefreshState) -> SafeString | str:
        first_line = state.error.strip().partition("\n")[0]
        if not first_line:
            return formats.NOTHING
        return format_html('<span title="{}">{}</span>', state.error[:500], first_line[:80])
