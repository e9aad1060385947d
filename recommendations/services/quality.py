"""Look at the data before a run of recommendations: may it begin?"""

from datetime import date
from time import perf_counter

from django.conf import settings as django_settings
from django.db import connection, transaction

from crm_project.common.exceptions import CrmError
from recommendations.models import RecoConfig
from recommendations.scoring.quality import QualityReport, checked_limits, judge
from recommendations.scoring.settings import RecoSettings
from recommendations.selectors.quality import count_quality


@transaction.atomic
def check(*, as_of: date, settings: RecoSettings | None = None) -> QualityReport:
    """Count every rule of data quality as of the end of a local day. Nothing is written.

    Args:
        as_of: nothing later has any influence (but orders dated later than now are reported).
        settings: of the run, for the largest shares under ``quality``; by default the active ones.

    The run's settings win over ``CRM_QUALITY_MAX_SHARES``, and this over the rules' own shares. A
    report with ``stops`` forbids the run and says why. Raises ``CrmError`` for shares that make no
    sense.
    """
    started = perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("set local work_mem = '256MB'")
    counted = count_quality(as_of=as_of)
    with connection.cursor() as cursor:
        cursor.execute("set local work_mem to default")
    limits = _limits(settings if settings is not None else _active())
    return judge(counted, as_of=as_of, limits=limits, seconds=perf_counter() - started)


def _active() -> RecoSettings:
    active = RecoConfig.objects.active().first()
    return RecoSettings.from_json(active.values if active else {})


def _limits(settings: RecoSettings) -> dict[str, float | None]:
    try:
        ours = checked_limits(dict(django_settings.CRM_QUALITY_MAX_SHARES))
        return ours | checked_limits(dict(settings.quality))
    except ValueError as error:
        raise CrmError(str(error)) from error
