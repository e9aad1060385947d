"""The API of several versions of Kubernetes would take every object, and no field it ignores."""

import functools

import pytest

from tests.kubernetes.manifests import OVERLAYS, Manifests

kubernetes_validate = pytest.importorskip(
    "kubernetes_validate", reason="The schemas of Kubernetes are not installed."
)

VERSIONS = ("1.31", "1.34", "1.37")
# Their schemas come with their operators, not with Kubernetes: rules_objects.py looks at these.
OF_OPERATORS = {
    "Certificate",
    "Cluster",
    "ExternalSecret",
    "Issuer",
    "ObjectStore",
    "PodMonitor",
    "PrometheusRule",
    "ScheduledBackup",
}


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
    docs = [doc for doc in Manifests.of(overlay).docs if doc["kind"] not in OF_OPERATORS]

    assert len(docs) > 30
    for doc in docs:
        kubernetes_validate.validate(doc, version, strict=True)


def test_a_field_that_does_not_exist_is_refused():
    doc = Manifests.of("dev").get("Deployment", "crm-web")
    doc["spec"]["template"]["spec"]["restartPolicyy"] = "Always"

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(doc, "1.37", strict=True)
