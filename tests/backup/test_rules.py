"""What needs no database: names and ages, seals, words."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from crm_project.backup import packing
from crm_project.backup.errors import BackupError, DamagedError, TargetError, WrongKeyError
from crm_project.backup.folder import FolderTarget
from crm_project.backup.manifest import Contents, Manifest, TableFacts, differences
from crm_project.backup.packing import Keys, pack, unpack
from crm_project.backup.retention import expired
from crm_project.backup.targets import S3Options, open_target, writing

NOW = datetime(2026, 3, 31, 2, 0, tzinfo=UTC)


@dataclass
class Copy:
    name: str
    created_at: datetime


def copies(*days):
    return [Copy(f"b{n}", NOW - timedelta(days=age)) for n, age in enumerate(days)]


class TestRetention:
    def test_thirty_days_stay_and_a_second_more_goes(self):
        old = [*copies(0, 30), Copy("over", NOW - timedelta(days=30, seconds=1))]
        assert expired(old, now=NOW, keep_days=30) == ["over"]

    def test_the_last_good_one_stays_however_old_it_is(self):
        assert expired(copies(400, 300), now=NOW, keep_days=30) == ["b0"]
        assert expired(copies(300), now=NOW, keep_days=30) == []
        assert expired([], now=NOW, keep_days=30) == []

    def test_what_a_drill_proved_stays(self):
        assert expired(copies(40, 50, 1), now=NOW, keep_days=30, keep={"b1"}) == ["b0"]


def contents(**changes):
    usual = {
        "tables": {"public.t": TableFacts(2, "5")},
        "sequences": {"public.s": 7},
        "objects": {"indexes": "3 abc"},
    }
    return Contents(**{**usual, **changes})


class TestDifferences:
    def test_the_same_has_none_and_a_sequence_may_be_further_on(self):
        assert differences(contents(), contents(sequences={"public.s": 9})) == []

    @pytest.mark.parametrize(
        ("found", "words"),
        [
            ({"tables": {}}, "Table public.t is missing."),
            ({"tables": {"public.t": TableFacts(1, "5")}}, "Table public.t has 1 rows, not 2."),
            ({"tables": {"public.t": TableFacts(2, "6")}}, "has as many rows, but not the same."),
            ({"sequences": {"public.s": 6}}, "Sequence public.s would give numbers again"),
            ({"sequences": {}}, "Sequence public.s would give numbers again"),
            ({"objects": {"indexes": "2 xyz"}}, "The indexes are others than they were (2 of 3)."),
        ],
    )
    def test_each_kind_is_told_in_words(self, found, words):
        (said,) = differences(contents(), contents(**found))
        assert words in said

    def test_a_table_that_was_not_there_is_told(self):
        more = {"public.t": TableFacts(2, "5"), "public.u": TableFacts(0, "0")}
        assert differences(contents(), contents(tables=more)) == ["Table public.u is new."]


def manifest():
    return Manifest(
        name="crm-20260331T020000Z-0a1b2c3d",
        created_at=NOW,
        database="crm",
        database_bytes=10,
        file="crm-20260331T020000Z-0a1b2c3d.dump.zst",
        file_bytes=3,
        dump_bytes=4,
        sha256="ab",
        recipients=[],
        locale={"encoding": "UTF8"},
        roles=["crm"],
        versions={"server": "18.6"},
        migrations={"common": "0006"},
        seconds=1.5,
        contents=contents(),
    )


class TestManifest:
    def test_what_is_written_is_read_again(self):
        text = manifest().to_bytes()
        assert Manifest.from_bytes(text, key="k") == manifest()

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            (b'"rows": 2', b'"rows": 3', "its seal does not match"),
            (b'"format": 1', b'"format": 2', "has format 2"),
            (b'"seal"', b'"sela"', "it is damaged"),
            (b"{", b"", "it is damaged"),
        ],
    )
    def test_a_changed_one_is_refused(self, old, new, words):
        text = manifest().to_bytes().replace(old, new, 1)
        with pytest.raises(DamagedError, match=words):
            Manifest.from_bytes(text, key="k")


DUMP = b"Ada Lovelace, 12 Some Street. " * 50_000


def packed(folder, keys):
    target = FolderTarget(folder)
    with writing(target, "file") as upload:
        done = pack(BytesIO(DUMP), upload, keys.addressees(), lambda size: None)
    return target, done


def opened(target, done, keys, *, encrypted):
    out = BytesIO()
    with target.read("file") as stream:
        unpack(stream, out, sha256=done.sha256, encrypted=encrypted, keys=keys)
    return out.getvalue()


class TestPacking:
    @pytest.mark.parametrize("encrypted", [True, False])
    def test_what_goes_in_comes_out(self, tmp_path, encrypted):
        keys = Keys(packing.new_key()[0] if encrypted else "")
        target, done = packed(tmp_path, keys)
        assert done.dump_bytes == len(DUMP)
        assert done.file_bytes == (tmp_path / "file").stat().st_size < len(DUMP) / 10
        assert opened(target, done, keys, encrypted=encrypted) == DUMP

    def test_who_has_only_the_public_key_cannot_read_what_they_made(self, tmp_path):
        secret, public = packing.new_key()
        target, done = packed(tmp_path, Keys(recipients=(public,)))
        with pytest.raises(WrongKeyError, match="Set CRM_BACKUP_KEY"):
            opened(target, done, Keys(recipients=(public,)), encrypted=True)
        assert opened(target, done, Keys(secret), encrypted=True) == DUMP

    def test_another_key_is_told_from_damage(self, tmp_path):
        target, done = packed(tmp_path, Keys(packing.new_key()[0]))
        with pytest.raises(WrongKeyError, match="not the key of this backup"):
            opened(target, done, Keys(packing.new_key()[0]), encrypted=True)

    @pytest.mark.parametrize("encrypted", [True, False])
    @pytest.mark.parametrize("place", [0, 3, 100, -1])
    def test_one_wrong_bit_anywhere_is_found(self, tmp_path, encrypted, place):
        keys = Keys(packing.new_key()[0] if encrypted else "")
        target, done = packed(tmp_path, keys)
        data = bytearray((tmp_path / "file").read_bytes())
        data[place] ^= 1
        (tmp_path / "file").write_bytes(data)
        with pytest.raises(DamagedError, match="SHA-256"):
            opened(target, done, keys, encrypted=encrypted)

    @pytest.mark.parametrize("encrypted", [True, False])
    def test_a_file_that_ends_early_is_found(self, tmp_path, encrypted):
        keys = Keys(packing.new_key()[0] if encrypted else "")
        target, done = packed(tmp_path, keys)
        os_file = tmp_path / "file"
        os_file.write_bytes(os_file.read_bytes()[:-20])
        with pytest.raises(DamagedError, match="SHA-256"):
            opened(target, done, keys, encrypted=encrypted)

    def test_the_file_of_age_keygen_is_a_key(self, tmp_path):
        secret, public = packing.new_key()
        file = f"# created: 2026-11-22T02:00:00Z\n# public key: {public}\n{secret}\n"
        assert Keys(file).public() == [public]
        target, done = packed(tmp_path, Keys(recipients=(public,)))
        assert opened(target, done, Keys(file), encrypted=True) == DUMP

    @pytest.mark.parametrize("between", [",", ", ", "\n"])
    def test_an_older_key_still_opens_what_was_made_for_it(self, tmp_path, between):
        (new, public), (old, _) = packing.new_key(), packing.new_key()
        target, done = packed(tmp_path, Keys(old))
        both = Keys(f"{new}{between}{old}")
        assert both.public() == [public]
        assert opened(target, done, both, encrypted=True) == DUMP

    @pytest.mark.parametrize("keys", [Keys("nonsense"), Keys(recipients=("age1nonsense",))])
    def test_what_is_no_key_is_said(self, keys):
        with pytest.raises(WrongKeyError, match="age"):
            keys.addressees()


class TestTargets:
    @pytest.mark.parametrize(
        "url", ["", "/folder", "file://folder", "ftp://h/x", "s3:///x", "s3://key@bucket"]
    )
    def test_a_wrong_url_is_refused_without_repeating_what_may_be_secret(self, url):
        with pytest.raises(BackupError, match="no place for backups") as caught:
            open_target(url)
        assert "key@" not in str(caught.value)

    def test_a_folder_whose_disk_is_not_mounted_is_not_made(self, tmp_path):
        target = open_target(f"file://{tmp_path}/not-mounted/backups")
        with pytest.raises(TargetError, match=r"Is its disk mounted\?"):
            target.stored()
        assert list(tmp_path.iterdir()) == []

    def test_a_bucket_that_does_not_answer_is_said(self):
        options = S3Options("http://127.0.0.1:9", "key", "secret")
        target = open_target("s3://bucket/prefix", options)
        with pytest.raises(TargetError, match=r"The bucket bucket at .* cannot be reached"):
            target.free_bytes()

    def test_nothing_is_seen_of_a_write_that_fails(self, tmp_path):
        target = FolderTarget(tmp_path)

        def write_half():
            with writing(target, "key") as upload:
                upload.write(b"half")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            write_half()
        assert list(tmp_path.iterdir()) == []

    def test_what_a_killed_process_left_is_swept_later(self, tmp_path):
        target = FolderTarget(tmp_path)
        died = target.start("key")
        died.write(b"half")
        assert target.stored() == {}
        assert target.sweep(datetime.now(UTC) - timedelta(hours=1)).gone == []
        assert len(target.sweep(datetime.now(UTC) + timedelta(hours=1)).gone) == 1
        assert list(tmp_path.iterdir()) == []
        died.abort()
