"""The one database: the URL, the parts of one, or the embedded server's socket; and its replica."""

from typing import Any

import environ

from crm_project import embedded

ENGINE = "django.db.backends.postgresql"

# A server that vanished without a word (its machine, a network that drops packets) is noticed
# within a minute. Without these it is a quarter of an hour, for which threads would be held.
NOTICES = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def is_named(env: environ.Env) -> bool:
    """Tell whether the environment names a server; else an embedded one is started."""
    return bool(env.str("DATABASE_URL", default="") or env.str("POSTGRES_HOST", default=""))


def databases(env: environ.Env) -> dict[str, dict[str, Any]]:
    """Return ``DATABASES``: the primary, and a replica where one is named."""
    found = {"default": _connected(_server(env), env)}
    _of_several(found["default"], "read-write")
    standby = _standby(env)
    if standby is not None:
        replica = found["replica"] = _connected(standby, env)
        # It is only asked for what may be left out: whoever waits goes to the primary soon.
        replica["OPTIONS"]["options"] += (
            " -c default_transaction_read_only=on -c statement_timeout=30s"
        )
        replica["OPTIONS"].setdefault("connect_timeout", 3)
        _of_several(replica, "prefer-standby")
    for config in found.values():
        config["OPTIONS"] = {**NOTICES, **config["OPTIONS"]}
    return found


def _of_several(config: dict[str, Any], which: str) -> None:
    """Say which of several hosts is meant: after a failover, another one is the primary."""
    if "," in config.get("HOST", ""):
        options = config["OPTIONS"]
        options.setdefault("target_session_attrs", which)
        # One that is gone is not waited for long; there are others.
        options.setdefault("connect_timeout", 3)


def _connected(config: dict[str, Any], env: environ.Env) -> dict[str, Any]:
    """Add how we connect: schema, pool or lasting connections."""
    options = config.setdefault("OPTIONS", {})
    # PostgreSQL looks into a schema of the user's name first. For a user "crm" that would be the
    # schema of the SQL contract: our own tables would be made in there.
    given = options.get("options", "")
    options["options"] = f"-c search_path=public {given}".strip()
    pool = env.int("DATABASE_POOL_SIZE", default=0)
    # Whether it still lives is asked before each request or task: after a failover it does not.
    config["CONN_HEALTH_CHECKS"] = True
    if pool:
        options["pool"] = {"min_size": 1, "max_size": pool, "timeout": 10}
    else:
        config["CONN_MAX_AGE"] = 60
    return config


def _standby(env: environ.Env) -> dict[str, Any] | None:
    """Return the replica's address: a URL, or another host with the same name and login."""
    if env.str("DATABASE_REPLICA_URL", default=""):
        return dict(env.db_url("DATABASE_REPLICA_URL"))
    host = env.str("POSTGRES_REPLICA_HOST", default="")
    return {**_server(env), "HOST": host} if host and is_named(env) else None


def _server(env: environ.Env) -> dict[str, Any]:
    if not is_named(env):
        return {"ENGINE": ENGINE, **embedded.database_config()}
    if env.str("DATABASE_URL", default=""):
        return dict(env.db_url("DATABASE_URL"))
    return {
        "ENGINE": ENGINE,
        "HOST": env.str("POSTGRES_HOST"),
        # As text: of several hosts, each may have a port, as PostgreSQL's library reads them.
        "PORT": env.str("POSTGRES_PORT", default="5432"),
        "NAME": env.str("POSTGRES_DB", default="crmdb"),
        "USER": env.str("POSTGRES_USER", default="crmuser"),
        "PASSWORD": env.str("POSTGRES_PASSWORD", default=""),
    }


def role_passwords(env: environ.Env) -> dict[str, str]:
    """Return what `manage.py apply_roles` gives the database's logins; nothing else reads it.

    A role that is not in it keeps the password that it has.
    """
    given = {
        "admin_user": env.str("CRM_ADMIN_PASSWORD", default=""),
        "app_user": env.str("CRM_APP_PASSWORD", default=""),
        "ml_user": env.str("CRM_ML_PASSWORD", default=""),
        "ask_user": env.str("CRM_ASK_PASSWORD", default=""),
    }
    return {role: password for role, password in given.items() if password}
