"""The groups that come with the CRM: who does what. The setting ``CRM_READY_GROUPS``.

Each stands for itself; somebody with two jobs is in two groups. ``migrate`` sets them, so that new
pages of a new version are in the right hands; whoever wants other rights makes a group of their
own. Nobody in here sees tokens, users or groups: that is a superuser's work.
tests/security/matrix shows what each may open.
"""


def _of(app: str, verb: str, models: str) -> frozenset[str]:
    return frozenset(f"{app}.{verb}_{model}" for model in models.split())


_SEES = (
    _of("customers", "view", "customer customeralias campaign contactevent consent contactblock")
    | _of("customers", "view", "contactpolicy silenceoverride importbatch")
    | _of("orders", "view", "product productalias labelsuggestion order orderitem customertotals")
    | _of("analytics", "view", "segment segmentcell rfmrun currentrfmscore rfmscore metricsrun")
    | _of("analytics", "view", "customermetrics currentcustomermetrics customerprofile")
    | _of("analytics", "view", "embeddingmodel customerembedding productembedding")
    | _of("analytics", "view", "savedsegment segmentation segmentationcluster segmentationmember")
    | _of("analytics", "view", "segmentationcomparison signal signalscore signaltype pipelinerun")
    | _of("recommendations", "view", "recoconfig backtestrun recorun recoitem recoexclusion")
    | _of("recommendations", "view", "recoaudit audititem recodecision recoexport recoexportitem")
    | _of("recommendations", "view", "outcomewindow assignment outcomeevent upliftreport")
    | _of("common", "view", "refreshstate")
)

_STEWARD = (
    _SEES
    | _of("customers", "add", "customer customeralias importbatch consent contactblock")
    | _of("customers", "change", "customer customeralias importbatch consent contactblock")
    | _of("customers", "delete", "customeralias")
    | _of("customers", "view", "refusedrow")
    | _of("orders", "add", "product productalias order orderitem")
    | _of("orders", "change", "product productalias order orderitem")
    | _of("orders", "delete", "productalias")
    | _of("orders", "derive", "product")
    | _of("orders", "decide", "labelsuggestion")
    | _of("analytics", "view", "rawevent quarantinedevent")
    | _of("analytics", "replay", "quarantinedevent")
    | _of("analytics", "discard", "quarantinedevent")
    | _of("common", "view", "job")
)

_MARKETER = (
    _SEES
    | _of("customers", "add", "campaign contactevent contactblock")
    | _of("customers", "change", "campaign contactblock contactpolicy silenceoverride")
    | _of("customers", "add", "silenceoverride")
    | _of("customers", "delete", "silenceoverride")
    | _of("analytics", "add", "savedsegment")
    | _of("analytics", "change", "savedsegment segmentationcluster segmentcell segment signaltype")
    | _of("analytics", "delete", "savedsegment")
    | _of("analytics", "rebuild", "savedsegment")
    | _of("analytics", "export", "savedsegment")
    | _of("analytics", "view", "savedsegmentexport")
    | _of("recommendations", "add", "recoconfig recorun recoexport")
    | _of("recommendations", "add", "outcomeevent outcomewindow upliftreport")
    | _of("recommendations", "change", "outcomewindow")
    | _of("common", "view", "job")
)

# Who writes settings and exports does not approve, and the other way round.
_APPROVER = (
    _SEES
    | _of("recommendations", "add", "recodecision recoaudit")
    | _of("recommendations", "change", "recoconfig")
    | _of("common", "view", "job")
)

# Keeps it running, and sees no customer.
_OPERATOR = (
    _of("common", "view", "job refreshstate backuprun drillrun")
    | _of("common", "add", "backuprun drillrun")
    | _of("common", "change", "job")
    | _of("common", "view", "database")
    | _of("django_celery_beat", "view", "periodictask intervalschedule crontabschedule")
    | _of("django_celery_beat", "change", "periodictask intervalschedule crontabschedule")
    | _of("django_celery_beat", "add", "intervalschedule crontabschedule")
    | _of("axes", "view", "accessattempt accesslog")
    | _of("axes", "delete", "accessattempt")
    | _of("analytics", "view", "rfmrun metricsrun pipelinerun segmentation segmentationcomparison")
    | _of("analytics", "add", "rfmrun metricsrun pipelinerun segmentation segmentationcomparison")
    | _of("analytics", "view", "embeddingmodel")
    | _of("analytics", "change", "embeddingmodel customerembedding customerprofile")
    | _of("recommendations", "view", "recorun backtestrun")
    | _of("recommendations", "add", "recorun backtestrun")
)

READY_GROUPS: dict[str, frozenset[str]] = {
    "Viewer": _SEES,
    "Steward": _STEWARD,
    "Marketer": _MARKETER,
    "Approver": _APPROVER,
    "Operator": _OPERATOR,
}
