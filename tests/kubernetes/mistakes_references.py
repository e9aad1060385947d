"""Mistakes in names, each with the rule that must see it (rules_references.py)."""

from tests.kubernetes.parts import WEB, box, drop, pod, set_config, spec


def other_label(manifests):
    manifests.workload(WEB).labels["app.kubernetes.io/name"] = "web"


def unmount(manifests):
    box(manifests, WEB)["volumeMounts"][0]["name"] = "elsewhere"


DEV = {
    "labels that the selector lacks": (other_label, "selectors_fit_their_pods"),
    "Service of nobody": (
        lambda m: spec(m, "Service", WEB)["selector"].update({"app.kubernetes.io/name": "webb"}),
        "services_lead_somewhere",
    ),
    "Service with a wrong port": (
        lambda m: spec(m, "Service", WEB)["ports"][0].update(targetPort="htpp"),
        "services_lead_somewhere",
    ),
    "Ingress without TLS": (
        lambda m: spec(m, "Ingress", "crm").update(tls=[]),
        "services_lead_somewhere",
    ),
    "probe of a wrong port": (
        lambda m: box(m, WEB)["readinessProbe"]["httpGet"].update(port=8001),
        "probes_ask_ports_that_exist",
    ),
    "volume that is not mounted": (unmount, "mounts_have_volumes"),
    "account that is not there": (lambda m: drop(m, "ServiceAccount", WEB), "references_resolve"),
    "Secret that nobody makes": (
        lambda m: [
            source["secret"].update(name="crm-secretz")
            for volume in pod(m, WEB)["volumes"]
            for source in volume.get("projected", {}).get("sources", [])[:1]
        ],
        "references_resolve",
    ),
    "file that is not mounted": (
        lambda m: set_config(m, REDIS_URL_FILE="/run/secrets/redis"),
        "files_named_in_settings_are_mounted",
    ),
    "misspelt setting": (lambda m: set_config(m, CRM_TIMEZONE="UTC"), "variables_are_known"),
    "misspelt command": (
        lambda m: box(m, "crm-consumer").update(command=["python", "manage.py", "consume_signal"]),
        "commands_exist",
    ),
    "the same object twice": (
        lambda m: m.docs.append(m.get("Service", WEB)),
        "names_are_unique",
    ),
}
PROD = {
    "uploads on whatever volume": (
        lambda m: spec(m, "PersistentVolumeClaim", "crm-uploads").pop("storageClassName"),
        "shared_volumes_name_their_class",
    ),
    "rules that Prometheus passes by": (
        lambda m: m.get("PrometheusRule", "crm")["metadata"].pop("labels"),
        "prometheus_takes_what_is_for_it",
    ),
    "pods of another Prometheus": (
        lambda m: m.get("PodMonitor", "postgres")["metadata"]["labels"].update(release="other"),
        "prometheus_takes_what_is_for_it",
    ),
}
