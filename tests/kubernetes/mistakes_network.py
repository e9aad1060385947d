"""Mistakes in who may talk to whom, each with the rule that must see it (rules_network.py)."""

from tests.kubernetes.parts import drop, policy


def whole_namespace(manifests):
    policy(manifests, "database")["ingress"][0]["from"].append(
        {"namespaceSelector": {"matchLabels": {"component": "crm"}}}
    )


def queue_for_backups(manifests):
    out = policy(manifests, "ask-the-queue")["podSelector"]
    into = policy(manifests, "queue")["ingress"][0]["from"][0]["podSelector"]
    for selector in (out, into):
        selector["matchExpressions"][0]["values"].append("backup")


DEV = {
    "open by default": (
        lambda m: drop(m, "NetworkPolicy", "default-deny"),
        "everything_is_shut_first",
    ),
    "no names": (
        lambda m: drop(m, "NetworkPolicy", "everybody-asks-for-names"),
        "names_can_be_asked_for",
    ),
    "a whole namespace to the database": (whole_namespace, "selectors_find_pods"),
    "policy about nobody": (
        lambda m: policy(m, "web").update(podSelector={"matchLabels": {"app": "web"}}),
        "selectors_find_pods",
    ),
    "every port": (
        lambda m: policy(m, "database")["ingress"][0].pop("ports"),
        "every_opening_is_narrow",
    ),
    "everybody": (
        lambda m: policy(m, "database")["ingress"][0].pop("from"),
        "every_opening_is_narrow",
    ),
    "a way out for one only": (
        lambda m: drop(m, "NetworkPolicy", "ask-the-database"),
        "servers_are_reached_by_those_who_need_them",
    ),
    "the queue for backups": (
        queue_for_backups,
        "servers_are_reached_by_those_who_need_them",
    ),
}
PROD = {
    "authority that nobody answers": (
        lambda m: drop(m, "NetworkPolicy", "acme-solver"),
        "authorities_are_answered",
    ),
    "answers on another port": (
        lambda m: policy(m, "acme-solver")["ingress"][0]["ports"][0].update(port=80),
        "authorities_are_answered",
    ),
    "site behind another controller": (
        lambda m: policy(m, "web")["ingress"][0]["from"][0]["podSelector"].update(
            matchLabels={"app.kubernetes.io/name": "traefik-inside"}
        ),
        "authorities_are_answered",
    ),
    "way to the cloud's metadata": (
        lambda m: policy(m, "backups-leave")["egress"][0]["to"][0]["ipBlock"].pop("except"),
        "every_opening_is_narrow",
    ),
}
