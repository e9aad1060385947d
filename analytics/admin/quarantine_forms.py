"""What is asked before events of the quarantine are replayed or discarded."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from analytics.selectors.quarantine import open_reasons
from crm_project.common.admin.theme import BaseDialogForm
from crm_project.common.middleware import REASON_LENGTH


def _reason(*, required: bool) -> forms.CharField:
    return forms.CharField(
        label="Why",
        required=required,
        max_length=REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget,
        help_text="Kept with the job, beside who started it and when.",
    )


class ReplayForm(BaseDialogForm):
    reason = _reason(required=False)


class DiscardForm(BaseDialogForm):
    """Throwing away wants a reason."""

    reason = _reason(required=True)


class _SomeForm(BaseDialogForm):
    """Asks which of the open events; each choice says how many they are."""

    code = forms.ChoiceField(label="Which", required=False, widget=UnfoldAdminSelectWidget)
    field_order = ["code", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reasons = open_reasons()
        every = sum(reason.events for reason in reasons)
        field = self.fields["code"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [
            ("", f"All open events ({every:,})"),
            *((reason.code, f"{reason.code} ({reason.events:,})") for reason in reasons),
        ]


class ReplaySomeForm(_SomeForm):
    reason = _reason(required=False)


class DiscardSomeForm(_SomeForm):
    reason = _reason(required=True)
