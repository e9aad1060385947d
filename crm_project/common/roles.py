"""The database roles: who logs in, what for, and within which limits. Values only, no database.

What each may touch is decided in ``crm_project.common.services.roles`` from what the database
holds; docs/operations.md tells it in a table.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

OWNER = "admin_user"
APPLICATION = "app_user"
LEARNING = "ml_user"
ASKING = "ask_user"
# What the application logs in with once its credential was changed: they take turns.
LOGINS = ("app_user_a", "app_user_b")

# Ours; everything in them belongs to the owner.
SCHEMAS = ("public", "crm", "crm_private", "app_schema")
# Views of the contract that tell about the server, not about the shop.
NOT_FOR_READERS = ("crm.pg_stat_statements",)
# A table with one of these triggers is a log: the application adds rows and reads them.
APPEND_ONLY_TRIGGERS = ("pgtrigger_append_only_%", "raw_event_stays")
# What PostgreSQL lets whoever logs in write: large objects, and messages into the server's log.
WRITES_FOR_ALL = (
    "lo_creat",
    "lo_create",
    "lo_from_bytea",
    "lo_put",
    "lo_truncate",
    "lo_truncate64",
    "lowrite",
    "pg_logical_emit_message",
)
# Tables that the pipeline makes for a run or a month. The functions that make them say who may
# use them, also while a run is being filled, so nothing is given or taken here.
MADE_BY_RUNS = r"_[0-9]+$"


@dataclass(frozen=True, slots=True)
class Role:
    """A login. ``connections`` below zero: as many as the server has, less so many for others."""

    name: str
    purpose: str
    connections: int
    settings: dict[str, str] = field(default_factory=dict)


# Few seats, held by people and tools that forget to leave: an idle session of theirs is ended. Not
# so the application's and the owner's: their sessions wait on purpose, in pools and for locks.
_READS = {"default_transaction_read_only": "on", "search_path": "crm, public"}

ROLES = (
    Role(
        OWNER,
        "Owns the tables, migrates, applies roles. Not for running processes.",
        10,
        {"idle_in_transaction_session_timeout": "10min"},
    ),
    Role(
        APPLICATION,
        "Web, workers, consumers and beat: reads and writes rows, owns nothing.",
        -40,
        {"statement_timeout": "1h", "idle_in_transaction_session_timeout": "30min"},
    ),
    Role(
        LEARNING,
        "Machine learning and BI: reads schema crm.",
        10,
        {
            **_READS,
            "statement_timeout": "10min",
            "idle_in_transaction_session_timeout": "1min",
            "idle_session_timeout": "1h",
        },
    ),
    Role(
        ASKING,
        "Questions in plain language: reads the columns of schema crm that name nobody.",
        5,
        {
            **_READS,
            "statement_timeout": "5s",
            "lock_timeout": "1s",
            "transaction_timeout": "10s",
            "idle_in_transaction_session_timeout": "5s",
            "idle_session_timeout": "10min",
        },
    ),
)


def login_of_application(name: str) -> Role:
    """Return one of ``LOGINS`` as a role: what holds for the application, and works as it.

    >>> login_of_application("app_user_a").settings["role"]
    'app_user'
    """
    [application] = (role for role in ROLES if role.name == APPLICATION)
    return replace(application, name=name, settings={**application.settings, "role": APPLICATION})


_LINE = re.compile(r"([a-z_]+\.[a-z_0-9]+): *([a-z_0-9 ]+)")


def read_columns(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Read which columns of which view may be asked for: ``schema.view: column column``.

    >>> read_columns(["# why", "", "crm.rfm: segment  as_of"])
    {'crm.rfm': ('segment', 'as_of')}

    Raises:
        ValueError: a line that is neither that, nor empty, nor a comment.
    """
    found = {}
    for line in lines:
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not like: crm.rfm: segment as_of")
        found[match[1]] = tuple(match[2].split())
    return found
