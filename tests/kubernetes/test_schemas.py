"""The API of several versions of Kubernetes would take every object, and no field it ignores."""

import copy
import functools
import re

import jsonschema
import pytest

from tests.kubernetes.manifests import OVERLAYS, ROOT, Manifests
from tests.kubernetes.operator_fields import CLUSTER, GROUPS, schema_of, versions

kubernetes_validate = pytest.importorskip(
    "kubernetes_validate", reason="The schemas of Kubernetes are not installed."
)

VERSIONS = ("1.31", "1.34", "1.37")


@pytest.fixture(autouse=True, scope="module")
def schemas_are_read_once():
    """The library reads a file of a megabyte for every object."""
    utils = kubernetes_validate.utils
    plain = utils.schema_contents
    utils.schema_contents = functools.cache(plain)
    yield
    utils.schema_contents = plain


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay, version):
    docs = [doc for doc in Manifests.of(overlay).docs if doc["kind"] not in GROUPS]

    assert len(docs) > 30
    for doc in docs:
        kubernetes_validate.validate(doc, version, strict=True)


def test_a_field_that_does_not_exist_is_refused():
    doc = Manifests.of("dev").get("Deployment", "crm-web")
    doc["spec"]["template"]["spec"]["restartPolicyy"] = "Always"

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(doc, "1.37", strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_of_an_operator_has_the_fields_that_it_knows(overlay):
    docs = Manifests.of(overlay).kind(*GROUPS)

    for doc in docs:
        jsonschema.validate(doc, schema_of(doc["kind"]))
    assert len(docs) >= 4


def test_no_kind_is_left_out():
    """Everything is of Kubernetes, or of an operator whose fields are written down."""
    found = {doc["kind"] for overlay in OVERLAYS for doc in Manifests.of(overlay).kind(*GROUPS)}

    assert found == set(GROUPS)


def newest(cluster):
    return max(versions(CLUSTER, cluster["spec"]), key=lambda one: [*map(int, one.split("."))])


@pytest.mark.parametrize("path", ["README.md", "components/cloudnative-pg/kustomization.yaml"])
def test_the_operator_that_is_asked_for_knows_every_field(path):
    text = (ROOT / "k8s" / path).read_text("utf-8")
    [asked_for] = re.findall(r"CloudNativePG \(?(1\.\d+) or later", text)

    assert newest(Manifests.of("prod").get("Cluster", "postgres")) == asked_for


def test_a_field_less_is_an_older_operator():
    cluster = copy.deepcopy(Manifests.of("prod").get("Cluster", "postgres"))
    del cluster["spec"]["postgresql"]["synchronous"]["failoverQuorum"]

    assert newest(cluster) == "1.26"


def mistakes():
    """Yield a name, where the mistake is made, and what is written there."""
    yield "log on the data's volume", "Cluster", ("walstorage",), {"size": "20Gi"}
    yield "a method that there is not", "Cluster", ("postgresql", "synchronous", "method"), "every"
    yield "three in a word", "Cluster", ("instances",), "3"
    yield "a number as a number", "Cluster", ("postgresql", "parameters", "max_connections"), 300
    yield "superuser by another name", "Cluster", ("enableSuperUserAccess",), True
    yield "a size without a unit", "Cluster", ("storage", "size"), "50 GB"
    yield "no such compression", "ObjectStore", ("configuration", "wal", "compression"), "zst"
    yield "credentials in the open", "ObjectStore", ("configuration", "accessKey"), "x"
    yield "retention in words", "ObjectStore", ("retentionPolicy",), "30 days"
    yield "a plugin's misspelt name", "ScheduledBackup", ("pluginConfig",), {"name": "x"}
    yield "whose backup", "ScheduledBackup", ("backupOwnerReference",), "me"
    yield "never fetched again", "ExternalSecret", ("refreshEvery",), "15m"
    yield "another kind of store", "ExternalSecret", ("secretStoreRef", "kind"), "Vault"
    yield "an alert that waits form", "PrometheusRule", ("groups", 0, "rules", 0, "form"), "5m"
    yield "an alert at once", "PrometheusRule", ("groups", 0, "rules", 0, "for"), "5 minutes"
    yield "a port's misspelt name", "PodMonitor", ("podMetricsEndpoints", 0, "ports"), "http"
    yield "a key that is never new", "Certificate", ("privateKey", "rotation"), "Always"
    yield "two years in words", "Certificate", ("duration",), "2y"
    yield "nobody's signature", "Issuer", ("selfsigned",), {}


@pytest.mark.parametrize(("kind", "path", "value"), [case[1:] for case in mistakes()],
                         ids=[case[0] for case in mistakes()])  # fmt: skip
def test_a_mistake_in_an_operator_s_object_is_refused(kind, path, value):
    overlay = "dev" if kind in {"Certificate", "Issuer"} else "prod"
    doc = copy.deepcopy(Manifests.of(overlay).kind(kind)[0])
    at = doc["spec"]
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(doc, schema_of(kind))
