"""What is asked when somebody decides about labels."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from crm_project.common.admin.theme import BaseDialogForm
from orders.models import Product
from orders.selectors.labels import known
from orders.services.catalogue import RULES

_RULE_WORDS = {
    "families": "Families, from the last telling word of the label (English gift shop)",
    "prices": "Prices, the median of what was paid in the last 90 days of sales",
    "bands": "Price bands and tiers, the quarters of the prices within a family",
}


def retire_field() -> forms.BooleanField:
    """Ask whether, of two products alike, the second goes out of the offer."""
    return forms.BooleanField(
        label="Also take the other product out of the offer",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="Only where two products look alike. Orders keep it.",
    )


class AcceptForm(BaseDialogForm):
    retire = retire_field()


class OtherProductForm(BaseDialogForm):
    """Says which product is meant, where the proposed one is not."""

    product = forms.CharField(
        label="Product key",
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text="The article number. The page below lists those that are alike.",
    )
    retire = retire_field()

    def clean_product(self) -> Product:
        product = known(self.cleaned_data["product"])
        if product is None:
            raise forms.ValidationError("There is no product with this key.")
        return product


class SuggestForm(BaseDialogForm):
    """What a search for suggestions is asked for."""

    alike = forms.BooleanField(
        label="Also compare all products with each other",
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
    )


class DeriveForm(BaseDialogForm):
    """Which empty fields of the catalogue are filled."""

    rules = forms.MultipleChoiceField(
        label="Fill",
        choices=[(rule, _RULE_WORDS[rule]) for rule in RULES],
        initial=list(RULES),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    dry_run = forms.BooleanField(
        label="Count only, keep nothing",
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
    )

    def asked(self) -> dict[str, Any]:
        return {"rules": self.cleaned_data["rules"], "dry_run": self.cleaned_data["dry_run"]}
