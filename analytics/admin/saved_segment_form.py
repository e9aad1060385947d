"""The form of a saved segment: its rule is JSON in a text field, which a script makes a builder.

Without the script the field stays, and what is wrong with the rule is said in words either way.
"""

import json
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import slugify

from analytics.models import SavedSegment
from analytics.scoring.segment_form import offers
from analytics.scoring.segment_rules import Problem, RuleError, as_json
from analytics.selectors.saved_segments import read_rule_text
from analytics.selectors.segment_choices import registry
from analytics.selectors.segment_words import in_words
from analytics.services.saved_segments import RESERVED
from crm_project.common.admin import ReasonForm

CHANGED = (
    "Somebody else changed this segment while you had it open. Nothing was saved, and your entries"
    " are still here. It now says: name “{name}”; description “{description}”; rule: {rule}"
    " To save yours over it, save once more."
)


class RuleWidget(forms.Textarea):
    """A text field with what a script needs to build the rule: fields, questions, choices."""

    class Media:
        js = ("crm/rule_values.js", "crm/rule_builder.js")

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        groups = offers(registry())
        context = {
            "name": name,
            "id": (attrs or {}).get("id", f"id_{name}"),
            "value": value or "",
            "fields": [_offer(offer) for group in groups.values() for offer in group],
            "groups": groups,
            "preview_url": reverse("admin:analytics_savedsegment_preview"),
        }
        return SafeString(render_to_string("crm/rule_widget.html", context))


def _offer(offer: Any) -> dict[str, Any]:
    """Return a field in short names, for the script."""
    return {
        "name": offer.name,
        "label": offer.label,
        "group": offer.group,
        "kind": offer.kind,
        "unit": offer.unit,
        "help": offer.help,
        "step": offer.step,
        "min": offer.minimum,
        "max": offer.maximum,
        "choices": [[choice.value, choice.label] for choice in offer.choices],
        "questions": [[each.operator, each.words, each.takes] for each in offer.questions],
    }


class RuleField(forms.CharField):
    """Text in, a checked rule (as JSON) out."""

    widget = RuleWidget

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str) or value is None:
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return as_json(read_rule_text(text))
        except RuleError as error:
            raise ValidationError([problem_words(problem) for problem in error.problems]) from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(json.loads(data) != initial)
        except (TypeError, ValueError):
            return True


def problem_words(problem: Problem) -> str:
    """Return what is wrong and where: the third part of the rule, its value.

    >>> problem_words(Problem("/and/2/value", "x", "Give a number."))
    'Part 3, value: Give a number.'
    """
    steps = problem.path.strip("/").split("/")
    places = ".".join(str(int(step) + 1) for step in steps if step.isdecimal())
    last = steps[-1] if steps[-1] in {"field", "operator", "value"} else ""
    where = ", ".join(filter(None, [f"part {places}" if places else "", last])).capitalize()
    return f"{where}: {problem.words}" if where else problem.words


class SavedSegmentForm(ReasonForm):
    """What staff enter; it refuses to overwrite a change that they have not seen."""

    rule = RuleField(label="Who is in it")
    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = SavedSegment
        fields = ["name", "slug", "description", "rule"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["seen_at"].initial = self.instance.updated_at.isoformat()
        if "description" in self.fields:
            self.fields["description"].widget.attrs["rows"] = 3
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = (
                "In addresses and in the API, like high-value-at-risk. Empty: made of the name. "
                "It does not change later."
            )

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"] or slugify(self.cleaned_data.get("name", ""))[:60]
        slug = slug.strip("-")
        if not slug:
            raise ValidationError("Give a slug: the name has no letter that could make one.")
        if slug in RESERVED:
            raise ValidationError("This slug has another meaning. Choose a different one.")
        return str(slug)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk:
            self._check_seen(cleaned)
        return cleaned

    def _check_seen(self, cleaned: dict[str, Any]) -> None:
        """Lock the row until the request's transaction ends, and compare."""
        current = SavedSegment.objects.select_for_update().get(pk=self.instance.pk)
        try:
            seen_at = datetime.fromisoformat(cleaned.get("seen_at") or "")
        except ValueError:
            seen_at = None
        if seen_at == current.updated_at:
            return
        words = CHANGED.format(
            name=current.name, description=current.description, rule=in_words(current)
        )
        # Who has read this has seen it.
        self.data = {**dict(self.data.items()), "seen_at": current.updated_at.isoformat()}
        raise ValidationError(words)
