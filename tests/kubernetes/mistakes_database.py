"""Mistakes in what keeps the data, each with the rule that must see it (rules_database.py)."""

from tests.kubernetes.parts import WEB, box, cluster, drop, pod, spec


def unpack_on_the_node(manifests):
    [data] = [one for one in pod(manifests, "crm-backup-drill")["volumes"] if one["name"] == "data"]
    del data["ephemeral"]
    data["emptyDir"] = {"sizeLimit": "100Gi"}


DEV = {
    "data that go with the StatefulSet": (
        lambda m: spec(m, "StatefulSet", "postgres").pop("persistentVolumeClaimRetentionPolicy"),
        "volumes_outlive_their_pods",
    ),
    "two writers": (
        lambda m: spec(m, "StatefulSet", "postgres")["volumeClaimTemplates"][0]["spec"].update(
            accessModes=["ReadWriteMany"]
        ),
        "volumes_outlive_their_pods",
    ),
    "no Service for readers": (
        lambda m: drop(m, "Service", "postgres-ro"),
        "the_database_has_its_names",
    ),
}
PROD = {
    "asynchronous": (
        lambda m: cluster(m)["postgresql"]["synchronous"].update(dataDurability="preferred"),
        "the_cluster_of_servers_loses_nothing",
    ),
    "two servers": (
        lambda m: cluster(m).update(instances=2),
        "the_cluster_of_servers_loses_nothing",
    ),
    "without TLS": (
        lambda m: cluster(m)["postgresql"]["pg_hba"].pop(),
        "the_cluster_of_servers_loses_nothing",
    ),
    "archive of a week": (
        lambda m: spec(m, "ObjectStore", "postgres-archive").update(retentionPolicy="7d"),
        "the_cluster_of_servers_loses_nothing",
    ),
    "standbys that nobody reads": (
        lambda m: box(m, WEB).pop("env"),
        "the_database_has_its_names",
    ),
    "restore on the node's disk": (unpack_on_the_node, "restores_have_room"),
    "database that outgrows its drills": (
        lambda m: cluster(m)["storage"].update(size="200Gi"),
        "restores_have_room",
    ),
    "readers of old data": (lambda m: cluster(m).pop("probes"), "the_database_has_its_names"),
}
