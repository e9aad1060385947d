"""Change the application's credential without an error: two logins take turns under one role.

The rights belong to ``app_user``. The logins ``app_user_a`` and ``app_user_b`` are members of it
and work as that role, so that a new credential works before the old one stops. Changing a password
in place fails every new connection until the last process knows the new one.
"""

from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection, transaction
from psycopg import sql

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.roles import APPLICATION, LOGINS, OWNER, login_of_application
from crm_project.common.services.roles import settings_of

_LOCK = 7_264_203


@dataclass(frozen=True, slots=True)
class Login:
    """A name to log in with.

    Attributes:
        open: whether anybody may log in with it.
        opened: when a rotation opened it, in ISO 8601; empty: none did.
        sessions: how many are logged in with it now.
    """

    name: str
    open: bool
    opened: str
    sessions: int


def logins() -> list[Login]:
    """Return what the application may log in with: the role itself, and the two logins."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select r.rolname, r.rolcanlogin, coalesce(shobj_description(r.oid, 'pg_authid'), ''),"
            " (select count(*) from pg_stat_activity as a where a.usesysid = r.oid)"
            " from pg_roles as r where r.rolname = any(%s) order by r.rolname",
            [[APPLICATION, *LOGINS]],
        )
        return [Login(*row) for row in cursor.fetchall()]


def start_rotation(*, password: str) -> str:
    """Open the login whose turn it is, with a password; return its name. The others stay.

    Raises:
        ConflictError: both logins are open, so the last rotation was not finished.
        CrmError: the password is empty, this login may not make roles, or ``apply_roles`` never
            ran.
    """
    if not password:
        # PostgreSQL would take away the one there is.
        raise CrmError("The password is empty: nobody could log in with it. Nothing was changed.")
    with _Rotation() as work:
        known = {login.name: login for login in logins()}
        if APPLICATION not in known:
            raise CrmError(f"There is no role {APPLICATION}. Run manage.py apply_roles first.")
        closed = [name for name in LOGINS if name not in known or not known[name].open]
        if not closed:
            raise ConflictError(
                "Both logins are open: a rotation is under way. End it: manage.py rotate_login"
                " finish"
            )
        name = closed[0]
        if name not in known:
            work.do("create role {name}", name)
        work.do("alter role {name} login inherit", name)
        work.set_password(name, password)
        work.do("grant {role} to {name}", name)
        # Who makes a role may give it away, but may not give that right to themselves again.
        admin = "admin option, " if _is_superuser(work.cursor) else ""
        work.do(f"grant {{name}} to {{owner}} with {admin}inherit false, set true", name)
        work.limit_as_application(name)
        work.note_opened(name)
    return name


def finish_rotation(*, force: bool = False) -> list[str]:
    """Close every login but the newest; return the names that were closed.

    Args:
        force: end the sessions that still use an old one; their processes connect anew.

    Raises:
        ConflictError: an old login is still in use.
        CrmError: no rotation was started.
    """
    with _Rotation() as work:
        found = logins()
        opened = [login for login in found if login.open and login.opened]
        if not opened:
            raise CrmError("There is no new login. Begin with: manage.py rotate_login start")
        newest = max(opened, key=lambda login: login.opened)
        old = [login for login in found if login.open and login.name != newest.name]
        used = [login for login in old if login.sessions]
        if used and not force:
            listed = ", ".join(f"{login.name} ({login.sessions} sessions)" for login in used)
            raise ConflictError(
                f"Still in use: {listed}. Restart what runs with the old credential, or end its"
                " sessions with --force."
            )
        for login in old:
            work.do("alter role {name} nologin password null", login.name)
    # Only now can none of them log in again.
    for login in used:
        _end_sessions(login.name)
    return [login.name for login in old]


class _Rotation:
    """One transaction at a time, and its statements. Use as a context manager."""

    def __init__(self) -> None:
        self._transaction = transaction.atomic()
        self.cursor = connection.cursor()

    def __enter__(self) -> "_Rotation":
        self._transaction.__enter__()
        self.cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: object) -> None:  # fmt: skip
        self._transaction.__exit__(kind, error, trace)  # type: ignore[arg-type]
        if isinstance(error, DatabaseError):
            said = str(error).splitlines()[0]
            raise CrmError(f"The logins stay as they were: {said}") from error

    def do(self, statement: str, name: str) -> None:
        parts = {"name": name, "role": APPLICATION, "owner": OWNER}
        named = {key: sql.Identifier(value) for key, value in parts.items()}
        self._run(sql.SQL(statement).format(**named))

    def _run(self, statement: sql.Composable) -> None:
        self.cursor.execute(statement.as_string(self.cursor.connection))

    def set_password(self, name: str, password: str) -> None:
        """Send what the server would store, so that no log of it holds a password."""
        wire = self.cursor.connection.pgconn
        verifier = wire.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
        self._run(
            sql.SQL("alter role {} password {}").format(
                sql.Identifier(name), sql.Literal(verifier.decode())
            )
        )

    def limit_as_application(self, name: str) -> None:
        """Let a login work as the role, with its limits, which hold for who logs in.

        What a function makes for a run is given to the role at work: it must stay the same.
        """
        self.cursor.execute("select current_database()")
        database = self.cursor.fetchone()[0]
        for statement in settings_of(login_of_application(name), database):
            self._run(statement)
        self.cursor.execute("select rolconnlimit from pg_roles where rolname = %s", [APPLICATION])
        limit = int(self.cursor.fetchone()[0])
        self.do(f"alter role {{name}} connection limit {limit}", name)

    def note_opened(self, name: str) -> None:
        """Remember at the role itself which login is the newest."""
        self.cursor.execute("select to_char(clock_timestamp() at time zone 'UTC',"
                             " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")  # fmt: skip
        moment = self.cursor.fetchone()[0]
        self._run(
            sql.SQL("comment on role {} is {}").format(sql.Identifier(name), sql.Literal(moment))
        )


def _is_superuser(cursor: Any) -> bool:
    cursor.execute("select rolsuper from pg_roles where rolname = current_user")
    return bool(cursor.fetchone()[0])


def _end_sessions(name: str) -> None:
    """End what is logged in with a name. As the owner one must be that role to do so."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not _is_superuser(cursor):
            cursor.execute(
                sql.SQL("set local role {}")
                .format(sql.Identifier(name))
                .as_string(cursor.connection)
            )
        cursor.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = %s",
            [name],
        )
