"""What makes each alert fire, and what comes close and must not; a value every minute.

``"0+6x30"`` is a counter that grows by six a minute, ``"7x30"`` a number that stays.
"""

from dataclasses import dataclass, field

RESPONSES = "django_http_responses_total_by_status_total"
LATENCY = "django_http_requests_latency_seconds_by_view_method_bucket"
FREE = "kubelet_volume_stats_available_bytes"
SIZE = "kubelet_volume_stats_capacity_bytes"
VOLUME = '{namespace="crm-rfm",persistentvolumeclaim="data-postgres-0"}'
RECEIVED = "crm_receive_requests_total"


def ends(name: str, **labels: str) -> str:
    """Name the series that says when a certificate ends."""
    said = "".join(f',{key}="{value}"' for key, value in labels.items())
    return f'certmanager_certificate_expiration_timestamp_seconds{{name="{name}"{said}}}'


Series = dict[str, str]


@dataclass
class Case:
    """Series under which an alert fires in the end, and others under which it never does."""

    fires: Series
    quiet: Series
    labels: dict[str, str] = field(default_factory=dict)
    # The hour of memory that some rules have, and their patience.
    minutes: int = 30
    # Other series under which it fires as well, each by itself.
    also: tuple[Series, ...] = ()


def gauge(series: str, bad: float, good: float, /, **labels: str) -> Case:
    """Return the case of one number that stays too high, or just at its limit."""
    said = ",".join(f'{key}="{value}"' for key, value in labels.items())
    name = f"{series}{{{said}}}" if said else series
    return Case({name: f"{bad}x200"}, {name: f"{good}x200"}, labels)


def responses(failed: int, fine: int) -> Series:
    return {
        f'{RESPONSES}{{status="500"}}': f"0+{failed}x200",
        f'{RESPONSES}{{status="200"}}': f"0+{fine}x200",
    }


def latencies(within_two: int) -> Series:
    """Of a hundred requests a minute, so many within two seconds and the rest within five."""
    return {
        f'{LATENCY}{{le="2"}}': f"0+{within_two}x200",
        f'{LATENCY}{{le="5"}}': "0+100x200",
        f'{LATENCY}{{le="+Inf"}}': "0+100x200",
    }


CASES = {
    "WebIsAway": Case(
        {"up": "1x200"}, {'crm_jobs{status="queued"}': "0x200"}, {"status": "queued"}
    ),
    "RequestsFail": Case(
        responses(6, 94),
        responses(5, 95),
        also=(
            # Django has never failed, and every signal is refused; or nobody has asked Django.
            {f'{RESPONSES}{{status="200"}}': "0+9x200", f'{RECEIVED}{{status="503"}}': "0+9x200"},
            {f'{RECEIVED}{{status="503"}}': "0+9x200"},
        ),
    ),
    "RequestsAreSlow": Case(latencies(94), latencies(96)),
    "NodeIsBusy": Case(
        {'node_cpu_seconds_total{mode="idle",instance="n1"}': "0+5x200"},
        {'node_cpu_seconds_total{mode="idle",instance="n1"}': "0+7x200"},
        {"instance": "n1"},
    ),
    "SignalQueueDown": gauge("crm_signal_queue_up", 0, 1),
    "SignalQueueNotDurable": gauge("crm_signal_queue_durable", 0, 1),
    "SignalsPileUp": gauge("crm_signal_queue_depth", 1001, 1000),
    "SignalsWait": gauge("crm_signal_queue_oldest_seconds", 301, 300),
    "SignalQueueFillsUp": Case(
        {"crm_signal_queue_depth": "81x200", "crm_signal_queue_limit": "100x200"},
        {"crm_signal_queue_depth": "80x200", "crm_signal_queue_limit": "100x200"},
    ),
    "NoSignalConsumer": gauge("crm_signal_queue_consumers", 0, 1),
    "SignalsInQuarantine": Case(
        {"crm_signals_quarantined": "5x60 106x30"},
        {"crm_signals_quarantined": "5x60 105x30"},
        minutes=80,
    ),
    "JobsFail": gauge("crm_jobs_failed_last_hour", 101, 100),
    "JobsWait": gauge("crm_job_oldest_wait_seconds", 301, 300),
    "NumberIsStale": gauge("crm_refresh_stale", 1, 0, name="rfm"),
    "NumberFails": gauge("crm_refresh_failing", 1, 0, name="rfm"),
    "NumberIsMissing": Case(
        {
            'crm_refresh_missing{name="rfm"}': "1x4000",
            'crm_refresh_failing{name="rfm"}': "0x4000",
        },
        {
            'crm_refresh_missing{name="rfm"}': "1x4000",
            'crm_refresh_failing{name="rfm"}': "1x4000",
            'crm_refresh_missing{name="comparison"}': "1x4000",
            'crm_refresh_missing{name="backup drill"}': "1x4000",
            'crm_refresh_missing{name="totals"}': "0x4000",
        },
        {"name": "rfm"},
        minutes=50 * 60 + 5,
    ),
    "BackupIsOld": Case(
        # Moments are seconds since the first one of the test.
        {"crm_backup_last_success_timestamp_seconds": "0x2000"},
        {"crm_backup_last_success_timestamp_seconds": "600x2000"},
        minutes=26 * 60 + 8,
    ),
    "BackupIsNotProved": Case(
        {"crm_backup_last_verified_restore_timestamp_seconds": "0x2000"},
        {"crm_backup_last_verified_restore_timestamp_seconds": "600x2000"},
        minutes=26 * 60 + 8,
    ),
    "BackupFails": Case(
        {"crm_backup_failing": "0x200", "crm_backup_drill_failing": "1x200"},
        {"crm_backup_failing": "0x200", "crm_backup_drill_failing": "0x200"},
    ),
    "StandbyIsBehind": gauge("cnpg_pg_replication_lag", 31, 30, pod="postgres-2"),
    "ServersAreMissing": gauge("cnpg_pg_replication_streaming_replicas", 1, 2),
    "ArchiveIsBehind": gauge("cnpg_pg_stat_archiver_seconds_since_last_archival", 301, 300),
    "LogIsNotProved": Case(
        {
            "crm_log_drill_last_success_timestamp_seconds": "60x200",
            "crm_log_drill_failing": "1x200",
        },
        {
            "crm_log_drill_last_success_timestamp_seconds": "60x200",
            "crm_log_drill_failing": "0x200",
        },
    ),
    "LogLeavesLate": gauge("crm_log_drill_archived_seconds", 121, 120),
    "OwnArchiveIsBehind": Case(
        {"crm_wal_archive_last_timestamp_seconds": "0x200", "crm_wal_archive_failing": "0x200"},
        {"crm_wal_archive_last_timestamp_seconds": "1500x200", "crm_wal_archive_failing": "0x200"},
    ),
    "TransactionIsForgotten": gauge("crm_database_oldest_transaction_seconds", 14_401, 14_400),
    "ConnectionsRunOut": Case(
        {
            'cnpg_backends_total{pod="postgres-1",usename="crm"}': "241x200",
            'cnpg_pg_settings_setting{name="max_connections",pod="postgres-1"}': "300x200",
        },
        {
            'cnpg_backends_total{pod="postgres-1",usename="crm"}': "240x200",
            'cnpg_pg_settings_setting{name="max_connections",pod="postgres-1"}': "300x200",
        },
        {"pod": "postgres-1"},
    ),
    "VolumeFillsUp": Case(
        {FREE + VOLUME: "14x200", SIZE + VOLUME: "100x200"},
        {FREE + VOLUME: "15x200", SIZE + VOLUME: "100x200"},
        {"namespace": "crm-rfm", "persistentvolumeclaim": "data-postgres-0"},
    ),
    "CertificateEnds": Case(
        {ends("valkey-tls", namespace="crm-rfm"): f"{14 * 86_400}x200"},
        {
            ends("valkey-tls", namespace="crm-rfm"): f"{14 * 86_400 + 90 * 60}x200",
            ends("shop", namespace="cert-manager", exported_namespace="shop"): "0x200",
        },
        {"name": "valkey-tls"},
        minutes=90,
        # As cert-manager's chart has it scraped, unless it is told to honour labels.
        also=(
            {
                ends("valkey-tls", namespace="cert-manager", exported_namespace="crm-rfm"): (
                    f"{14 * 86_400}x200"
                )
            },
        ),
    ),
}
CASES["NumberIsStale"].minutes = CASES["NumberFails"].minutes = 90
