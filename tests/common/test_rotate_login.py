"""What rotate_login refuses before it opens a login; the rest: tests/proofs/test_rotation.py."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from crm_project.common.services.logins import logins

pytestmark = [pytest.mark.django_db, pytest.mark.owner]


@pytest.fixture
def start(tmp_path):
    """Start a rotation with a password file that holds these bytes; None: there is no file."""

    def run(content):
        call_command("apply_roles", stdout=StringIO())
        file = tmp_path / "password"
        if content is not None:
            file.write_bytes(content)
        call_command("rotate_login", "start", "--password-file", str(file), stdout=StringIO())

    return run


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "password cannot be read: No such file or directory"),
        (b"", "The password is empty"),
        (b" \n", "The password is empty"),
        (b"\xff\xfe", "password is not text in UTF-8"),
    ],
)
def test_a_password_file_without_a_password_opens_no_login(start, content, words):
    before = [login.name for login in logins() if login.open]

    with pytest.raises(CommandError, match=words):
        start(content)

    assert {login.name for login in logins() if login.open} <= {*before, "app_user"}


def test_a_password_from_a_file_opens_the_login_whose_turn_it_is(start):
    start(b"a password of some length\n")
    assert [login.name for login in logins() if login.open] == ["app_user", "app_user_a"]
