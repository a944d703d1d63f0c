"""What the folder store promises beyond the contract: events, restarts, kills, and a tidy folder."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from functions.backends.local.database import Database
from functions.backends.local.objects import FolderObjectStore
from functions.backends.local.staged_file import StagedFile
from functions.errors import Contention
from functions.ports import RESUMABLE_SECONDS, ObjectInfo, UploadBinding
from tests.functions.backends.local.object_service import open_store
from tests.support.clock import MovableClock

MakeStore = Callable[..., FolderObjectStore]


@pytest.fixture
def make_store(database: Database, tmp_path: Path, clock: MovableClock) -> MakeStore:
    def make(**options: Callable[[ObjectInfo], None]) -> FolderObjectStore:
        return FolderObjectStore(
            database, tmp_path, bucket="deskrun", public_url="http://127.0.0.1:1/", clock=clock, **options
        )

    return make


def files(store: FolderObjectStore) -> list[Path]:
    return [path for path in store.folder.rglob("*") if path.is_file()]


def write(store: FolderObjectStore, name: str, data: bytes = b"x") -> ObjectInfo:
    return store.write(name, io.BytesIO(data), content_type="video/mp4")


def test_every_new_object_is_announced_once(make_store: MakeStore) -> None:
    heard: list[ObjectInfo] = []
    store = make_store(on_finalized=heard.append)
    first = write(store, "a")
    second = write(store, "a", b"other")
    assert heard == [first, second]
    store.sweep()
    assert heard == [first, second]


def test_an_announcement_that_failed_is_made_up_for(make_store: MakeStore, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    def busy(_: ObjectInfo) -> None:
        raise Contention

    written = write(make_store(on_finalized=busy), "a")
    assert [record.__dict__["event"] for record in caplog.records] == ["announce_failed"]
    store = make_store(on_finalized=lambda info: heard.append(info.name))
    assert store.stat("a") == written
    store.sweep()
    store.sweep()
    assert heard == ["a"]


def test_an_announcement_that_was_killed_is_made_up_for(make_store: MakeStore) -> None:
    class Killed(BaseException):
        pass

    def kill(_: ObjectInfo) -> None:
        raise Killed

    heard: list[str] = []
    with pytest.raises(Killed):
        write(make_store(on_finalized=kill), "a", b"bytes")
    store = make_store(on_finalized=lambda info: heard.append(info.name))
    with store.open("a") as stream:
        assert stream.read() == b"bytes"
    store.sweep()
    assert heard == ["a"]


def test_bytes_are_on_the_disk_before_anybody_is_told(make_store: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of power cannot be had in a test, so the calls that protect from it are watched."""
    synced: set[int] = set()
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def on_disk(store: FolderObjectStore) -> bool:
        return all({path.stat().st_ino, path.parent.stat().st_ino} <= synced for path in files(store))

    monkeypatch.setattr(os, "fsync", watched)
    told: list[bool] = []

    def hear(_: ObjectInfo) -> None:
        told.append(on_disk(store))

    store: FolderObjectStore = make_store(on_finalized=hear)
    write(store, "a")
    assert told == [True]

    upload_id = httpx.URL(store.start_resumable("b", UploadBinding("video/mp4", 5)).url).params["upload_id"]
    session = store.sessions.find("b", upload_id)
    store.sessions.write(session, 0, b"1234")
    assert not on_disk(store)
    store.sessions.keep(session)
    assert on_disk(store)


def test_an_open_object_outlives_its_replacement_and_its_end(make_store: MakeStore) -> None:
    store = make_store()
    write(store, "a", b"old")
    with store.open("a") as old:
        write(store, "a", b"new")
        with store.open("a") as new:
            store.delete("a")
            assert (old.read(), new.read()) == (b"old", b"new")
    assert files(store) == []


def test_a_damaged_store_says_so(make_store: MakeStore) -> None:
    store = make_store()
    write(store, "a")
    files(store)[0].unlink()
    with pytest.raises(FileNotFoundError, match="object a"), store.open("a"):
        pass


def test_what_is_gone_from_the_disk_is_no_object_and_in_nobodys_way(make_store: MakeStore) -> None:
    store = make_store()
    write(store, "a")
    files(store)[0].unlink()
    assert store.stat("a") is None
    staged = StagedFile.create(store.folder)
    staged.write(b"again")
    published = store.publish("a", staged, UploadBinding("video/mp4", 5))
    assert store.stat("a") == published


def test_names_never_reach_the_disk(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    for name in ("../../escape", "/absolute", "plain", "Plain", "nul\x00byte", "." * 200, "x/" * 500 + "y"):
        write(store, name)
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert len(new) == 7
    assert all(re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{32}", str(path.relative_to(store.folder))) for path in new)
    assert all(path.stat().st_mode & 0o077 == 0 for path in new)


@pytest.mark.parametrize("name", ["", ".", "..", "a\nb", "a\rb", "ü" * 513])
def test_names_that_cloud_storage_refuses_are_refused(make_store: MakeStore, name: str) -> None:
    store = make_store()
    with pytest.raises(ValueError, match="not a name"):
        store.sign_upload(name, UploadBinding(), expires_seconds=60)
    with pytest.raises(ValueError, match="not a name"):
        store.start_resumable(name, UploadBinding("video/mp4", 1))
    with pytest.raises(ValueError, match="not a name"):
        write(store, name)
    assert files(store) == []


def test_a_write_that_fails_leaves_no_file(make_store: MakeStore) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionError(f"no {size} bytes")

    store = make_store()
    with pytest.raises(ConnectionError):
        store.write("a", Broken(), content_type="video/mp4")
    assert files(store) == []


def test_sweeping_removes_what_nobody_uses_and_nothing_else(make_store: MakeStore, clock: MovableClock) -> None:
    store = make_store()
    write(store, "kept", b"kept")
    store.start_resumable("under-way", UploadBinding("video/mp4", 5))
    in_use = set(files(store))
    orphan, fresh = store.folder / "ab" / ("ab" * 16), store.folder / "cd" / ("cd" * 16)
    for path in (orphan, fresh):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"rest")
    old = time.time() - 7200
    for path in (orphan, *in_use):
        os.utime(path, (old, old))
    store.sweep()
    assert set(files(store)) == in_use | {fresh}
    clock.offset += timedelta(seconds=RESUMABLE_SECONDS + 60)
    store.sweep()
    with store.open("kept") as stream:
        assert stream.read() == b"kept"
    assert len(files(store)) == 1


def test_delete_prefix_takes_more_than_a_batch(make_store: MakeStore, database: Database) -> None:
    store = make_store()
    columns = "name, file, size_bytes, crc32c, content_type, created_at"
    with database.writing() as connection:
        for n in range(1203):
            row = (f"p1/{n:05}", f"{n:032}", 0, "AAAAAA==", "video/mp4", "2026-01-01T00:00:00+00:00")
            connection.execute(f"INSERT INTO objects ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)
    write(store, "p2/left")
    assert store.delete_prefix("p1/") == 1203
    assert store.stat("p2/left") is not None


OVERWRITER = """
import io, sys
from pathlib import Path
from tests.functions.backends.local.object_service import open_store

store = open_store(Path(sys.argv[1]), 1)
n = 0
while True:
    n += 1
    store.write("a", io.BytesIO(bytes([n % 256]) * 300_000), content_type="video/mp4")
    print(n, flush=True)
"""


def test_a_kill_leaves_the_old_object_or_the_new_one(make_store: MakeStore, tmp_path: Path) -> None:
    """The child is killed at a random point, several times; each object is of one piece and of the last writes."""
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", OVERWRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for _ in range(3):
                last = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            last = max([last, *(int(line) for line in child.stdout if line.endswith("\n"))])
        store = open_store(tmp_path, 1)
        found = store.stat("a")
        with store.open("a") as stream:
            data = stream.read()
        assert found is not None
        assert len(data) == found.size_bytes == 300_000
        assert set(data) in ({last % 256}, {(last + 1) % 256})
