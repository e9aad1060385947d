"""Parts of manifests by name, for tests that break them."""

WEB, WORKER, BEAT = "crm-web", "crm-worker", "crm-beat"


def pod(manifests, name):
    return manifests.workload(name).pod


def box(manifests, name):
    return pod(manifests, name)["containers"][0]


def spec(manifests, kind, name):
    return manifests.get(kind, name)["spec"]


def cluster(manifests):
    return spec(manifests, "Cluster", "postgres")


def policy(manifests, name):
    return spec(manifests, "NetworkPolicy", name)


def add(manifests, **doc):
    doc["metadata"] = {"namespace": "crm-rfm", **doc["metadata"]}
    manifests.docs.append(doc)


def drop(manifests, kind, name):
    manifests.docs.remove(manifests.get(kind, name))


def set_config(manifests, **data):
    for doc in manifests.kind("ConfigMap"):
        if doc["metadata"]["name"].startswith("crm-config"):
            doc["data"] |= data


def set_env(manifests, name, **given):
    """Give other values to variables that a workload's container has."""
    variables = {one["name"]: one for one in box(manifests, name)["env"]}
    for key, value in given.items():
        variables[key]["value"] = value


def change_file(manifests, name, old, new):
    """Replace text in a file of a ConfigMap."""
    for doc in manifests.kind("ConfigMap"):
        if name in doc.get("data", {}):
            assert old in doc["data"][name]
            doc["data"][name] = doc["data"][name].replace(old, new)
