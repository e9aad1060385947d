"""What staff may decide about events in quarantine: the words, forms and job of each, said once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from unfold.enums import ActionVariant

from analytics.admin.quarantine_forms import (
    DiscardForm,
    DiscardSomeForm,
    ReplayForm,
    ReplaySomeForm,
)
from crm_project.common.admin.theme import BaseDialogForm, action

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Decision:
    """One of them.

    ``about_one`` and ``about_many`` say what comes of it. ``is_final``: it is not to be undone.
    """

    verb: str
    permission: str
    job: str
    about_one: str
    about_many: str
    form: type[BaseDialogForm]
    form_for_some: type[BaseDialogForm]
    icon: str
    icon_for_some: str
    is_final: bool = False

    def on_one(self, method: F) -> F:
        """Make the method the button on an event's page."""
        button = action(
            description=self.verb,
            permissions=[self.permission],
            icon=self.icon,
            variant=ActionVariant.DANGER if self.is_final else ActionVariant.DEFAULT,
            dialog=self._dialog(f"{self.verb} this one event?", self.about_one, self.form),
        )
        return button(method)

    def on_some(self, method: F) -> F:
        """Make the method the button above the list, which asks for which reason."""
        title = f"{self.verb} open events"
        button = action(
            description=title,
            permissions=[self.permission],
            icon=self.icon_for_some,
            dialog=self._dialog(title, self.about_many, self.form_for_some),
        )
        return button(method)

    def _dialog(self, title: str, text: str, form: type[BaseDialogForm]) -> dict[str, Any]:
        return {
            "title": title,
            "description": text,
            "form_class": form,
            "form_submit_text": self.verb,
        }


REPLAY = Decision(
    verb="Replay",
    permission="replay",
    job="replay_quarantine",
    about_one="It is read again in the background. If it can be stored now, it is; if not, it "
    "stays here with the newest reason.",
    about_many="They are read again, oldest first, in the background. What can be stored now is "
    "stored once; the rest stays in quarantine with its newest reason.",
    form=ReplayForm,
    form_for_some=ReplaySomeForm,
    icon="replay",
    icon_for_some="replay",
)
DISCARD = Decision(
    verb="Discard",
    permission="discard",
    job="discard_quarantine",
    about_one="It is closed without being stored. Its bytes stay in the log of raw events, until "
    "its retention drops them.",
    about_many="They are closed without being stored. Their bytes stay in the log of raw events, "
    "until its retention drops them.",
    form=DiscardForm,
    form_for_some=DiscardSomeForm,
    icon="delete",
    icon_for_some="delete_sweep",
    is_final=True,
)
