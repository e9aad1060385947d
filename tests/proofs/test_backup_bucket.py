"""Backups in a bucket: a real S3 server that checks keys, dies, and shows no half objects."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from crm_project.backup import bucket, catalogue
from crm_project.backup.errors import DamagedError, TargetError
from crm_project.backup.packing import Keys, new_key
from crm_project.backup.targets import writing
from tests.backup.shop import Shop, names
from tests.backup.small_disks import mounted
from tests.proofs.buckets import Service
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow_proof, pytest.mark.timeout(900)]


def test_what_comes_back_from_a_bucket_is_what_was_there(shop, service):
    keys, target = Keys(new_key()[0]), service.target()
    manifest = shop.back_up(target, keys)

    assert names(target) == [manifest.name]
    found = shop.restore(target, manifest, keys)
    assert (found.differences, found.rows) == ([], 2101)
    catalogue.remove(target, manifest.name)
    assert target.stored() == {}


def test_a_damaged_object_is_refused(shop, service):
    target = service.target()
    manifest = shop.back_up(target)
    with target.read(manifest.file) as stream:
        data = bytearray(stream.read())
    data[len(data) // 2] ^= 1
    client = service.client()
    client.put_object(Bucket="backups", Key=f"crm/{manifest.file}", Body=bytes(data))

    with pytest.raises(DamagedError, match="The file is damaged"):
        shop.restore(target, manifest)
    assert shop.databases() == [shop.name]


def test_a_wrong_key_and_a_missing_bucket_are_said(shop, service):
    with pytest.raises(TargetError, match="refused the access key"):
        shop.back_up(service.target(secret="wrong"))
    with pytest.raises(TargetError):
        shop.back_up(service.target(name="nowhere"))


@pytest.fixture
def shop():
    made = Shop()
    yield made
    made.remove()


@pytest.fixture
def locked(service):
    """A bucket that keeps what it is told to keep; and a writer who means harm."""
    client = service.client()
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    return service.target(name="locked", lock_days=1), client


def test_a_locked_backup_cannot_be_removed_by_us_or_by_its_writer(shop, locked):
    target, client = locked
    manifest = shop.back_up(target)

    with pytest.raises(TargetError, match="It is locked until"):
        catalogue.remove(target, manifest.name)
    for key in (manifest.key, manifest.file):
        for version in client.list_object_versions(Bucket="locked", Prefix=f"crm/{key}")[
            "Versions"
        ]:
            with pytest.raises(ClientError, match="AccessDenied"):
                client.delete_object(
                    Bucket="locked", Key=f"crm/{key}", VersionId=version["VersionId"]
                )
    assert shop.restore(target, manifest).differences == []


def test_what_is_put_on_top_of_a_locked_backup_is_looked_through(shop, locked):
    target, client = locked
    manifest = shop.back_up(target)
    for key in (manifest.key, manifest.file):
        client.put_object(Bucket="locked", Key=f"crm/{key}", Body=b"pay to have it back")
        client.delete_object(Bucket="locked", Key=f"crm/{key}")
    assert "Contents" not in client.list_objects_v2(Bucket="locked", Prefix="crm/")

    assert [entry.problem for entry in catalogue.entries(target)] == [""]
    assert shop.restore(target, catalogue.find(target)).differences == []


def test_a_bucket_without_locks_is_said_and_takes_no_half_backup(shop, service):
    with pytest.raises(TargetError, match="not made with object lock"):
        shop.back_up(service.target(lock_days=1))
    assert names(service.target()) == []


def test_a_backup_whose_lock_is_over_is_removed_with_all_its_versions(shop, locked, monkeypatch):
    target, client = locked
    soon = datetime.now(UTC) + timedelta(seconds=6)
    monkeypatch.setattr(
        type(target),
        "lock",
        lambda self: {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": soon},
    )
    manifest = shop.back_up(target)

    def removed():
        try:
            catalogue.remove(target, manifest.name)
        except TargetError:
            return False
        return True

    wait_until(removed, seconds=60)
    left = client.list_object_versions(Bucket="locked", Prefix="crm/")
    assert "Versions" not in left
    assert "DeleteMarkers" not in left


def test_an_unfinished_backup_that_is_locked_is_said_and_keeps_no_other(locked):
    target, client = locked
    kept, free = (f"crm-20260331T020000Z-0000000{n}.dump.zst" for n in "ab")
    with writing(target, kept) as upload:
        upload.write(b"half")
    client.put_object(Bucket="locked", Key=f"crm/{free}", Body=b"half")

    swept = catalogue.sweep(target, datetime.now(UTC) + timedelta(days=2))

    assert (swept.gone, list(swept.refused)) == ([free], [kept])
    assert "It is locked until" in swept.refused[kept]
    assert list(target.stored()) == [kept]


def test_only_our_own_unfinished_uploads_are_ended(service):
    target, client = service.target(), service.client()
    ours = "crm-20260331T020000Z-0a1b2c3d.dump.zst"
    for key in (ours, "film.mov", f"archive/{ours}"):
        client.create_multipart_upload(Bucket="backups", Key=f"crm/{key}")

    swept = target.sweep(datetime.now(UTC) + timedelta(days=1))

    assert (swept.gone, swept.refused) == ([ours], {})
    left = client.list_multipart_uploads(Bucket="backups", Prefix="crm/")["Uploads"]
    assert {upload["Key"] for upload in left} == {"crm/film.mov", f"crm/archive/{ours}"}


def test_a_service_whose_disk_is_full_is_said_and_shows_no_half(shop, folder):
    shop.run("create table noise as select md5(n::text) from generate_series(1, 1500000) as n")
    with mounted(folder / "disk", 20 * 1024) as disk:
        service = Service(disk / "weed").start()
        try:
            service.make("backups")
            with pytest.raises(TargetError, match="whether its disk is full"):
                shop.back_up(service.target())
            assert service.target().stored() == {}
        finally:
            service.program.kill()


def test_a_service_that_dies_on_the_way_leaves_no_backup(shop, service, monkeypatch):
    monkeypatch.setattr(bucket, "PART_BYTES", 5 * 1024 * 1024)
    target = service.target()

    def die(done, total, words):
        if service.program is not None:
            service.program.kill()

    with pytest.raises(TargetError, match="cannot be reached"):
        shop.back_up(target, told=die)
    assert names(service.start().target()) == []
