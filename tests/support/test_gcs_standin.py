"""The stand-in's JSON API through Google's own client: metadata, preconditions, listing, copies, broken uploads."""

import asyncio
import base64
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import google_crc32c
import httpx
import pytest
from google.api_core.exceptions import BadRequest, Conflict, GoogleAPICallError, NotFound, PreconditionFailed
from google.api_core.exceptions import RequestRangeNotSatisfiable as OutOfRange

from tests.support.gcs_standin import GcsStandin
from tests.support.gcs_standin.errors import StorageError
from tests.support.gcs_standin.multipart import RelatedParts
from tests.support.signer import SignedUrls, SigningKey


def files_under(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def multipart(resource: dict[str, Any], media: bytes) -> tuple[bytes, dict[str, str]]:
    """A multipart/related body made by hand, to say what Google's client would not."""
    head = b"--cut\r\nContent-Type: application/json\r\n\r\n" + json.dumps(resource).encode()
    body = head + b"\r\n--cut\r\nContent-Type: video/mp4\r\n\r\n" + media + b"\r\n--cut--\r\n"
    return body, {"Content-Type": "multipart/related; boundary=cut"}


def test_buckets_are_created_once_and_found(storage_client: Any) -> None:
    storage_client.create_bucket("media")
    assert storage_client.get_bucket("media").name == "media"
    with pytest.raises(Conflict):
        storage_client.create_bucket("media")
    with pytest.raises(NotFound):
        storage_client.get_bucket("other")
    with pytest.raises(NotFound):
        storage_client.bucket("other").blob("film").upload_from_string(b"x")


def test_metadata_is_true(bucket: Any) -> None:
    content = os.urandom(100_000)
    blob = bucket.blob("film.mp4")
    blob.metadata = {"project": "p1"}
    blob.cache_control = "no-store"
    blob.upload_from_string(content, content_type="video/mp4")
    stored = bucket.get_blob("film.mp4")
    assert (stored.size, stored.content_type, stored.metadata) == (100_000, "video/mp4", {"project": "p1"})
    assert stored.cache_control == "no-store"
    crc = google_crc32c.value(content).to_bytes(4, "big")
    assert stored.crc32c == base64.b64encode(crc).decode()
    assert stored.metageneration == 1
    assert stored.time_created.utcoffset() is not None
    first = stored.generation
    blob.upload_from_string(b"again")
    assert bucket.get_blob("film.mp4").generation > first
    with pytest.raises(NotFound):
        bucket.blob("film.mp4", generation=first).download_as_bytes()


def test_a_patch_makes_the_next_metageneration(bucket: Any) -> None:
    blob = bucket.blob("film")
    blob.metadata = {"keep": "1", "drop": "2"}
    blob.upload_from_string(b"x", content_type="text/plain")
    blob.metadata = {"keep": "1", "drop": None, "new": "3"}
    blob.content_type = "video/mp4"
    blob.patch(if_metageneration_match=1)
    stored = bucket.get_blob("film")
    assert (stored.metageneration, stored.content_type) == (2, "video/mp4")
    assert stored.metadata == {"keep": "1", "new": "3"}
    with pytest.raises(PreconditionFailed):
        blob.patch(if_metageneration_match=1)


def test_preconditions_guard_reads_writes_and_deletes(bucket: Any) -> None:
    blob = bucket.blob("film")
    blob.upload_from_string(b"one", if_generation_match=0)
    calls: list[Callable[[], object]] = [
        lambda: blob.upload_from_string(b"two", if_generation_match=0),
        lambda: blob.upload_from_string(b"two", if_generation_not_match=blob.generation),
        lambda: blob.delete(if_generation_match=1),
        lambda: blob.download_as_bytes(if_generation_match=1),
        lambda: bucket.blob("none").upload_from_string(b"x", if_metageneration_match=1),
    ]
    for refused in calls:
        with pytest.raises(PreconditionFailed):
            refused()
    assert blob.download_as_bytes() == b"one"
    with pytest.raises(GoogleAPICallError, match="304"):
        blob.reload(if_generation_not_match=blob.generation)
    blob.upload_from_string(b"two", if_generation_match=blob.generation)
    blob.delete(if_generation_match=blob.generation)
    assert not blob.exists()


def test_listing_pages_by_prefix_in_byte_order(bucket: Any) -> None:
    names = ["a/1", "a/2", "a/ü", "a/日本", "a/10", "b/1", "a%/1", "a_/1"]
    for name in names:
        bucket.blob(name).upload_from_string(b"")
    pages = list(bucket.list_blobs(prefix="a/", page_size=2).pages)
    listed = [[blob.name for blob in page] for page in pages]
    assert listed == [["a/1", "a/10"], ["a/2", "a/ü"], ["a/日本"]]
    assert [blob.name for blob in bucket.list_blobs(prefix="a_")] == ["a_/1"]
    assert len(list(bucket.list_blobs())) == len(names)


def test_downloads_by_range(bucket: Any) -> None:
    blob = bucket.blob("film")
    blob.upload_from_string(b"0123456789")
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    with blob.open("rb", chunk_size=3) as file:
        file.seek(5)
        assert file.read() == b"56789"
    with pytest.raises(OutOfRange):
        blob.download_as_bytes(start=10)


def test_a_download_keeps_its_generation_when_the_object_is_replaced(
    bucket: Any, sign: SignedUrls, http: httpx.Client
) -> None:
    old = os.urandom(20_000_000)
    bucket.blob("film").upload_from_string(old)
    with http.stream("GET", sign("film")) as response:
        blocks = response.iter_bytes()
        received = bytearray(next(blocks))
        bucket.blob("film").upload_from_string(b"new")
        for block in blocks:
            received += block
    assert bytes(received) == old
    assert bucket.blob("film").download_as_bytes() == b"new"


def test_copy_rewrite_and_compose(bucket: Any, storage_client: Any) -> None:
    source = bucket.blob("one")
    source.upload_from_string(b"one", content_type="text/plain")
    other = storage_client.create_bucket("other")
    copied = bucket.copy_blob(source, other, "sub dir/copy")
    assert (copied.content_type, copied.md5_hash) == ("text/plain", source.md5_hash)
    rewritten = bucket.blob("two")
    assert rewritten.rewrite(source) == (None, 3, 3)
    source.delete()
    assert other.blob("sub dir/copy").download_as_bytes() == rewritten.download_as_bytes() == b"one"
    with pytest.raises(PreconditionFailed):
        bucket.copy_blob(rewritten, bucket, "two", if_generation_match=0)
    bucket.blob("three").upload_from_string(b"three")
    composed = bucket.blob("all")
    composed.content_type = "text/plain"
    composed.compose([rewritten, bucket.blob("three")])
    assert (composed.size, composed.component_count, composed.md5_hash) == (8, 2, None)
    assert composed.download_as_bytes(checksum="crc32c") == b"onethree"


@pytest.mark.parametrize("name", ["../../escape", "..", "/etc/passwd", "a/../../b", "CON", "a\x00b", "x" * 1024])
def test_no_name_leaves_the_data_folder(name: str, bucket: Any, tmp_path: Path) -> None:
    before = files_under(tmp_path)
    if name == "..":
        with pytest.raises(BadRequest):
            bucket.blob(name).upload_from_string(b"x")
        return
    bucket.blob(name).upload_from_string(b"contained")
    created = files_under(tmp_path) - before
    assert {Path(path).parent for path in created} == {Path("gcs/bytes")}
    assert bucket.blob(name).download_as_bytes() == b"contained"
    assert [blob.name for blob in bucket.list_blobs()] == [name]


def test_dots_in_a_signed_path_are_part_of_the_name(bucket: Any, sign: SignedUrls) -> None:
    url = urlsplit(sign("../../x", "PUT"))
    # httpx would resolve the dots before sending.
    with contextlib.closing(HTTPConnection(url.netloc, timeout=30)) as connection:
        connection.request("PUT", f"{url.path}?{url.query}", body=b"dots")
        assert connection.getresponse().status == 200
    assert [blob.name for blob in bucket.list_blobs()] == ["../../x"]


@pytest.mark.parametrize("digests", [{"crc32c": "AAAAAA=="}, {"md5Hash": "AAAAAAAAAAAAAAAAAAAAAA=="}])
def test_a_declared_digest_is_enforced(
    digests: dict[str, str], bucket: Any, standin: GcsStandin, http: httpx.Client, tmp_path: Path
) -> None:
    body, headers = multipart({"name": "film", **digests}, b"frames")
    url = f"{standin.url}/upload/storage/v1/b/media/o?uploadType=multipart"
    assert http.post(url, content=body, headers=headers).status_code == 400
    assert bucket.get_blob("film") is None
    assert {path for path in files_under(tmp_path / "gcs") if "/" in path} == set()


@pytest.mark.parametrize("block_bytes", [1, 2, 7, 4099])
def test_multipart_media_may_look_like_its_own_delimiter(block_bytes: int) -> None:
    media = b"\r\n--cu" + b"\r\n--" * 1000 + b"\r\n"
    body, headers = multipart({"name": "film"}, media)

    async def arriving(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), block_bytes):
            yield body[start : start + block_bytes]

    async def read(body: bytes) -> tuple[dict[str, Any], str | None, bytes]:
        parts = RelatedParts(headers["Content-Type"], arriving(body))
        resource, media_type = await parts.open()
        return resource, media_type, b"".join([block async for block in parts.media()])

    assert asyncio.run(read(body)) == ({"name": "film"}, "video/mp4", media)
    with pytest.raises(StorageError, match="ends early"):
        asyncio.run(read(body.removesuffix(b"\r\n--cut--\r\n")))


def test_a_media_upload_takes_the_body_as_it_is(bucket: Any, standin: GcsStandin, http: httpx.Client) -> None:
    url = f"{standin.url}/upload/storage/v1/b/media/o?uploadType=media&name=a%20b"
    done = http.post(url, content=b"frames", headers={"Content-Type": "video/mp4"})
    assert done.json()["contentType"] == "video/mp4"
    assert bucket.blob("a b").download_as_bytes() == b"frames"


def test_a_cut_off_upload_leaves_nothing(
    bucket: Any, sign: SignedUrls, standin: GcsStandin, http: httpx.Client, tmp_path: Path
) -> None:
    def broken() -> Iterator[bytes]:
        yield os.urandom(300_000)
        raise ConnectionAbortedError

    for method, url in (
        ("PUT", sign("film", "PUT")),
        ("POST", f"{standin.url}/upload/storage/v1/b/media/o?uploadType=media&name=film"),
    ):
        with pytest.raises(ConnectionAbortedError):
            http.request(method, url, content=broken())
    # The server notices on its own time; the next requests are answered after it did.
    while any(each.status is None for each in standin.faults.requests()) and files_under(tmp_path / "gcs/staging"):
        http.get(standin.url)
    assert bucket.get_blob("film") is None
    assert files_under(tmp_path / "gcs/staging") == files_under(tmp_path / "gcs/bytes") == set()


def test_what_is_not_provided_is_refused(bucket: Any, standin: GcsStandin, http: httpx.Client) -> None:
    calls: list[Callable[[], object]] = [
        lambda: list(bucket.list_blobs(delimiter="/")),
        lambda: list(bucket.list_blobs(versions=True)),
        lambda: bucket.blob("x").upload_from_string(b"", predefined_acl="publicRead"),
        bucket.delete,
    ]
    for refused in calls:
        with pytest.raises(GoogleAPICallError, match="501"):
            refused()
    body, headers = multipart({"name": "x", "temporaryHold": True}, b"")
    url = f"{standin.url}/upload/storage/v1/b/media/o?uploadType=multipart"
    assert http.post(url, content=body, headers=headers).status_code == 501


def test_objects_outlive_the_server(tmp_path: Path, signing_key: SigningKey) -> None:
    with httpx.Client(trust_env=False) as http:
        with GcsStandin(tmp_path, signing_key.public_key) as first:
            http.post(f"{first.url}/storage/v1/b", json={"name": "media"})
            http.post(f"{first.url}/upload/storage/v1/b/media/o?uploadType=media&name=film", content=b"frames")
        (tmp_path / "staging" / "left-by-a-crash").touch()
        with GcsStandin(tmp_path, signing_key.public_key) as second:
            got = http.get(f"{second.url}/storage/v1/b/media/o/film?alt=media")
            again = http.post(f"{second.url}/upload/storage/v1/b/media/o?uploadType=media&name=film", content=b"new")
    assert got.content == b"frames"
    assert files_under(tmp_path / "staging") == set()
    assert int(again.json()["generation"]) > int(got.headers["x-goog-generation"])
