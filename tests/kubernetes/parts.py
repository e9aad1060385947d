"""Parts of manifests by name, for tests that break them."""


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


def set_config(manifests, **data):
    for doc in manifests.kind("ConfigMap"):
        if doc["metadata"]["name"].startswith("crm-config"):
            doc["data"] |= data
