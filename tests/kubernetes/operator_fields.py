"""The fields of operators' objects that we use, in our own words: anything else is a typing error.

Kubernetes' own schemas do not know these kinds, and no package of a registry carries all of them.
Names, kinds of values and choices are those of the operators' references, looked up in November
2026. A field that we begin to use is added here after a look there. An API server ignores or
refuses what it does not know: a ``walstorage`` would leave the log on the volume of the data, and
nobody would hear of it.
"""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
YES_OR_NO: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer", "minimum": 0}
NUMBER_OR_TEXT: Schema = {"anyOf": [NUMBER, TEXT]}
LABELS: Schema = {"type": "object", "additionalProperties": TEXT}
# PostgreSQL's own parameters, and those of plugins: words, also where they look like numbers.
PARAMETERS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
ANYTHING: Schema = {"type": "object"}
# As Prometheus and Go write spans of time; a size as Kubernetes does.
SPAN: Schema = {"type": "string", "pattern": r"^(\d+(ms|s|m|h|d))+$"}
HOURS: Schema = {"type": "string", "pattern": r"^(\d+(h|m|s))+$"}
SIZE: Schema = {"type": "string", "pattern": r"^\d+([KMGT]i)?$"}


def only(needed: str = "", /, **fields: Schema) -> Schema:
    """Return what an object may have: these fields and no others, of which some must be there."""
    return {
        "type": "object",
        "properties": fields,
        "required": needed.split(),
        "additionalProperties": False,
    }


def several(one: Schema) -> Schema:
    return {"type": "array", "items": one, "minItems": 1}


def choice(*words: str) -> Schema:
    return {"enum": [*words]}


def since(version: str, schema: Schema) -> Schema:
    """Note which version of its operator a field needs; what every supported one has says none."""
    return {**schema, "since": version}


NAME = only("name", name=TEXT)
KEY = only("name key", name=TEXT, key=TEXT)
META = only("name", name=TEXT, namespace=TEXT, labels=LABELS, annotations=LABELS)
SELECTOR = only(matchLabels=LABELS)
STORAGE = only("size", size=SIZE, storageClass=TEXT, resizeInUseVolumes=YES_OR_NO)

CLUSTER = only(
    "instances storage",
    instances={"type": "integer", "minimum": 1},
    imageName=TEXT,
    inheritedMetadata=only(labels=LABELS, annotations=LABELS),
    enableSuperuserAccess=YES_OR_NO,
    enablePDB=YES_OR_NO,
    bootstrap=only(
        initdb=only(
            "database owner",
            database=TEXT,
            owner=TEXT,
            secret=NAME,
            dataChecksums=YES_OR_NO,
            postInitApplicationSQL=several(TEXT),
        )
    ),
    managed=only(
        roles=several(
            only(
                "name",
                name=TEXT,
                ensure=choice("present", "absent"),
                login=YES_OR_NO,
                superuser=YES_OR_NO,
                connectionLimit={"type": "integer"},
                passwordSecret=NAME,
            )
        ),
        services=only(
            additional=several(
                only(
                    "selectorType serviceTemplate",
                    selectorType=choice("rw", "r", "ro"),
                    serviceTemplate=only(metadata=META, spec=ANYTHING),
                )
            )
        ),
    ),
    certificates=only(serverAltDNSNames=several(TEXT)),
    postgresql=only(
        parameters=PARAMETERS,
        pg_hba=several(TEXT),
        synchronous=only(
            "method number",
            method=choice("any", "first"),
            number=NUMBER,
            dataDurability=choice("required", "preferred"),
            # Before, an annotation; and an older operator drops the field without a word.
            failoverQuorum=since("1.28", YES_OR_NO),
        ),
    ),
    probes=only(
        readiness=since(
            "1.26",
            only(type=choice("pg_isready", "streaming", "query"), maximumLag=NUMBER_OR_TEXT),
        )
    ),
    affinity=only(
        enablePodAntiAffinity=YES_OR_NO,
        podAntiAffinityType=choice("preferred", "required"),
        topologyKey=TEXT,
    ),
    topologySpreadConstraints=several(
        only(
            "maxSkew topologyKey whenUnsatisfiable",
            maxSkew={"type": "integer", "minimum": 1},
            topologyKey=TEXT,
            whenUnsatisfiable=choice("DoNotSchedule", "ScheduleAnyway"),
            labelSelector=SELECTOR,
        )
    ),
    resources=only(requests=LABELS, limits=LABELS),
    storage=STORAGE,
    walStorage=STORAGE,
    stopDelay=NUMBER,
    smartShutdownTimeout=NUMBER,
    switchoverDelay=NUMBER,
    plugins=several(only("name", name=TEXT, isWALArchiver=YES_OR_NO, parameters=PARAMETERS)),
)
SCHEDULED_BACKUP = only(
    "cluster schedule",
    cluster=NAME,
    schedule=TEXT,
    suspend=YES_OR_NO,
    immediate=YES_OR_NO,
    backupOwnerReference=choice("none", "self", "cluster"),
    target=choice("primary", "prefer-standby"),
    method=choice("barmanObjectStore", "volumeSnapshot", "plugin"),
    pluginConfiguration=only("name", name=TEXT, parameters=PARAMETERS),
)
OBJECT_STORE = only(
    "configuration",
    retentionPolicy={"type": "string", "pattern": r"^[1-9]\d*[dwm]$"},
    configuration=only(
        "destinationPath",
        destinationPath=TEXT,
        endpointURL=TEXT,
        endpointCA=KEY,
        s3Credentials=only(accessKeyId=KEY, secretAccessKey=KEY, region=KEY),
        wal=only(
            compression=choice("bzip2", "gzip", "lz4", "snappy", "xz", "zstd"), maxParallel=NUMBER
        ),
        data=only(compression=choice("bzip2", "gzip", "snappy"), jobs=NUMBER),
    ),
)
CERTIFICATE = only(
    "secretName issuerRef",
    secretName=TEXT,
    issuerRef=only("name", name=TEXT, kind=choice("Issuer", "ClusterIssuer"), group=TEXT),
    isCA=YES_OR_NO,
    commonName={"type": "string", "minLength": 1, "maxLength": 64},
    dnsNames=several(TEXT),
    duration=HOURS,
    renewBefore=HOURS,
    privateKey=only(
        algorithm=choice("RSA", "ECDSA", "Ed25519"),
        size={"enum": [256, 384, 521, 2048, 4096, 8192]},
        rotationPolicy=choice("Never", "Always"),
    ),
)
ISSUER = {**only(selfSigned=only(), ca=only("secretName", secretName=TEXT)), "minProperties": 1}
EXTERNAL_SECRET = only(
    "secretStoreRef target data",
    refreshInterval=HOURS,
    secretStoreRef=only("name", name=TEXT, kind=choice("SecretStore", "ClusterSecretStore")),
    target=only(
        "name", name=TEXT, template=only("data", type=TEXT, data=PARAMETERS, metadata=ANYTHING)
    ),
    data=several(
        only(
            "secretKey remoteRef",
            secretKey=TEXT,
            remoteRef=only("key", key=TEXT, property=TEXT, version=TEXT),
        )
    ),
)
POD_MONITOR = only(
    "selector podMetricsEndpoints",
    selector=SELECTOR,
    podMetricsEndpoints=several(
        only(
            "port",
            port=TEXT,
            path=TEXT,
            interval=SPAN,
            scrapeTimeout=SPAN,
            scheme=choice("http", "https"),
            authorization=only("credentials", type=TEXT, credentials=KEY),
        )
    ),
)
PROMETHEUS_RULE = only(
    "groups",
    groups=several(
        only(
            "name rules",
            name=TEXT,
            interval=SPAN,
            rules=several(
                {
                    **only(
                        "expr alert",
                        alert=TEXT,
                        expr=TEXT,
                        keep_firing_for=SPAN,
                        labels=LABELS,
                        annotations=LABELS,
                        **{"for": SPAN},
                    )
                }
            ),
        )
    ),
)

GROUPS: dict[str, tuple[str, Schema]] = {
    "Certificate": ("cert-manager.io/v1", CERTIFICATE),
    "Cluster": ("postgresql.cnpg.io/v1", CLUSTER),
    "ExternalSecret": ("external-secrets.io/v1", EXTERNAL_SECRET),
    "Issuer": ("cert-manager.io/v1", ISSUER),
    "ObjectStore": ("barmancloud.cnpg.io/v1", OBJECT_STORE),
    "PodMonitor": ("monitoring.coreos.com/v1", POD_MONITOR),
    "PrometheusRule": ("monitoring.coreos.com/v1", PROMETHEUS_RULE),
    "ScheduledBackup": ("postgresql.cnpg.io/v1", SCHEDULED_BACKUP),
}
"""Of each kind: the version of its API, and what its ``spec`` may hold."""


def versions(schema: Schema, value: Any) -> set[str]:
    """Return the versions of the operator that the fields of a document need."""
    found = {schema["since"]} if "since" in schema else set()
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found |= {v for key in value.keys() & known for v in versions(known[key], value[key])}
    if isinstance(value, list):
        found |= {v for one in value for v in versions(schema.get("items", {}), one)}
    return found


def schema_of(kind: str) -> Schema:
    version, spec = GROUPS[kind]
    return only(
        "apiVersion kind metadata spec",
        apiVersion={"const": version},
        kind={"const": kind},
        metadata=META,
        spec=spec,
    )
