"""Rules about who may talk to whom, and the answer itself for any two pods."""

from typing import Any

from tests.kubernetes.manifests import COMPONENT, SOLVER, STRANGERS, Manifests, selects

MAY_ASK_THE_DATABASE = {"web", "consumer", "worker", "beat", "migrate", "backup", "database"}
MAY_ASK_THE_QUEUE = {"web", "consumer", "worker", "beat"}
MONITORING = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
DATABASE, QUEUE, ANSWERS = 5432, 6379, 8089


def _peers(policy: dict[str, Any]):
    for way, key in (("ingress", "from"), ("egress", "to")):
        for rule in policy["spec"].get(way, []):
            if not rule.get(key):
                yield way, {}, rule
            for peer in rule.get(key, []):
                yield way, peer, rule


def everything_is_shut_first(all_of: Manifests):
    """10: a policy for all pods that allows nothing, in both directions."""
    shut = [
        doc
        for doc in all_of.kind("NetworkPolicy")
        if doc["spec"]["podSelector"] == {}
        and set(doc["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        and not doc["spec"].get("ingress")
        and not doc["spec"].get("egress")
    ]
    if not shut:
        yield "What no policy names is open"


def names_can_be_asked_for(all_of: Manifests):
    """10: without DNS nothing finds anything."""
    for doc in all_of.kind("NetworkPolicy"):
        ports = [
            (port.get("protocol"), port.get("port"))
            for rule in doc["spec"].get("egress", [])
            for port in rule.get("ports", [])
        ]
        if doc["spec"]["podSelector"] == {} and {("UDP", 53), ("TCP", 53)} <= set(ports):
            return
    yield "Nobody may ask for names"


def selectors_find_pods(all_of: Manifests):
    """10: a policy for pods that do not exist protects nobody; a namespace alone is too many."""
    pods = all_of.pods().values()
    for doc in all_of.kind("NetworkPolicy"):
        name = doc["metadata"]["name"]
        if not any(selects(doc["spec"]["podSelector"], labels) for labels in pods):
            yield f"NetworkPolicy {name} is about no pod"
        for way, peer, _ in _peers(doc):
            if "namespaceSelector" in peer:
                if not peer.get("podSelector"):
                    yield f"NetworkPolicy {name} lets a whole namespace through"
                elif not _stranger(peer):
                    yield f"NetworkPolicy {name} names pods of a namespace that nobody knows"
            elif "podSelector" in peer:
                if peer["podSelector"] == {} or not any(
                    selects(peer["podSelector"], labels) for labels in pods
                ):
                    yield f"NetworkPolicy {name}: {way} with no pod, or with all"


def _stranger(peer: dict[str, Any]) -> bool:
    spaces = peer["namespaceSelector"].get("matchLabels", {})
    labels = peer["podSelector"].get("matchLabels", {})
    return any(
        spaces == {"kubernetes.io/metadata.name": space} and labels == {key: value}
        for space, key, value in STRANGERS
    )


def every_opening_is_narrow(all_of: Manifests):
    """10: each opening names its ports and its peers; from outside only to the web servers."""
    for doc in all_of.kind("NetworkPolicy"):
        name = doc["metadata"]["name"]
        for way, peer, rule in _peers(doc):
            if not rule.get("ports"):
                yield f"NetworkPolicy {name}: {way} on every port"
            if not peer:
                yield f"NetworkPolicy {name}: {way} with everybody"
            if "ipBlock" in peer and way == "ingress":
                yield f"NetworkPolicy {name} is open to addresses outside"
            if "ipBlock" in peer and "169.254.0.0/16" not in peer["ipBlock"].get("except", []):
                yield f"NetworkPolicy {name} reaches the metadata of the cloud"


def allowed(all_of: Manifests, source: dict[str, str], target: dict[str, str], port: int) -> bool:
    """Tell whether policies let one pod connect to another: out of the one and into the other."""
    return _opens(all_of, "egress", "to", source, target, port) and _opens(
        all_of, "ingress", "from", target, source, port
    )


def _opens(all_of: Manifests, way: str, key: str, me: dict, other: dict, port: int) -> bool:
    mine = [
        doc["spec"]
        for doc in all_of.kind("NetworkPolicy")
        if selects(doc["spec"]["podSelector"], me) and way.title() in doc["spec"]["policyTypes"]
    ]
    return not mine or any(
        any(wanted["port"] == port for wanted in rule.get("ports", [{"port": port}]))
        and any(
            "podSelector" in peer
            and "namespaceSelector" not in peer
            and selects(peer["podSelector"], other)
            for peer in rule.get(key, [])
        )
        for spec in mine
        for rule in spec.get(way, [])
    )


def servers_are_reached_by_those_who_need_them(all_of: Manifests):
    """10: database and queue answer exactly the components that work with them."""
    pods = all_of.pods()
    for place, port, welcome in (
        ("database", DATABASE, MAY_ASK_THE_DATABASE),
        ("queue", QUEUE, MAY_ASK_THE_QUEUE),
    ):
        servers = [labels for labels in pods.values() if labels.get(COMPONENT) == place]
        if not servers:
            yield f"There is no {place}"
        for title, labels in pods.items():
            may = labels.get(COMPONENT) in welcome
            reaches = all(allowed(all_of, labels, server, port) for server in servers)
            if title.startswith("StatefulSet") and labels.get(COMPONENT) == place:
                continue
            if may != reaches:
                yield f"{title} {'cannot' if may else 'can'} reach the {place}"


def authorities_are_answered(all_of: Manifests):
    """10: who leads people to the site leads an authority to what proves its name."""
    if not all_of.from_the_internet():
        return
    web = {"app.kubernetes.io/name": "crm-web", COMPONENT: "web"}
    doors = [peer for peer, _ in _let_in(all_of, web) if peer["namespaceSelector"] != MONITORING]
    found = list(_let_in(all_of, SOLVER))
    if not doors or not all((peer, ANSWERS) in found for peer in doors):
        yield "cert-manager's solver is not reached: no certificate is made or renewed"
    if any(peer not in doors or port != ANSWERS for peer, port in found):
        yield "cert-manager's solver is reached by others"


def _let_in(all_of: Manifests, labels: dict[str, str]):
    """Yield (peer, port) of what may connect to a pod."""
    for doc in all_of.kind("NetworkPolicy"):
        if selects(doc["spec"]["podSelector"], labels):
            for rule in doc["spec"].get("ingress", []):
                for peer in rule["from"]:
                    yield from ((peer, port["port"]) for port in rule["ports"])


RULES = (
    everything_is_shut_first,
    names_can_be_asked_for,
    selectors_find_pods,
    every_opening_is_narrow,
    servers_are_reached_by_those_who_need_them,
    authorities_are_answered,
)
