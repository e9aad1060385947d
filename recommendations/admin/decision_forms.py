"""What is asked when somebody approves, rejects or flags recommendations."""

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from crm_project.common.admin.theme import BaseDialogForm
from recommendations.services.approvals import COMMENT_LENGTH


def comment_field(*, required: bool) -> forms.CharField:
    """Ask why. Who flags or rejects has to say it; who approves may."""
    return forms.CharField(
        label="Why" if required else "Comment",
        required=required,
        max_length=COMMENT_LENGTH,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Others read it beside the decision."
        if required
        else "Optional. Others read it beside the decision.",
    )


class ApproveForm(BaseDialogForm):
    """One item, or the list that it stands in."""

    whole_list = forms.BooleanField(
        label="All products of this customer's list",
        required=False,
        widget=UnfoldBooleanWidget,
    )
    comment = comment_field(required=False)


class RefuseForm(ApproveForm):
    """The same, with a reason."""

    comment = comment_field(required=True)


class CommentForm(forms.Form):
    """The comment of a decision on a page of its own."""

    comment = comment_field(required=False)

    def __init__(self, *args: object, needed: bool = False, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type] # handed on as they came
        self.fields["comment"] = comment_field(required=needed)
