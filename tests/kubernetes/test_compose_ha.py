"""compose.ha.yaml: three servers, each with its own data, and the CRM knows all of them."""

import re

import pytest
import yaml

from tests.kubernetes.compose import compose, text_of
from tests.proofs.patroni import TTL

NODES = ("pg1", "pg2", "pg3")
OURS = ("web", "consumer", "worker", "beat")
FILE = "compose.ha.yaml"


@pytest.fixture(scope="module")
def file():
    return compose(FILE)


@pytest.fixture(scope="module")
def patroni(file):
    return yaml.safe_load(file["configs"]["patroni"]["content"])


def test_the_one_server_is_gone_and_nobody_waits_for_it(file):
    assert file["services"]["postgres"] is None
    for name in ("migrate", *OURS):
        assert "postgres" not in file["services"][name]["depends_on"]


def test_each_node_has_a_name_an_address_and_data_of_its_own(file):
    nodes = {name: file["services"][name] for name in NODES}

    for name, node in nodes.items():
        given = node["environment"]
        assert given["PATRONI_NAME"] == name
        assert given["PATRONI_POSTGRESQL_CONNECT_ADDRESS"] == f"{name}:5432"
        assert given["PATRONI_RESTAPI_CONNECT_ADDRESS"] == f"{name}:8008"
        assert node["volumes"] == [f"{name}:/data"]
        assert name in file["volumes"]


def test_what_is_acknowledged_is_on_two_servers_and_a_lost_leader_is_replaced(patroni):
    rules = patroni["bootstrap"]["dcs"]

    assert rules["synchronous_mode"] is True
    assert rules["synchronous_mode_strict"] is True
    assert rules["ttl"] == TTL
    assert rules["loop_wait"] + 2 * rules["retry_timeout"] <= rules["ttl"]
    assert all("trust" not in rule for rule in patroni["postgresql"]["pg_hba"] if "host" in rule)


def test_the_crm_knows_all_of_them_and_owns_nothing(file):
    for name in OURS:
        given = file["services"][name]["environment"]
        assert given["DATABASE_URL"] == ""
        assert given["POSTGRES_HOST"] == ",".join(NODES)
        assert given["POSTGRES_USER"] == "app_user"
    assert file["services"]["migrate"]["environment"]["POSTGRES_USER"] == "crm"


def test_no_password_has_a_default():
    given = re.findall(r"\$\{(\w*PASSWORD)([^}]*)\}", text_of(FILE))

    assert {name for name, _ in given} == {
        "POSTGRES_PASSWORD", "REPLICATION_PASSWORD", "CRM_APP_PASSWORD"
    }  # fmt: skip
    assert {rest for _, rest in given} == {":?set it in .env"}
