"""Write, activate and compare settings of the recommendations."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import User
from recommendations.models import RecoConfig
from recommendations.scoring.settings import RecoSettings, SettingsError, settings_hash
from recommendations.selectors.run_plan import merged
from recommendations.selectors.run_plan import settings_of as settings_of

Status = RecoConfig.Status

DEFAULT_NAME = "Defaults"


@transaction.atomic
def create_config(
    *,
    name: str,
    values: dict[str, Any],
    comment: str = "",
    parent: RecoConfig | None = None,
    evidence: dict[str, Any] | None = None,
    status: str = Status.DRAFT,
    user: User | None = None,
) -> RecoConfig:
    """Store settings under the hash of all their values, those left out filled with defaults.

    Args:
        values: part of what ``RecoSettings.to_json`` gives; with ``parent``, its values are what
            is left out.
        status: ``draft`` or ``proposed``.

    Raises ``CrmError`` in words for values that make no sense, and ``ConflictError`` when these
    very values are stored already.
    """
    if status not in {Status.DRAFT, Status.PROPOSED}:
        raise CrmError(
            "New settings are a draft or a proposal; activating them is a step of its own."
        )
    if not name.strip():
        raise CrmError("Give the settings a name.")
    filled = _filled(merged(parent.values, values) if parent else values)
    digest = settings_hash(filled)
    known = RecoConfig.objects.filter(hash=digest).first()
    if known is not None:
        raise ConflictError(
            f"These very values are stored already, as {known.name!r} ({known.pk})."
        )
    return RecoConfig.objects.create(
        name=name.strip(),
        values=filled,
        hash=digest,
        status=status,
        comment=comment,
        parent=parent,
        evidence=evidence or {},
        created_by=user,
    )


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    try:
        return RecoSettings.from_json(values).to_json()
    except SettingsError as error:
        raise CrmError(str(error)) from error


@transaction.atomic
def activate_config(*, config: RecoConfig, user: User | None = None) -> RecoConfig:
    """Let runs use these settings from now on; those active until now are retired.

    Raises ``CrmError`` when their values cannot be used by this version of the program.
    """
    settings_of(config)
    # In one order, so that two people who activate at once wait for one another.
    list(RecoConfig.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
    config.refresh_from_db()
    if config.status == Status.ACTIVE:
        return config
    RecoConfig.objects.filter(status=Status.ACTIVE).update(status=Status.RETIRED)
    config.status = Status.ACTIVE
    config.activated_by = user
    config.activated_at = timezone.now()
    config.save(update_fields=["status", "activated_by", "activated_at"])
    return config


@transaction.atomic
def retire_config(*, config: RecoConfig) -> RecoConfig:
    """Take a draft or a proposal off the list. Raises ``ConflictError`` for the active ones."""
    config = RecoConfig.objects.select_for_update().get(pk=config.pk)
    if config.status == Status.ACTIVE:
        raise ConflictError("Runs use these settings; activate others instead.")
    config.status = Status.RETIRED
    config.save(update_fields=["status"])
    return config


@transaction.atomic
def active_config() -> RecoConfig:
    """Return the settings that runs use; the first time, the defaults are stored and activated."""
    found = RecoConfig.objects.active().first()
    if found is not None:
        return found
    values = RecoSettings().to_json()
    config, _ = RecoConfig.objects.get_or_create(
        hash=settings_hash(values),
        defaults={"name": DEFAULT_NAME, "values": values, "comment": "As installed."},
    )
    return activate_config(config=config)
