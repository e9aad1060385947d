"""The form that takes a file and says how to read it."""

from django import forms
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from crm_project.common.models import User
from customers.importers import registry
from customers.models import ImportBatch
from customers.services import imports

_SEPARATOR = "/"


def shapes() -> list[tuple[str, str]]:
    """Return what can be imported as choices ``kind/format`` with words for people."""
    return [
        (f"{kind.name}{_SEPARATOR}{name}", f"{kind.label}: {name}")
        for kind in registry.kinds().values()
        for name in kind.formats
    ]


class UploadForm(forms.Form):
    """One file, what it holds, and the rules it is imported under."""

    shape = forms.ChoiceField(
        label="What the file holds",
        choices=shapes,
        widget=UnfoldAdminSelectWidget,
        help_text="“online-retail” is the shape of the public Online Retail data. “generic” has a "
        "header; for orders: order_number, ordered_at, customer_code, product_key, quantity, "
        "unit_price, one line for each line of an order.",
    )
    file = forms.FileField(
        label="File",
        widget=UnfoldAdminFileFieldWidget,
        help_text=".csv, .csv.gz or .csv.xz; UTF-8 or Latin-1; comma, semicolon or tab.",
    )
    source = forms.CharField(
        label="Source",
        max_length=50,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="The shop system it comes from. Order numbers are unique within a source, so "
        "use the same name every time. Empty: the name of the format.",
    )
    mode = forms.ChoiceField(
        label="New and known lines",
        choices=ImportBatch.Mode.choices,
        initial=ImportBatch.Mode.BOTH,
        widget=UnfoldAdminSelectWidget,
    )
    on_error = forms.ChoiceField(
        label="When a line is bad",
        choices=ImportBatch.OnError.choices,
        initial=ImportBatch.OnError.SKIP,
        widget=UnfoldAdminSelectWidget,
    )
    anonymous = forms.BooleanField(
        label="Keep order lines without a customer",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="Otherwise they are set aside with the reason “no customer”. Orders only.",
    )

    refuse_unknown = forms.BooleanField(
        label="Refuse order lines whose product is not known",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="Their labels go to the label suggestions, where you say which product is meant; "
        "then the refused lines can be imported again. Otherwise each unknown article number "
        "becomes a product. Orders only.",
    )

    def create(self, user: User | None) -> ImportBatch:
        """Store the file as a batch. Raises ``CrmError`` for a file that cannot be taken."""
        data = self.cleaned_data
        kind, _, name = data["shape"].partition(_SEPARATOR)
        return imports.create_batch(
            kind=kind,
            format=name,
            file=data["file"].file,
            file_name=data["file"].name,
            source=data["source"],
            mode=data["mode"],
            on_error=data["on_error"],
            options=self._options() if kind == "orders" else {},
            user=user,
        )

    def _options(self) -> dict[str, str]:
        data = self.cleaned_data
        options = {"anonymous": "keep"} if data["anonymous"] else {}
        return options | ({"unknown_products": "refuse"} if data["refuse_unknown"] else {})
