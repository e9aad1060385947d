"""Make the database roles what they should be: who logs in, who owns, who may do what.

Everything happens in one transaction, so there is no moment without rights. What is there
already is brought to the same state; what somebody granted by hand is taken away again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.db import DatabaseError, connection, transaction
from psycopg import sql
from psycopg.errors import LockNotAvailable

from crm_project.common import roles
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.roles import APPLICATION, ASKING, LEARNING, OWNER, Role
from crm_project.common.selectors import database_objects
from crm_project.common.selectors.database_objects import Server, name_of

_LOCK = 7_350_060
_LOCK_SECONDS = 10
_LONGEST_LIST = 200
_WITHOUT_RIGHTS = (
    "This login may not make roles. Run apply_roles as a superuser, or as admin_user after the"
    " first time (DATABASE_URL)."
)


@dataclass(frozen=True, slots=True)
class RolesApplied:
    """What was done: statements without passwords, and roles that have no password (yet)."""

    roles: tuple[str, ...]
    statements: tuple[str, ...]
    without_password: tuple[str, ...]
    kept: bool


def apply_roles(*, passwords: Mapping[str, str], dry_run: bool = False) -> RolesApplied:
    """Create and limit the four roles, give the owner what is ours, revoke, then grant.

    ``passwords`` maps a role's name to its password; a role without one keeps what it has. They
    are sent as SCRAM verifiers, so no log of the server ever holds one.

    Raises:
        ConflictError: a table whose owner changes was in use for ten seconds.
        CrmError: the login may not make roles, does not own what it should give, or somebody
            changed the same roles at the same time.
    """
    try:
        with transaction.atomic():
            work = _Work(passwords)
            work.run()
            result = work.result(kept=not dry_run)
            transaction.set_rollback(dry_run)
    except DatabaseError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise ConflictError(
                f"The roles stay as they were: a table or a role was in use for {_LOCK_SECONDS} s."
                " Find who holds it (pg_stat_activity, pg_locks) and run apply_roles again."
            ) from error
        raise CrmError(f"The roles stay as they were: {str(error).splitlines()[0]}") from error
    return result


def asked_columns() -> dict[str, tuple[str, ...]]:
    """Return the columns that ``ask_user`` may read, from every app's ``sql/ask_user.txt``."""
    found: dict[str, tuple[str, ...]] = {}
    for app in apps.get_app_configs():
        file = Path(app.path) / "sql" / "ask_user.txt"
        if file.exists():
            found |= roles.read_columns(file.read_text(encoding="utf-8").splitlines())
    return found


class _Work:
    """The statements of one transaction, and a list of them for whoever wants to look."""

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords
        self._done: list[str] = []
        self._cursor = connection.cursor()
        self._server: Server

    def run(self) -> None:
        # Two deployments at once would change the same rows of the catalogue.
        self._cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        # A changed owner needs a lock on the table: better refused than in everybody's way.
        self._cursor.execute(f"set local lock_timeout = '{_LOCK_SECONDS}s'")
        self._server = database_objects.server()
        for role in roles.ROLES:
            self._make(role)
        # What a rotation opened; their settings belong to a database and go with it.
        for name in self._server.logins:
            self._limit(roles.login_of_application(name))
        self._memberships()
        self._owners()
        self._revoke()
        self._grant()

    def result(self, *, kept: bool) -> RolesApplied:
        return RolesApplied(
            roles=tuple(role.name for role in roles.ROLES),
            statements=tuple(self._done),
            without_password=tuple(
                role.name
                for role in roles.ROLES
                if role.name not in self._passwords
                and self._server.has_password(role.name) is False
            ),
            kept=kept,
        )

    def _do(self, statement: str, **parts: sql.Composable) -> None:
        self._run(sql.SQL(statement).format(**parts))

    def _run(self, statement: sql.Composed) -> None:
        composed = statement.as_string(self._cursor.connection)
        self._cursor.execute(composed)
        self._done.append(composed)

    def _make(self, role: Role) -> None:
        name = sql.Identifier(role.name)
        if role.name not in self._server.roles:
            if not self._server.may_create_roles:
                raise CrmError(_WITHOUT_RIGHTS)
            self._do("create role {name} login", name=name)
        if role.name in self._passwords:
            self._set_password(role.name, self._passwords[role.name])
        if role.name != self._server.user:  # nobody but a superuser changes their own limits
            self._limit(role)

    def _limit(self, role: Role) -> None:
        """Set a role's powers, how often it may log in, and what holds for its sessions."""
        name = sql.Identifier(role.name)
        if self._server.superuser:
            creates = "createrole" if role.name == OWNER else "nocreaterole"
            # Which of the application's logins are open is for rotate_login to say.
            login = "" if role.name in roles.LOGINS else "login "
            self._do(
                f"alter role {{name}} {login}inherit nosuperuser nocreatedb {creates}"
                " noreplication nobypassrls",
                name=name,
            )
        limit = role.connections
        if limit < 0:
            limit = max(10, self._server.connections + limit)
        self._do(f"alter role {{name}} connection limit {limit:d}", name=name)
        for statement in settings_of(role, self._server.database):
            self._run(statement)

    def _set_password(self, role: str, password: str) -> None:
        """Send what the server would store, so that the statement can be logged by it."""
        wire = self._cursor.connection.pgconn
        verifier = wire.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        self._cursor.execute(
            sql.SQL("alter role {} password {}").format(
                sql.Identifier(role), sql.Literal(verifier.decode())
            )
        )
        self._done.append(f'alter role "{role}" password …')

    def _memberships(self) -> None:
        """Let the owner keep the others; take other memberships away; show them statistics."""
        if not self._server.superuser:
            return
        expected = {(role, "pg_read_all_stats") for role in (OWNER, APPLICATION)}
        expected |= {(OWNER, role.name) for role in roles.ROLES[1:]}
        expected |= {(OWNER, login) for login in roles.LOGINS}
        expected |= {(login, APPLICATION) for login in roles.LOGINS}
        for member, of, grantor in self._server.memberships:
            if (member, of) not in expected:
                self._do(
                    "revoke {of} from {m} granted by {g} cascade",
                    of=sql.Identifier(of),
                    m=sql.Identifier(member),
                    g=sql.Identifier(grantor),
                )
        for kept in (*(role.name for role in roles.ROLES[1:]), *self._server.logins):
            self._do(
                "grant {of} to {owner} with admin option, inherit false, set true",
                of=sql.Identifier(kept),
                owner=sql.Identifier(OWNER),
            )
        for login in self._server.logins:
            self._do(
                "grant {of} to {login} with admin false, inherit true, set true",
                of=sql.Identifier(APPLICATION),
                login=sql.Identifier(login),
            )
        for name in (OWNER, APPLICATION):
            self._do("grant pg_read_all_stats to {name}", name=sql.Identifier(name))

    def _owners(self) -> None:
        """Give the owner the database, our schemas and what is in them, where it has them not."""
        if self._server.user != OWNER and not self._server.superuser:
            return
        for statement in database_objects.owned_by_others(OWNER):
            self._do(statement)

    def _revoke(self) -> None:
        database = sql.Identifier(self._server.database)
        self._do("revoke all on database {db} from public", db=database)
        names = (*(role.name for role in roles.ROLES[1:]), *self._server.logins)
        others = sql.SQL(", ").join(map(sql.Identifier, names))
        self._do("revoke all on database {db} from {who}", db=database, who=others)
        if self._server.superuser:
            for found in _lists(database_objects.functions_that_write()):
                self._do(f"revoke all on function {found} from public, {{who}}", who=others)
        for schema in self._server.schemas:
            name = sql.Identifier(schema)
            self._do("revoke create on schema {s} from public", s=name)
            self._do("revoke all on schema {s} from {who}", s=name, who=others)
            self._do("revoke all on all sequences in schema {s} from {who}", s=name, who=others)
            for found in _lists(database_objects.functions(schema)):
                self._do(f"revoke all on function {found} from {{who}}", who=others)
                if schema != "public":  # what indexes and triggers call is there
                    self._do(f"revoke all on function {found} from public")
        for tables in _chunks([t.name for t in database_objects.tables() if not t.of_a_run]):
            self._do("revoke all on {t} from public", t=tables)
            self._do("revoke all on {t} from {who}", t=tables, who=others)

    def _grant(self) -> None:
        database = sql.Identifier(self._server.database)
        logins = sql.SQL(", ").join(sql.Identifier(role.name) for role in roles.ROLES)
        self._do("grant connect on database {db} to {who}", db=database, who=logins)
        # create: for schemas of migrations to come. temporary: imports sort in such tables.
        owner, app = sql.Identifier(OWNER), sql.Identifier(APPLICATION)
        self._do("grant create, temporary on database {db} to {o}", db=database, o=owner)
        self._do("grant temporary on database {db} to {a}", db=database, a=app)
        for schema in self._server.schemas:
            name = sql.Identifier(schema)
            self._do("grant usage on schema {s} to {a}", s=name, a=app)
            for listed in _lists(database_objects.functions(schema)):
                self._do(f"grant execute on function {listed} to {{a}}", a=app)
        self._do("grant usage on all sequences in schema public to {a}", a=app)
        for rights, found in database_objects.rights_of_application():
            for tables in _chunks(found):
                self._do(f"grant {rights} on {{t}} to {{a}}", t=tables, a=app)
        self._grant_readers()

    def _grant_readers(self) -> None:
        for role in (LEARNING, ASKING):
            self._do("grant usage on schema crm, public to {who}", who=sql.Identifier(role))
            for found in _lists(database_objects.reader_functions()):
                self._do(f"grant execute on function {found} to {{who}}", who=sql.Identifier(role))
        for tables in _chunks(database_objects.contract_views()):
            self._do("grant select on {t} to {who}", t=tables, who=sql.Identifier(LEARNING))
        known = set(database_objects.contract_views())
        for view, columns in asked_columns().items():
            if view in known:
                listed = sql.SQL(", ").join(map(sql.Identifier, columns))
                self._do(
                    "grant select ({c}) on {t} to {who}",
                    c=listed,
                    t=name_of(view),
                    who=sql.Identifier(ASKING),
                )


def settings_of(role: Role, database: str) -> Iterator[sql.Composed]:
    """Yield the statements after which a role's settings, and no others, hold in a database."""
    names = {"name": sql.Identifier(role.name), "db": sql.Identifier(database)}
    # What was set by hand, for this database or for all of them.
    yield sql.SQL("alter role {name} reset all").format(**names)
    yield sql.SQL("alter role {name} in database {db} reset all").format(**names)
    for setting, value in role.settings.items():
        # Lists of schemas stay lists.
        given = value if setting == "search_path" else f"'{value}'"
        statement = f"alter role {{name}} in database {{db}} set {setting} = {given}"
        yield sql.SQL(statement).format(**names)


def _chunks(names: list[str]) -> Iterator[sql.Composed]:
    """Yield qualified names as lists for one statement each; none of an empty list."""
    for start in range(0, len(names), _LONGEST_LIST):
        yield sql.SQL(", ").join(map(name_of, names[start : start + _LONGEST_LIST]))


def _lists(functions: list[str]) -> Iterator[str]:
    """Do the same with functions, which PostgreSQL has quoted; braces would be placeholders."""
    for start in range(0, len(functions), _LONGEST_LIST):
        listed = ", ".join(functions[start : start + _LONGEST_LIST])
        yield listed.replace("{", "{{").replace("}", "}}")
