"""The disk of the power cut tests: an ordinary one, until its power is cut."""

import os
import random

import pytest

fuse = pytest.importorskip("fuse", reason="fusepy or libfuse 2 is missing", exc_type=OSError)

from tests.proofs.forgetful_disk import VolatileFile  # noqa: E402 - it needs fuse

LENGTH = 30_000


def some_bytes(chance, length):
    return bytes([chance.randrange(1, 256)]) * length


def change(chance, file, shadow):
    """Do one thing to the file and to a plain copy of what it should hold."""
    offset = chance.randrange(LENGTH)
    if chance.random() < 0.2:
        file.truncate(offset)
        shadow[:] = shadow[:offset].ljust(offset, b"\0")
        return
    data = some_bytes(chance, chance.randrange(10_000))
    for number in file.write(data, offset):
        if file.early and chance.random() < 0.3:
            file.write_early(number)
    if data:
        shadow[:] = shadow.ljust(offset, b"\0")
        shadow[offset : offset + len(data)] = data


class TestVolatileFile:
    @pytest.mark.parametrize("seed", range(20))
    def test_it_holds_what_was_written_and_keeps_what_was_synced(self, tmp_path, seed):
        chance, path = random.Random(seed), tmp_path / "file"
        path.write_bytes(some_bytes(chance, chance.randrange(LENGTH)))
        file, shadow = VolatileFile(str(path)), bytearray(path.read_bytes())
        file.early = False

        for _ in range(60):
            change(chance, file, shadow)
            assert file.size == len(shadow)
            assert file.read(2 * LENGTH, 0) == shadow
            offset, size = chance.randrange(LENGTH), chance.randrange(9_000)
            assert file.read(size, offset) == shadow[offset : offset + size]
            if chance.random() < 0.3:
                file.sync()
                assert path.read_bytes() == shadow

    @pytest.mark.parametrize("seed", range(20))
    def test_pages_written_early_change_nothing_for_the_reader(self, tmp_path, seed):
        chance, path = random.Random(seed), tmp_path / "file"
        path.touch()
        file, shadow = VolatileFile(str(path)), bytearray()
        file.early = True

        for _ in range(60):
            change(chance, file, shadow)
            assert file.read(2 * LENGTH, 0) == shadow
        file.sync()
        assert path.read_bytes() == shadow


def test_a_power_cut_takes_what_was_not_synced_and_nothing_else(disk):
    volatile = disk()
    path = volatile.mount / "file"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    os.write(descriptor, b"synced")
    os.fsync(descriptor)
    os.write(descriptor, b", and then some")
    os.pwrite(descriptor, b"S", 0)
    path.rename(volatile.mount / "renamed")
    assert os.pread(descriptor, 99, 0) == b"Synced, and then some"

    volatile.cut_power()
    with pytest.raises(OSError, match="not connected"):
        os.close(descriptor)
    volatile.turn_off()
    volatile.turn_on()

    assert [path.name for path in volatile.mount.iterdir()] == ["renamed"]
    assert (volatile.mount / "renamed").read_bytes() == b"synced"
