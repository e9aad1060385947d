"""Mistakes with secrets, each with the rule that must see it (rules_secrets.py)."""

from tests.kubernetes.parts import WEB, add, box, cluster, pod, set_config


def write_a_password(manifests):
    box(manifests, WEB).setdefault("env", []).append({"name": "POSTGRES_PASSWORD", "value": "x"})


def password_in_a_url(manifests):
    set_config(manifests, DATABASE_URL="postgres://crm:hunter2@postgres/crm")


def secret_in_git(manifests):
    add(manifests, kind="Secret", metadata={"name": "postgres-secret"}, stringData={"A": "b"})


def random_word_in_settings(manifests):
    set_config(manifests, CRM_CURRENCY="hT9x2LqPz7VbN4mKc8RwYs3D")


def secret_into_the_environment(manifests):
    reference = {"secretKeyRef": {"name": "postgres-secret", "key": "POSTGRES_PASSWORD"}}
    box(manifests, WEB).setdefault("env", []).append({"name": "X", "valueFrom": reference})


def secret_file_for_all(manifests):
    for volume in pod(manifests, WEB)["volumes"]:
        volume.get("projected", {})["defaultMode"] = 0o444


DEV = {
    "password as a value": (write_a_password, "secrets_are_references"),
    "password in a URL": (password_in_a_url, "secrets_are_references"),
    "Secret in git": (secret_in_git, "secrets_are_references"),
    "random word in settings": (random_word_in_settings, "secrets_are_references"),
    "secret in the environment": (
        secret_into_the_environment,
        "secret_files_are_for_their_readers",
    ),
    "secret file for all": (
        secret_file_for_all,
        "secret_files_are_for_their_readers",
    ),
    "the key of backups for their writer": (
        lambda m: pod(m, "crm-backup")["volumes"].append(
            {
                "name": "k",
                "secret": {"secretName": "backup-secret", "items": [{"key": "CRM_BACKUP_KEY"}]},
            }
        ),
        "only_drill_and_restore_open_backups",
    ),
    "the owner's login for the web": (
        lambda m: pod(m, WEB)["volumes"][0]["projected"]["sources"].append(
            {"secret": {"name": "postgres-secret"}}
        ),
        "the_application_owns_nothing",
    ),
    "tables without rights": (
        lambda m: box(m, "crm-migrate").update(command=["python", "manage.py", "migrate"]),
        "the_application_owns_nothing",
    ),
}
PROD = {
    "another owner": (
        lambda m: cluster(m)["bootstrap"]["initdb"].update(owner="crm"),
        "the_application_owns_nothing",
    ),
    "a superuser for who writes backups": (
        lambda m: pod(m, "crm-backup")["volumes"].append(
            {"name": "r", "secret": {"secretName": "restore-secret"}}
        ),
        "only_drill_and_restore_open_backups",
    ),
}
