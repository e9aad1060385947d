"""Kinds of background work: who does it, and what a handler is given.

An app registers a handler for each of its kinds in ``AppConfig.ready``. A handler may be run twice
(its worker can die after the work and before the note of it), so it must be idempotent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from crm_project.common.exceptions import CrmError
from crm_project.common.models import Job

Progress = Callable[[int, int | None, str], None]
"""Told how far a long service is: steps done, steps in all (None: not known), what it does."""


class JobStoppedError(CrmError):
    """The job was cancelled, or another worker has taken it over."""


class Reporter(Protocol):
    """Takes the newest progress of a running job to where people see it."""

    def report(self, done: int, total: int | None, message: str) -> None:
        """Remember the progress. Raises ``JobStoppedError`` when the work must end."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a handler is given: its job, and a way to say how far it is."""

    job: Job
    reporter: Reporter

    @property
    def params(self) -> dict[str, Any]:
        params: dict[str, Any] = self.job.params
        return params

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Say how far the work is. Cheap enough to be called for every batch of rows.

        It is written outside the handler's transaction, at most twice a second, so everyone
        sees it before the commit. Raises ``JobStoppedError`` when the job was cancelled: let it
        pass, so that the transaction is rolled back.
        """
        self.reporter.report(done, total, message)


Handler = Callable[[JobContext], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class JobKind:
    """A registered kind of work. ``page`` is the admin page of what was made; the job's result
    holds its key under the name ``key``."""

    kind: str
    handler: Handler
    label: str
    page: str = ""
    key: str = ""


_kinds: dict[str, JobKind] = {}


def register(
    kind: str, handler: Handler, *, label: str = "", page: str = "", key: str = ""
) -> None:
    """Make ``handler`` do the jobs of this kind.

    Args:
        kind: as stored in ``Job.kind``.
        handler: returns what is kept as the job's result (JSON), or None.
        label: what people read; by default the kind with spaces.
        page: name of the admin page that shows what a job of this kind made.
        key: which part of the result the page is called with; empty: with nothing.

    Raises ``ValueError`` when another handler has the kind.
    """
    known = _kinds.get(kind)
    if known is not None and known.handler is not handler:
        raise ValueError(f"Two handlers for jobs of kind {kind!r}.")
    words = label or kind.replace("_", " ").capitalize()
    _kinds[kind] = JobKind(kind, handler, words, page, key)


def find(kind: str) -> JobKind:
    """Return a registered kind. Raises ``CrmError`` for one that nobody does."""
    try:
        return _kinds[kind]
    except KeyError:
        raise CrmError(f"There is no job of kind {kind!r}.") from None


def page_of(kind: str) -> tuple[str, str]:
    """Return the page of what jobs of a kind make, and the part of the result that names it."""
    known = _kinds.get(kind)
    return (known.page, known.key) if known else ("", "")


def label_of(kind: str) -> str:
    """Return what people read for a kind, also for one that no longer exists."""
    known = _kinds.get(kind)
    return known.label if known else kind
