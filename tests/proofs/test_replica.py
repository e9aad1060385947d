"""Reads go to a standby while it keeps up; who wrote sees it; when it is gone nobody notices."""

import json
import re

import pytest

from tests.proofs.crm import Crm, request
from tests.proofs.standbys import Standby, let_standbys_in
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.slow_proof, pytest.mark.timeout(600)]

LIST = "/api/v1/customers?limit=1"


class Replicated:
    """The CRM's web server on a primary and a standby."""

    def __init__(self, folder, token, postgres, valkey):
        (folder / "home").mkdir()
        self.token = token
        self.primary = postgres(folder / "primary")
        self.primary.copy_to(folder / "primary")
        let_standbys_in(self.primary)
        self.primary.start()
        self.standby = Standby(folder / "standby", folder / "copy", self.primary).make()
        (folder / "aof").mkdir()
        queue = valkey(folder / "aof")
        queue.start()
        self.crm = Crm(
            folder / "home",
            self.primary,
            queue,
            consumers=0,
            DATABASE_REPLICA_URL=self.standby.url,
            CRM_REPLICA_MAX_LAG_SECONDS="2",
        )
        self.crm.start_web()

    def call(self, method, path, body=None, token=None):
        headers = {"Authorization": f"Bearer {token or self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        return request(self.crm.port, method, path, body=body, headers=headers)

    def served(self):
        """How many requests each server answered."""
        _, text = self.crm.get("/metrics", token="proof")
        pattern = rb'crm_replica_requests_total\{by="(\w+)"\} ([\d.]+)'
        found = dict(re.findall(pattern, text))
        return {by: int(float(found.get(by.encode(), 0))) for by in ("primary", "replica", "again")}

    def is_read(self):
        """Whether a list is answered by the standby now."""
        before = self.served()["replica"]
        assert self.call("GET", LIST)[0] == 200
        return self.served()["replica"] > before

    def destroy(self):
        self.crm.web.kill()
        self.standby.program.kill()


@pytest.fixture
def system(folder, token, postgres, valkey):
    made = Replicated(folder, token, postgres, valkey)
    yield made
    made.destroy()


def test_lists_are_read_from_the_standby_and_nothing_is_written_there(system):
    wait_until(system.is_read, seconds=60)

    status, made = system.call("POST", "/api/v1/customers", {"code": "R1", "name": "Ann"})

    assert status == 201, made
    assert system.call("GET", "/api/v1/customers/R1")[0] == 200
    with system.standby.connect() as connection:
        refused = connection.execute("show transaction_read_only").fetchone()
    assert refused == ("on",)


def test_who_wrote_finds_it_at_once_however_late_the_standby_is(system):
    wait_until(system.is_read, seconds=60)
    system.call("POST", "/api/v1/customers", {"code": "R1", "name": "Ann"})
    system.standby.delay(1500)

    for number in range(25):
        name = f"Ann {number}"
        assert system.call("PATCH", "/api/v1/customers/R1", {"name": name})[0] == 200
        status, found = system.call("GET", "/api/v1/customers/R1")
        assert (status, json.loads(found)["name"]) == (200, name)

    system.standby.delay(0)
    wait_until(system.is_read, seconds=60)
    assert json.loads(system.call("GET", "/api/v1/customers/R1")[1])["name"] == name


def test_a_standby_that_falls_behind_is_left_until_it_has_caught_up(system):
    wait_until(system.is_read, seconds=60)
    system.standby.pause()
    with system.primary.connect() as connection:
        connection.execute("create table written_on (n int)")

        def left_alone():
            connection.execute("insert into written_on values (1)")
            return not system.is_read()

        wait_until(left_alone, seconds=60)

    system.standby.go_on()

    wait_until(system.is_read, seconds=60)


def test_nobody_notices_when_the_standby_dies_or_comes_back(system):
    wait_until(system.is_read, seconds=60)
    statuses = [system.call("GET", LIST)[0] for _ in range(20)]

    system.standby.kill_master()
    statuses += [system.call("GET", LIST)[0] for _ in range(100)]

    assert set(statuses) == {200}
    assert not system.is_read()
    system.standby.start()
    wait_until(system.is_read, seconds=60)
