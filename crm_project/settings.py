"""Every setting of the project. Values come from the environment only.

`.env.example` documents each variable; `crm_project.common.checks` refuses bad combinations
with numbered messages. Secrets may be given as ``NAME`` or as ``NAME_FILE`` (a mounted file).
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext

from crm_project import databases, embedded, logs, valkey
from crm_project.backup.configuration import backup_settings
from crm_project.doors import AUTH_PASSWORD_VALIDATORS as AUTH_PASSWORD_VALIDATORS
from crm_project.doors import CONTENT_SECURITY_POLICY as CONTENT_SECURITY_POLICY
from crm_project.doors import CSRF_FAILURE_VIEW as CSRF_FAILURE_VIEW
from crm_project.doors import DATA_UPLOAD_MAX_MEMORY_SIZE as DATA_UPLOAD_MAX_MEMORY_SIZE
from crm_project.doors import FILE_UPLOAD_HANDLERS as FILE_UPLOAD_HANDLERS
from crm_project.doors import FILE_UPLOAD_MAX_MEMORY_SIZE as FILE_UPLOAD_MAX_MEMORY_SIZE
from crm_project.doors import PASSWORD_HASHERS as PASSWORD_HASHERS
from crm_project.env import Env, read_file
from crm_project.groups import READY_GROUPS
from crm_project.openapi import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from crm_project.unfold import UNFOLD as UNFOLD

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
read_file(BASE_DIR / ".env")

# --- What kind of place this is -------------------------------------------------------------

CRM_ENV = env.str("CRM_ENV", default="development")
PRODUCTION = CRM_ENV == "production"
CRM_HOME = embedded.crm_home()

DEFAULT_SECRET_KEY = "development-only-never-use-this-key-in-production-0123456789"  # noqa: S105 - refused in production
SECRET_KEY = env.str("DJANGO_SECRET_KEY", default=DEFAULT_SECRET_KEY)
SECRET_KEY_FALLBACKS = env.list("DJANGO_SECRET_KEY_FALLBACKS", default=[])
DEBUG = env.bool("DJANGO_DEBUG", default=False)
ALLOWED_HOSTS = env.list(
    "DJANGO_ALLOWED_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"]
)
CSRF_TRUSTED_ORIGINS = env.list("DJANGO_CSRF_TRUSTED_ORIGINS", default=[])

# --- The business ---------------------------------------------------------------------------

TIME_ZONE = env.str("CRM_TIME_ZONE", default="Europe/London")
CRM_CURRENCY = env.str("CRM_CURRENCY", default="GBP")
# Lifetime value: yearly discount, and the part of the money that stays with the shop.
CRM_LTV_DISCOUNT = env.float("CRM_LTV_DISCOUNT", default=0.10)
CRM_LTV_MARGIN = env.float("CRM_LTV_MARGIN", default=1.0)
# Campaigns: what goes into the hash that draws the arms, and the smallest relative change of the
# share of buyers that is worth knowing (how many customers a report needs follows from it).
CRM_ASSIGNMENT_SALT = env.str("CRM_ASSIGNMENT_SALT", default="arms")
CRM_SMALLEST_LIFT = env.float("CRM_SMALLEST_LIFT", default=0.2)
# Runs of recommendations tell of each customer whether they could be written to on this channel.
CRM_RECOMMEND_CHANNEL = env.str("CRM_RECOMMEND_CHANNEL", default="email")
# Up to so many order lines, "why not this product?" learns the whole shop for an exact answer.
CRM_WHY_NOT_LINES = env.int("CRM_WHY_NOT_LINES", default=1_000_000)
LANGUAGE_CODE = env.str("CRM_LANGUAGE", default="en-gb")
# What explanations of recommendations are written in; British English for its dates and numbers.
LANGUAGES = [
    ("en", "English"),
    ("en-gb", "British English"),
    ("es", "Español"),
    ("fr", "Français"),
    ("ru", "Русский"),
]
USE_I18N = True
USE_TZ = True

# --- Applications ---------------------------------------------------------------------------

INSTALLED_APPS = [
    "crm_project.theme.ThemeConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django_celery_beat",
    "django_prometheus",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "crm_project.common",
    "customers",
    "orders",
    "analytics",
    "recommendations",
]

MIDDLEWARE = [
    "crm_project.health.ProbeMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "crm_project.common.middleware.RequestIdMiddleware",
    # What goes wrong in those below is counted, too.
    "django_prometheus.middleware.PrometheusAfterMiddleware",
    "crm_project.common.replicas.middleware.ReplicaMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "crm_project.common.middleware.SecondFactorMiddleware",
    "customers.middleware.UploadLimitMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "crm_project.common.middleware.StaffHistoryMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "crm_project.urls"
WSGI_APPLICATION = "crm_project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- PostgreSQL and Valkey ------------------------------------------------------------------

EMBEDDED_POSTGRES = not databases.is_named(env)
EMBEDDED_VALKEY = env.str("REDIS_URL", default="") == ""

DATABASES = databases.databases(env)
DATABASE_ROUTERS = ["crm_project.common.replicas.router.ReplicaRouter"]
CRM_REPLICA_MAX_LAG_SECONDS = env.float("CRM_REPLICA_MAX_LAG_SECONDS", default=5.0)
REDIS_URL = embedded.redis_url() if EMBEDDED_VALKEY else valkey.address(env, env.str("REDIS_URL"))

CRM_ROLE_PASSWORDS = databases.role_passwords(env)

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "crm",
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

# --- Celery: late acknowledgement and a fast sweep, so that a killed worker loses nothing ---

CELERY_BROKER_URL = embedded.celery_broker_url() if EMBEDDED_VALKEY else REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
# No results, so no nightly clean-up of them among the schedules.
CELERY_RESULT_EXPIRES = None
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = env.int("CELERY_TASK_TIME_LIMIT", default=6 * 3600)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Above the longest task: a task still running must not be handed out twice.
    "visibility_timeout": CELERY_TASK_TIME_LIMIT + 600,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "global_keyprefix": "crm:",
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# After a lost connection to the queue, unfinished tasks go on: their rows say whose they are.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
# A worker that gets SIGQUIT (or SIGTERM with REMAP_SIGTERM=SIGQUIT) waits this long for its
# tasks, then gives them back to the queue.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = env.float("CELERY_SOFT_SHUTDOWN_SECONDS", default=10.0)
# Messages are sent after the commit that made the row; when the queue is down they are not worth
# waiting for: the sweeper sends them again.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_max": 0.2}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "crm_project.beat:LivingScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
DJANGO_CELERY_BEAT_TZ_AWARE = True
# How much the worker gives way to other processes of the machine: 0 not at all, 19 the most.
CRM_WORKER_NICE = env.int("CRM_WORKER_NICE", default=10)
# Worker and beat touch it as long as they live, for probes. consume_signals has --alive-file.
CRM_ALIVE_FILE = env.str("CRM_ALIVE_FILE", default="")
# A running job whose worker gave no sign for so long is given to another one.
CRM_JOB_SILENT_SECONDS = env.int("CRM_JOB_SILENT_SECONDS", default=15)

# --- Signals: from the API through the queue into PostgreSQL ---------------------------------

# A Valkey of its own, if wanted: what was acknowledged lies here until it is in PostgreSQL.
CRM_QUEUE_URL = valkey.address(env, env.str("CRM_QUEUE_URL", default="")) or REDIS_URL
CRM_QUEUE_PREFIX = env.str("CRM_QUEUE_PREFIX", default="crm:signals")
# Past either limit new signals get 503; nothing that waits is ever thrown away.
CRM_QUEUE_MAX_EVENTS = env.int("CRM_QUEUE_MAX_EVENTS", default=2_000_000)
CRM_QUEUE_MAX_BYTES = env.int("CRM_QUEUE_MAX_BYTES", default=1024**3)
# Events (not requests) that one token may send when it has no rate of its own.
CRM_SIGNAL_RATE = env.str("CRM_SIGNAL_RATE", default="20000/s")
# About so many events a worker stores in one transaction.
CRM_SIGNAL_BATCH = env.int("CRM_SIGNAL_BATCH", default=4_000)
# So many of these a worker process prepares and stores at the same time.
CRM_SIGNAL_THREADS = env.int("CRM_SIGNAL_THREADS", default=2)
# A worker stops when the database refuses so many events one after the other: not their fault.
CRM_QUARANTINE_IN_A_ROW = env.int("CRM_QUARANTINE_IN_A_ROW", default=100)
# Pages that one web process works on at once; events do not need them.
CRM_WEB_THREADS = env.int("CRM_WEB_THREADS", default=4)
# Requests to the API that it works on beside them, so that neither waits behind the other.
CRM_API_THREADS = env.int("CRM_API_THREADS", default=4)
# Whole months that are kept; 0 keeps everything. Receipts never expire.
CRM_SIGNAL_RETENTION_MONTHS = env.int("CRM_SIGNAL_RETENTION_MONTHS", default=0)
CRM_RAW_EVENT_RETENTION_MONTHS = env.int("CRM_RAW_EVENT_RETENTION_MONTHS", default=0)

# --- Embeddings: texts of customers' taste as vectors ----------------------------------------

CRM_EMBEDDING_PROVIDER = env.str("CRM_EMBEDDING_PROVIDER", default="local")
CRM_EMBEDDING_MODEL = env.str("CRM_EMBEDDING_MODEL", default="")
CRM_EMBEDDING_DIMENSIONS = env.int("CRM_EMBEDDING_DIMENSIONS", default=128)
CRM_EMBEDDING_BASE_URL = env.str("CRM_EMBEDDING_BASE_URL", default="https://api.openai.com/v1")
CRM_EMBEDDING_API_KEY = env.str("CRM_EMBEDDING_API_KEY", default="")
# Not every service knows the parameter "dimensions".
CRM_EMBEDDING_SEND_DIMENSIONS = env.bool("CRM_EMBEDDING_SEND_DIMENSIONS", default=True)
CRM_EMBEDDING_BATCH = env.int("CRM_EMBEDDING_BATCH", default=50)
CRM_EMBEDDING_TIMEOUT = env.float("CRM_EMBEDDING_TIMEOUT", default=30.0)
# For the estimate only, in the currency of the service. Empty: not known.
CRM_EMBEDDING_PRICE_PER_MILLION = env.str("CRM_EMBEDDING_PRICE_PER_MILLION", default="")

# --- Saved segments ---------------------------------------------------------------------------

# A count or preview while somebody writes a rule is given up after so many seconds.
CRM_SEGMENT_COUNT_SECONDS = env.float("CRM_SEGMENT_COUNT_SECONDS", default=5.0)
# So is the rebuild of one segment; its members then stay as they were.
CRM_SEGMENT_REBUILD_SECONDS = env.float("CRM_SEGMENT_REBUILD_SECONDS", default=600.0)

# --- Audit of recommendations ------------------------------------------------------------------

# Largest shares of data-quality rules, as JSON; above one a run does not begin. null: never stop.
CRM_QUALITY_MAX_SHARES: dict[str, float | None] = env.json("CRM_QUALITY_MAX_SHARES", default={})
# strict, standard or permissive: what a run must reach before any of it may leave.
CRM_GATE_POLICY = env.str("CRM_GATE_POLICY", default="standard")
# Files of exports hold addresses; after so many days only manifest and rows remain.
CRM_EXPORT_FILE_DAYS = env.int("CRM_EXPORT_FILE_DAYS", default=90)
# Days for which nobody leaves for a second marketing campaign, contact reported or not.
CRM_EXPORT_PAUSE_DAYS = env.int("CRM_EXPORT_PAUSE_DAYS", default=7)

# --- What is kept how long --------------------------------------------------------------------

# Days after which the nightly tidying removes it; 0 keeps it for ever.
# Files of imports, from the end of their import on.
CRM_KEEP_UPLOAD_DAYS = env.int("CRM_KEEP_UPLOAD_DAYS", default=30)
# Sign-ins and failed ones, with names and addresses. Locks look back over 90 days of them.
CRM_KEEP_SIGN_IN_DAYS = env.int("CRM_KEEP_SIGN_IN_DAYS", default=90)
# Jobs that are over.
CRM_KEEP_JOB_DAYS = env.int("CRM_KEEP_JOB_DAYS", default=365)

# --- Backups --------------------------------------------------------------------------------

CRM_BACKUP = backup_settings(env, home=CRM_HOME, production=PRODUCTION)

# --- People and their sessions --------------------------------------------------------------

AUTH_USER_MODEL = "common.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Staff show a code of an app besides the password; whoever has none sets one up.
CRM_SECOND_FACTOR = env.bool("CRM_SECOND_FACTOR", default=PRODUCTION)
OTP_TOTP_ISSUER = "Customer CRM"
CRM_READY_GROUPS = READY_GROUPS
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# Whoever goes on during a lock does not make it longer, nor the table of attempts.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# Also stops one address that tries many names, and one name that is tried from many addresses.
AXES_USERNAME_CALLABLE = "crm_project.common.services.sign_ins.name_of"
AXES_HANDLER = "crm_project.common.services.sign_ins.SignInHandler"
# Behind our own proxies the address is the one that the outermost of them saw.
AXES_CLIENT_IP_CALLABLE = "crm_project.common.addresses.client_address"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# --- Web security ---------------------------------------------------------------------------

SECURE_SSL_REDIRECT = env.bool("DJANGO_SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_HSTS_SECONDS = env.int("DJANGO_HSTS_SECONDS", default=31_536_000 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https")
    if env.bool("DJANGO_BEHIND_TLS_PROXY", default=False)
    else None
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
# Browsers keep a cookie of such a name from any other host, also from a subdomain of ours.
SESSION_COOKIE_NAME = "__Host-session" if PRODUCTION else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrf" if PRODUCTION else "csrftoken"
# Forms carry the token; no script of ours reads the cookie.
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = env.int("DJANGO_SESSION_AGE", default=12 * 3600)
X_FRAME_OPTIONS = "DENY"
# Hosts with private addresses that we may send requests to, such as an embedding service at home.
CRM_OUTGOING_PRIVATE_HOSTS = env.list(
    "CRM_OUTGOING_PRIVATE_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "::1"]
)

# --- Static and uploaded files --------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
# Outside production, files are served from the packages: no collectstatic step.
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# Uploaded import files, outside the web root; shared by web and worker.
CRM_UPLOAD_DIR = Path(env.str("CRM_UPLOAD_DIR", default=str(CRM_HOME / "uploads")))
CRM_UPLOAD_MAX_BYTES = env.int("CRM_UPLOAD_MAX_BYTES", default=2 * 1024**3)
# Packed files are unpacked while they are read; one that grows beyond this is refused.
CRM_IMPORT_UNPACKED_MAX_BYTES = env.int("CRM_IMPORT_UNPACKED_MAX_BYTES", default=16 * 1024**3)

# --- REST -----------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "crm_project.common.api.authentication.TokenAuthentication",
        "crm_project.common.api.authentication.StaffSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["crm_project.common.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["crm_project.common.api.parsers.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "crm_project.common.api.negotiation.FirstRenderer",
    "DEFAULT_SCHEMA_CLASS": "crm_project.common.api.schema.ProblemAutoSchema",
    "DEFAULT_PAGINATION_CLASS": "crm_project.common.api.pagination.LimitPagination",
    "DEFAULT_FILTER_BACKENDS": ["crm_project.common.api.filters.StrictFilterBackend"],
    "EXCEPTION_HANDLER": "crm_project.common.api.errors.problem_handler",
    "DEFAULT_THROTTLE_CLASSES": ["crm_project.common.api.throttling.TokenRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "token": env.str("CRM_API_RATE", default="600/min"),
        "anonymous": env.str("CRM_API_ANONYMOUS_RATE", default="120/min"),
    },
    # How many proxies of ours add to X-Forwarded-For: none, unless said otherwise.
    "NUM_PROXIES": env.int("CRM_PROXIES", default=0),
    "DEFAULT_VERSIONING_CLASS": None,
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

# --- Logs -----------------------------------------------------------------------------------

LOG_LEVEL = env.str("CRM_LOG_LEVEL", default="INFO")
LOGGING = logs.configure(level=LOG_LEVEL, as_json=PRODUCTION)

# --- Metrics ---------------------------------------------------------------------------------

# What a Prometheus server sends as its bearer token; without one, /metrics does not exist.
CRM_METRICS_TOKEN = env.str("CRM_METRICS_TOKEN", default="")
PROMETHEUS_EXPORT_MIGRATIONS = False
CRM_TELEMETRY = logs.telemetry(env)

# --- History of changes by staff ------------------------------------------------------------

# Nobody edits history: updates and deletes of its rows are refused by triggers.
PGHISTORY_APPEND_ONLY = True
