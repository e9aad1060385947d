"""Rules about the database: its volumes outlive its pods, its names, and what a failover loses."""

from tests.kubernetes.manifests import Manifests, Workload, bytes_of


def volumes_outlive_their_pods(all_of: Manifests):
    """14: one writer, kept when the StatefulSet goes; the log of the database lies apart."""
    for one in all_of.workloads():
        if one.kind != "StatefulSet":
            continue
        kept = one.spec.get("persistentVolumeClaimRetentionPolicy", {})
        if kept != {"whenDeleted": "Retain", "whenScaled": "Retain"}:
            yield f"{one.title} takes its data with it"
        if not one.claims:
            yield f"{one.title} has no volume"
        for name, claim in one.claims.items():
            if claim["spec"]["accessModes"] != ["ReadWriteOncePod"]:
                yield f"{one.title}: two pods could write to {name}"
        if one.component == "database" and len(one.claims) < 2:
            yield f"{one.title}: data and log lie on one volume"
    for doc in all_of.kind("Cluster"):
        if "walStorage" not in doc["spec"]:
            yield "Cluster: data and log lie on one volume"


def the_database_has_its_names(all_of: Manifests):
    """15: postgres for writing, postgres-ro for readers that bear a lag, one name per server."""
    if clusters := all_of.kind("Cluster"):
        services = clusters[0]["spec"].get("managed", {}).get("services", {}).get("additional", [])
        names = {
            one["serviceTemplate"]["metadata"]["name"]: one["selectorType"] for one in services
        }
        if clusters[0]["metadata"]["name"] != "postgres" or names.get("postgres") != "rw":
            yield "There is no Service postgres that leads to the primary"
        if "maximumLag" not in clusters[0]["spec"].get("probes", {}).get("readiness", {}):
            yield "postgres-ro leads to standbys that are far behind"
        web = all_of.workload("crm-web").pod["containers"][0]
        if {"name": "POSTGRES_REPLICA_HOST", "value": "postgres-ro"} not in web.get("env", []):
            yield "Nobody reads from the standbys"
        return
    if not {"postgres", "postgres-ro", "postgres-headless"} <= all_of.names("Service"):
        yield "A Service of the database is missing"


def the_cluster_of_servers_loses_nothing(all_of: Manifests):
    """16: three, one of which always has what was acknowledged; archived; only over TLS."""
    for doc in all_of.kind("Cluster"):
        spec = doc["spec"]
        if spec["instances"] < 3 or not spec.get("enablePDB"):
            yield "Cluster: fewer than three servers, or drained all at once"
        if spec["postgresql"].get("synchronous") != {
            "method": "any",
            "number": 1,
            "dataDurability": "required",
            "failoverQuorum": True,
        }:
            yield "Cluster: a commit may be lost in a failover"
        rules = spec["postgresql"].get("pg_hba", [])
        first = [line.split()[0] for line in rules]
        if first != ["hostssl", "hostnossl"] or not rules[1].endswith("reject"):
            yield "Cluster takes connections without TLS"
        if spec["postgresql"]["parameters"].get("archive_timeout") != "60s":
            yield "Cluster: more than a minute may be lost with the site"
        if not any(plugin.get("isWALArchiver") for plugin in spec.get("plugins", [])):
            yield "Cluster archives nothing"
        if spec.get("enableSuperuserAccess"):
            yield "Cluster has a superuser with a password"
        if "barmanObjectStore" in spec.get("backup", {}):
            yield "Cluster uses the archive that the operator has given up"
        base = [one for one in all_of.kind("ScheduledBackup") if one["spec"]["method"] == "plugin"]
        if not base or len(base[0]["spec"]["schedule"].split()) != 6:
            yield "Cluster has no base backup to go back to"
        stores = {one["metadata"]["name"]: one["spec"] for one in all_of.kind("ObjectStore")}
        for plugin in spec.get("plugins", []):
            store = stores.get(plugin["parameters"]["barmanObjectName"], {})
            if store.get("retentionPolicy") != "30d":
                yield "The archive does not reach back 30 days"


def _work_volume(one: Workload):
    """Return the volume in which a drill or a restore unpacks, if the pod does either."""
    main = one.pod["containers"][0]
    env = {variable["name"]: variable.get("value") for variable in main.get("env", [])}
    place = env.get("CRM_BACKUP_WORK_DIR")
    names = [mount["name"] for mount in main["volumeMounts"] if mount["mountPath"] == place]
    return next((volume for volume in one.pod["volumes"] if volume["name"] in names), None)


def restores_have_room(all_of: Manifests):
    """16: what is restored is unpacked on a volume as large as the database may grow."""
    for doc in all_of.kind("Cluster"):
        needed = doc["spec"]["storage"]["size"]
        for one in all_of.workloads():
            if (volume := _work_volume(one)) is None:
                continue
            claim = volume.get("ephemeral", {}).get("volumeClaimTemplate", {}).get("spec")
            if claim is None:
                yield f"{one.title} unpacks on the node, and is evicted when it takes too much"
            elif bytes_of(claim["resources"]["requests"]["storage"]) < bytes_of(needed):
                yield f"{one.title} has less room than the database's {needed}"


RULES = (
    volumes_outlive_their_pods,
    the_database_has_its_names,
    the_cluster_of_servers_loses_nothing,
    restores_have_room,
)
