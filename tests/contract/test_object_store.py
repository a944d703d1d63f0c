"""What every ``ObjectStore`` does with objects, and what its download URLs answer."""

import io
import posixpath
from datetime import UTC, datetime, timedelta
from email.message import Message

import pytest

from functions.errors import NotFound
from tests.contract.conftest import Storage
from tests.contract.upload_checks import crc32c, pattern

DATA = b"0123456789"


def write(storage: Storage, name: str, data: bytes = DATA, content_type: str = "video/mp4") -> None:
    storage.objects.write(name, io.BytesIO(data), content_type=content_type)


def read(storage: Storage, name: str) -> bytes:
    with storage.objects.open(name) as stream:
        return stream.read()


def test_what_is_written_can_be_looked_at_and_read(storage: Storage) -> None:
    data = pattern(3 * 1024 * 1024 + 7)
    written = storage.objects.write("p1/assets/a.mp4", io.BytesIO(data), content_type="video/mp4")
    assert written == storage.objects.stat("p1/assets/a.mp4")
    assert written.name == "p1/assets/a.mp4"
    assert written.size_bytes == len(data)
    assert written.crc32c == crc32c(data)
    assert written.content_type == "video/mp4"
    assert abs(written.created_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert read(storage, "p1/assets/a.mp4") == data


def test_an_empty_object_is_an_object(storage: Storage) -> None:
    write(storage, "empty", b"")
    found = storage.objects.stat("empty")
    assert found is not None
    assert (found.size_bytes, found.crc32c) == (0, "AAAAAA==")
    assert read(storage, "empty") == b""
    assert storage.http.get(storage.objects.sign_download("empty", expires_seconds=60)).content == b""


def test_write_replaces(storage: Storage) -> None:
    write(storage, "a", b"old", "text/plain")
    write(storage, "a", b"newer", "video/mp4")
    found = storage.objects.stat("a")
    assert found is not None
    assert (found.size_bytes, found.content_type) == (5, "video/mp4")
    assert read(storage, "a") == b"newer"


def test_what_replaces_an_object_has_another_time_even_if_it_is_the_same(storage: Storage) -> None:
    write(storage, "a")
    first = storage.objects.stat("a")
    write(storage, "a")
    second = storage.objects.stat("a")
    assert first is not None
    assert second is not None
    assert second.created_at > first.created_at


def test_a_stream_that_breaks_leaves_the_old_object(storage: Storage) -> None:
    class Broken(io.RawIOBase):
        served = 0

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            self.served += 1
            if self.served > 1:
                raise ConnectionError("the line is cut")
            return b"x" * max(size, 1)

    write(storage, "a", b"old")
    with pytest.raises(Exception):  # noqa: B017, PT011 - Google's client wraps it in errors of its own
        storage.objects.write("a", Broken(), content_type="video/mp4")  # type: ignore[arg-type]
    assert read(storage, "a") == b"old"


def test_an_open_object_can_be_sought(storage: Storage) -> None:
    write(storage, "a", pattern(100_000))
    with storage.objects.open("a") as stream:
        assert stream.seek(-10, io.SEEK_END) == 99_990
        assert stream.read() == pattern(100_000)[-10:]
        stream.seek(50_000)
        assert stream.read(8) == pattern(100_000)[50_000:50_008]


def test_what_is_not_there(storage: Storage) -> None:
    assert storage.objects.stat("nothing") is None
    with pytest.raises(NotFound), storage.objects.open("nothing"):
        pass
    storage.objects.delete("nothing")
    assert storage.objects.delete_prefix("nothing/") == 0
    assert storage.http.get(storage.objects.sign_download("nothing", expires_seconds=60)).status_code == 404


def test_delete(storage: Storage) -> None:
    write(storage, "a")
    write(storage, "b")
    storage.objects.delete("a")
    assert storage.objects.stat("a") is None
    assert storage.objects.stat("b") is not None


def test_delete_prefix_takes_that_prefix_only(storage: Storage) -> None:
    for name in ("p1/a", "p1/b/c", "p1/", "p10/a", "p/a", "P1/a", "p1%/a", "p2/p1/a"):
        write(storage, name)
    assert storage.objects.delete_prefix("p1/") == 3
    left = [name for name in ("p10/a", "p/a", "P1/a", "p1%/a", "p2/p1/a") if storage.objects.stat(name)]
    assert left == ["p10/a", "p/a", "P1/a", "p1%/a", "p2/p1/a"]
    assert storage.objects.stat("p1/b/c") is None


@pytest.mark.parametrize(
    "names",
    [
        ["A.mp4", "a.mp4"],
        ["with space", "with+plus", "with%20percent", "with%2Bpercent"],
        ["grün/日本🎬.mp4", "gru\u0308n/日本🎬.mp4"],
        ["a/b", "a%2Fb", "a\\b"],
        ["query?x=1", "query", "query#fragment", "100%"],
        ["CON", "aux.txt", "dot.", "-rf"],
    ],
    ids=lambda names: names[0].encode("ascii", "backslashreplace").decode(),
)
def test_names_are_kept_apart_also_in_urls(storage: Storage, names: list[str]) -> None:
    for name in names:
        write(storage, name, name.encode())
    for name in names:
        found = storage.objects.stat(name)
        assert found is not None
        assert found.name == name
        url = storage.objects.sign_download(name, expires_seconds=60)
        assert storage.http.get(url).content == name.encode()


@pytest.mark.parametrize("name", ["../../../etc/deskrun-was-here", "/etc/deskrun-was-here", "a/../../b", "a//b"])
def test_no_name_leaves_the_store(storage: Storage, name: str) -> None:
    write(storage, name)
    assert read(storage, name) == DATA
    assert storage.objects.stat(posixpath.normpath(f"/{name}").lstrip("/")) is None
    storage.objects.delete(name)
    assert storage.objects.stat(name) is None


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        (None, 200, DATA, None),
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-4", 206, b"4", "bytes 4-4/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, DATA, "bytes 0-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=5-2", 200, DATA, None),
        ("bytes=", 200, DATA, None),
        ("bytes=x-y", 200, DATA, None),
        ("lines=1-2", 200, DATA, None),
    ],
)
def test_ranges(storage: Storage, asked: str | None, status: int, body: bytes, content_range: str | None) -> None:
    write(storage, "a")
    headers = {"Range": asked} if asked else {}
    url = storage.objects.sign_download("a", expires_seconds=60)
    answer = storage.http.get(url, headers=headers)
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers.get("content-range") == content_range
    head = storage.http.head(url, headers=headers)
    assert (head.status_code, head.content) == (status, b"")
    assert head.headers["content-length"] == str(len(body))


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_past_the_end_is_416(storage: Storage, asked: str) -> None:
    write(storage, "a")
    url = storage.objects.sign_download("a", expires_seconds=60)
    assert storage.http.get(url, headers={"Range": asked}).status_code == 416


def test_downloads_say_what_they_are(storage: Storage) -> None:
    write(storage, "p/a.mp4")
    url = storage.objects.sign_download("p/a.mp4", expires_seconds=60, file_name='Mein "Film" ü.mp4')
    answer = storage.http.get(url)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"]
    disposition = Message()
    disposition["Content-Disposition"] = answer.headers["content-disposition"]
    assert disposition.get_content_disposition() == "attachment"
    assert answer.headers["content-disposition"].endswith("filename*=UTF-8''Mein%20%22Film%22%20%C3%BC.mp4")
    assert disposition.get_filename()


def test_a_large_object_comes_back_whole(storage: Storage) -> None:
    data = pattern(9 * 1024 * 1024 + 3)
    write(storage, "a", data)
    url = storage.objects.sign_download("a", expires_seconds=60)
    assert storage.http.get(url).content == data
    assert storage.http.get(url, headers={"Range": "bytes=1048575-8388610"}).content == data[1048575:8388611]
