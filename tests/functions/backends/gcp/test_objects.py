"""What the signed URLs and sessions of Cloud Storage are bound to, and how its client's failures come out."""

import os
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from functions.backends.gcp import objects
from functions.backends.gcp.objects import CHUNK_BYTES, READ_BYTES, GcsObjectStore
from functions.errors import NotFound, Unavailable
from functions.ports import UploadBinding
from functions.settings import Settings
from tests.functions.backends.gcp.conftest import GcpSettings
from tests.support.gcs_standin import Fault, GcsStandin

CRC32C_OF_BYTES = "0G6ckg=="
BOUND = UploadBinding(content_type="video/mp4", size_bytes=5, crc32c=CRC32C_OF_BYTES)
NAME = "p-1/assets/a b/ü+%2F.mp4"


def put(url: str, headers: dict[str, str], content: bytes = b"bytes") -> httpx.Response:
    return httpx.put(url, headers=headers, content=content, timeout=30)


def test_everything_an_upload_is_bound_to_is_a_signed_header(object_store: GcsObjectStore) -> None:
    upload = object_store.sign_upload(NAME, BOUND, expires_seconds=60)

    query = parse_qs(urlsplit(upload.url).query)
    assert query["X-Goog-Algorithm"] == ["GOOG4-RSA-SHA256"]
    assert query["X-Goog-Expires"] == ["60"]
    assert upload.headers == {
        "Content-Type": "video/mp4",
        "x-goog-content-length-range": "5,5",
        "x-goog-if-generation-match": "0",
        "x-goog-hash": f"crc32c={CRC32C_OF_BYTES}",
    }
    signed = set(query["X-Goog-SignedHeaders"][0].split(";"))
    assert signed == {"host", *(name.lower() for name in upload.headers)}


def test_a_bound_upload_takes_the_announced_bytes_once(object_store: GcsObjectStore) -> None:
    upload = object_store.sign_upload(NAME, BOUND, expires_seconds=60)

    wrong = put(upload.url, dict(upload.headers), b"BYTES")
    first = put(upload.url, dict(upload.headers))
    second = put(upload.url, dict(upload.headers))

    assert (wrong.status_code, first.status_code, second.status_code) == (400, 200, 412)
    info = object_store.stat(NAME)
    assert info is not None
    assert (info.name, info.size_bytes, info.crc32c, info.content_type) == (NAME, 5, CRC32C_OF_BYTES, "video/mp4")
    assert info.created_at.utcoffset() is not None


def test_an_upload_bound_to_nothing_may_replace(object_store: GcsObjectStore) -> None:
    upload = object_store.sign_upload(NAME, UploadBinding(), expires_seconds=60)

    assert upload.headers == {}
    assert [put(upload.url, {}, content).status_code for content in (b"one", b"two")] == [200, 200]


def test_a_session_is_bound_to_size_and_checksum_by_the_server(object_store: GcsObjectStore) -> None:
    wrong = object_store.start_resumable(NAME, BOUND)
    right = object_store.start_resumable(NAME, BOUND)

    assert put(wrong.url, dict(wrong.headers), b"BYTES").status_code == 400
    assert put(right.url, dict(right.headers)).status_code == 200
    info = object_store.stat(NAME)
    assert info is not None
    assert (info.size_bytes, info.content_type) == (5, "video/mp4")


@pytest.mark.parametrize("binding", [UploadBinding(content_type="video/mp4"), UploadBinding(size_bytes=5)])
def test_a_session_needs_a_type_and_a_size(object_store: GcsObjectStore, binding: UploadBinding) -> None:
    with pytest.raises(ValueError, match="content type and a size"):
        object_store.start_resumable(NAME, binding)


def test_a_download_keeps_the_name_a_person_gave_it(object_store: GcsObjectStore) -> None:
    object_store.write(NAME, BytesIO(b"bytes"), content_type="video/mp4")

    url = object_store.sign_download(NAME, expires_seconds=60, file_name='fünf "5" 100%.mp4')

    answer = httpx.get(url, headers={"Range": "bytes=1-2"})
    assert (answer.status_code, answer.content) == (206, b"yt")
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"f_nf _5_ 100_.mp4\"; filename*=UTF-8''f%C3%BCnf%20%225%22%20100%25.mp4"
    )
    assert httpx.head(url).status_code == 200


def test_a_stream_longer_than_a_chunk_is_stored_whole(object_store: GcsObjectStore) -> None:
    content = os.urandom(CHUNK_BYTES + 12345)

    info = object_store.write(NAME, BytesIO(content), content_type="video/mp4")

    assert info == object_store.stat(NAME)
    with object_store.open(NAME) as stream:
        stream.seek(CHUNK_BYTES - 1)
        assert stream.read(10) == content[CHUNK_BYTES - 1 : CHUNK_BYTES + 9]
        stream.seek(0)
        assert stream.read() == content


class OneWay(BytesIO):
    """A stream that cannot tell how long it is, as a socket's."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        return super().tell()


def test_a_stream_of_unknown_length_is_stored_whole(object_store: GcsObjectStore) -> None:
    assert object_store.write(NAME, OneWay(b"bytes"), content_type="video/mp4").size_bytes == 5


def test_the_rest_of_a_half_read_stream_is_what_is_written(object_store: GcsObjectStore) -> None:
    data = BytesIO(b"already readbytes")
    data.seek(12)

    assert object_store.write(NAME, data, content_type="video/mp4").crc32c == CRC32C_OF_BYTES


def test_what_is_not_there(object_store: GcsObjectStore) -> None:
    assert object_store.stat("nothing") is None
    object_store.delete("nothing")
    assert object_store.delete_prefix("nothing/") == 0
    with pytest.raises(NotFound), object_store.open("nothing"):
        pass


def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed_with_the_new_one(
    object_store: GcsObjectStore,
) -> None:
    object_store.write(NAME, BytesIO(bytes(READ_BYTES + 1)), content_type="video/mp4")

    def read_across_a_replacement() -> None:
        with object_store.open(NAME) as stream:
            assert stream.read(1) == b"\0"
            object_store.write(NAME, BytesIO(b"new"), content_type="video/mp4")
            stream.seek(READ_BYTES)
            stream.read()

    with pytest.raises(NotFound):
        read_across_a_replacement()


def test_an_empty_object_reads_as_nothing(object_store: GcsObjectStore) -> None:
    object_store.write(NAME, BytesIO(), content_type="video/mp4")

    with object_store.open(NAME) as stream:
        assert stream.read() == b""


def test_a_prefix_takes_with_it_what_starts_with_it_and_nothing_else(object_store: GcsObjectStore) -> None:
    for name in ("p-1/a", "p-1/b/c", "p-10/a"):
        object_store.write(name, BytesIO(b"x"), content_type="text/plain")

    assert object_store.delete_prefix("p-1/") == 2
    assert object_store.stat("p-1/a") is None
    assert object_store.stat("p-10/a") is not None


def test_a_hiccup_of_the_store_is_retried(object_store: GcsObjectStore, gcs_standin: GcsStandin) -> None:
    gcs_standin.faults.add(Fault(status=503))

    assert object_store.write(NAME, BytesIO(b"bytes"), content_type="video/mp4").size_bytes == 5


def test_a_store_that_is_down_is_unavailable(gcp_settings: GcpSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_RETRY", objects._RETRY.with_timeout(0.2))
    store = GcsObjectStore(gcp_settings(STORAGE_EMULATOR_HOST="http://127.0.0.1:9"))

    with pytest.raises(Unavailable) as caught:
        store.stat(NAME)

    assert caught.value.retry_after_seconds


def test_making_the_bucket_again_keeps_what_is_in_it(object_store: GcsObjectStore, storage_settings: Settings) -> None:
    object_store.write(NAME, BytesIO(b"bytes"), content_type="video/mp4")

    objects.ensure_bucket(storage_settings)

    assert object_store.stat(NAME) is not None
