"""Every check of a signed URL that emulators leave out, made with URLs that Google's own code signed."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import google_crc32c
import httpx
import pytest

from tests.support.clock import MovableClock
from tests.support.gcs_standin import GcsStandin
from tests.support.signer import SignedUrls, SigningKey

HARD_NAMES = [
    "plain.txt",
    "with space and + plus.mp4",
    "ünïcode/日本語 🎬.mov",
    "literal%2Fslash%20.txt",
    "q?a=b&c#d;e=f'g\"h",
    "deep/er/~tilde!*()@:,$.bin",
]


def error_code(response: httpx.Response) -> str:
    assert response.headers["content-type"].startswith("application/xml")
    code = ET.fromstring(response.content).findtext("Code")
    assert code
    return code


def refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, error_code(response)) == (status, code), response.text


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("name", HARD_NAMES)
def test_signed_put_and_get_carry_any_name(name: str, bucket: Any, sign: SignedUrls, http: httpx.Client) -> None:
    content = name.encode() * 3
    put = http.put(sign(name, "PUT", content_type="video/mp4"), content=content, headers={"Content-Type": "video/mp4"})
    assert put.status_code == 200, put.text
    assert [blob.name for blob in bucket.list_blobs()] == [name]
    stored = bucket.get_blob(name)
    assert (stored.size, stored.content_type) == (len(content), "video/mp4")
    assert put.headers["x-goog-generation"] == str(stored.generation)
    got = http.get(sign(name))
    assert got.content == stored.download_as_bytes() == content
    assert got.headers["x-goog-hash"] == f"crc32c={stored.crc32c},md5={stored.md5_hash}"


@pytest.mark.parametrize("name", ["x" * 1025, "ü" * 513, "line\nbreak"])
def test_a_name_cloud_storage_does_not_allow_is_refused(
    name: str, bucket: Any, sign: SignedUrls, http: httpx.Client
) -> None:
    refused(http.put(sign(name, "PUT"), content=b"x"), 400, "InvalidArgument")
    assert list(bucket.list_blobs()) == []


def test_unsigned_requests_are_refused(bucket: Any, standin: GcsStandin, http: httpx.Client) -> None:
    bucket.blob("film").upload_from_string(b"frames")
    for method in ("GET", "HEAD", "PUT", "DELETE", "POST"):
        response = http.request(method, f"{standin.url}/media/film")
        assert response.status_code == 403
    refused(http.get(f"{standin.url}/media/film"), 403, "AccessDenied")
    refused(http.get(f"{standin.url}/media/film", headers={"Authorization": "Bearer x"}), 403, "AccessDenied")
    assert bucket.blob("film").download_as_bytes() == b"frames"


def test_any_change_to_a_signed_url_is_refused(bucket: Any, sign: SignedUrls, http: httpx.Client) -> None:
    for name in ("film", "secret"):
        bucket.blob(name).upload_from_string(name.encode())
    url = sign("film")
    last = "0" if url[-1] != "0" else "1"
    for changed in (
        url[:-1] + last,
        url.rsplit("=", 1)[0] + "=zz",
        url.replace("/film?", "/secret?"),
        url.replace("X-Goog-Expires=300", "X-Goog-Expires=3000"),
        url + "&response-content-type=text%2Fhtml",
        url.replace("signer%40", "someone%40"),
    ):
        refused(http.get(changed), 403, "SignatureDoesNotMatch")
    assert http.get(url).content == b"film"


def test_method_and_host_are_part_of_the_signature(bucket: Any, sign: SignedUrls, http: httpx.Client) -> None:
    bucket.blob("film").upload_from_string(b"frames")
    refused(http.put(sign("film"), content=b"other"), 403, "SignatureDoesNotMatch")
    refused(http.delete(sign("film")), 403, "SignatureDoesNotMatch")
    refused(http.get(sign("film", "PUT")), 403, "SignatureDoesNotMatch")
    refused(http.get(sign("film"), headers={"Host": "storage.example"}), 403, "SignatureDoesNotMatch")
    assert bucket.blob("film").download_as_bytes() == b"frames"


def test_a_foreign_key_is_refused(bucket: Any, standin: GcsStandin, http: httpx.Client) -> None:
    foreign = SignedUrls(bucket, SigningKey.generate(), standin.url)
    refused(http.put(foreign("film", "PUT"), content=b"x"), 403, "SignatureDoesNotMatch")


def test_an_expired_url_is_refused_and_stores_nothing(
    bucket: Any, sign: SignedUrls, moving_clock: MovableClock, http: httpx.Client
) -> None:
    put, get = sign("film", "PUT"), sign("film")
    moving_clock.offset = timedelta(minutes=6)
    refused(http.put(put, content=b"late"), 400, "ExpiredToken")
    refused(http.get(get), 400, "ExpiredToken")
    assert bucket.get_blob("film") is None


def test_a_url_signed_for_tomorrow_or_for_eight_days_is_refused(
    sign: SignedUrls, moving_clock: MovableClock, http: httpx.Client
) -> None:
    url = sign("film")
    for seconds in ("604801", "0", "-1", "ten"):
        changed = url.replace("X-Goog-Expires=300", f"X-Goog-Expires={seconds}")
        refused(http.get(changed), 400, "MalformedSecurityHeader")
    moving_clock.offset = timedelta(days=-1)
    refused(http.get(url), 403, "RequestTimeTooSkewed")


def test_malformed_signing_parameters_are_refused(sign: SignedUrls, http: httpx.Client) -> None:
    url = sign("film")
    date = url.split("X-Goog-Date=")[1].split("&")[0]
    for changed in (
        url.replace("GOOG4-RSA-SHA256", "GOOG4-HMAC-SHA256"),
        url.replace(f"X-Goog-Date={date}", "X-Goog-Date=yesterday"),
        url.replace("goog4_request", "aws4_request"),
        url.replace("X-Goog-SignedHeaders=host", "X-Goog-SignedHeaders=range"),
    ):
        refused(http.get(changed), 400, "MalformedSecurityHeader")
    refused(http.get(url + "&X-Goog-Expires=300"), 400, "InvalidArgument")


def test_a_signed_content_type_binds(bucket: Any, sign: SignedUrls, http: httpx.Client) -> None:
    url = sign("film", "PUT", content_type="video/mp4")
    refused(http.put(url, content=b"<html>", headers={"Content-Type": "text/html"}), 403, "SignatureDoesNotMatch")
    refused(http.put(url, content=b"bytes"), 400, "MalformedSecurityHeader")
    assert bucket.get_blob("film") is None


def test_an_unsigned_goog_header_is_refused(sign: SignedUrls, http: httpx.Client) -> None:
    response = http.put(sign("film", "PUT"), content=b"x", headers={"x-goog-meta-owner": "somebody"})
    refused(response, 400, "MalformedSecurityHeader")


def test_a_signed_header_nobody_provides_is_refused_not_ignored(sign: SignedUrls, http: httpx.Client) -> None:
    headers = {"x-goog-acl": "public-read"}
    refused(http.put(sign("film", "PUT", headers=dict(headers)), content=b"x", headers=headers), 501, "NotImplemented")


def test_the_length_range_is_enforced(bucket: Any, sign: SignedUrls, http: httpx.Client) -> None:
    headers = {"x-goog-content-length-range": "3,5"}
    url = sign("film", "PUT", headers=dict(headers))

    def chunks() -> Iterator[bytes]:
        yield b"123"
        yield b"456"

    refused(http.put(url, content=b"123456", headers=headers), 400, "EntityTooLarge")
    refused(http.put(url, content=chunks(), headers=headers), 400, "EntityTooLarge")
    refused(http.put(url, content=b"12", headers=headers), 400, "EntityTooSmall")
    wider = {"x-goog-content-length-range": "0,999"}
    refused(http.put(url, content=b"123456", headers=wider), 403, "SignatureDoesNotMatch")
    assert bucket.get_blob("film") is None
    assert http.put(url, content=b"12345", headers=headers).status_code == 200


@pytest.mark.parametrize("algorithm", ["crc32c", "md5", "Content-MD5"])
def test_a_declared_digest_is_enforced(algorithm: str, bucket: Any, sign: SignedUrls, http: httpx.Client) -> None:
    content = b"frames"
    md5 = base64.b64encode(hashlib.md5(content).digest()).decode()
    headers = {
        "crc32c": {"x-goog-hash": f"crc32c={crc32c(content)}"},
        "md5": {"x-goog-hash": f"md5={md5}"},
        "Content-MD5": {"Content-MD5": md5},
    }[algorithm]
    url = sign("film", "PUT", headers=dict(headers))
    refused(http.put(url, content=b"gremlin", headers=headers), 400, "BadDigest")
    assert bucket.get_blob("film") is None
    assert http.put(url, content=content, headers=headers).status_code == 200
    broken = {name: value[:-3] for name, value in headers.items()}
    url = sign("film", "PUT", headers=dict(broken))
    refused(http.put(url, content=content, headers=broken), 400, "InvalidDigest")


def test_generation_zero_cannot_overwrite(bucket: Any, sign: SignedUrls, http: httpx.Client) -> None:
    headers = {"x-goog-if-generation-match": "0"}
    url = sign("film", "PUT", headers=dict(headers))
    assert http.put(url, content=b"first", headers=headers).status_code == 200
    refused(http.put(url, content=b"second", headers=headers), 412, "PreconditionFailed")
    assert bucket.blob("film").download_as_bytes() == b"first"


def test_head_range_override_and_delete(bucket: Any, sign: SignedUrls, http: httpx.Client) -> None:
    bucket.blob("film").upload_from_string(b"0123456789", content_type="video/mp4")
    head = http.head(sign("film", "HEAD"))
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "10", b"")
    url = sign("film", response_disposition='attachment; filename="f.mp4"', response_type="text/plain")
    whole = http.get(url)
    assert whole.headers["content-disposition"] == 'attachment; filename="f.mp4"'
    assert whole.headers["content-type"] == "text/plain"
    for header, content, shown in (
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
        ("bytes=0-", b"0123456789", "bytes 0-9/10"),
    ):
        part = http.get(url, headers={"Range": header})
        assert (part.status_code, part.content, part.headers["content-range"]) == (206, content, shown)
    refused(http.get(url, headers={"Range": "bytes=10-"}), 416, "InvalidRange")
    assert http.delete(sign("film", "DELETE")).status_code == 204
    refused(http.get(sign("film")), 404, "NoSuchKey")
    refused(http.delete(sign("film", "DELETE")), 404, "NoSuchKey")


def test_an_unknown_bucket_is_404(storage_client: Any, signing_key: SigningKey, standin: GcsStandin) -> None:
    sign = SignedUrls(storage_client.bucket("nowhere"), signing_key, standin.url)
    refused(httpx.put(sign("film", "PUT"), content=b"x", trust_env=False), 404, "NoSuchBucket")


def test_cors_answers_only_what_the_bucket_allows(bucket: Any, sign: SignedUrls, http: httpx.Client) -> None:
    rule = {"origin": ["http://desk.test"], "method": ["PUT"], "responseHeader": ["Content-Type"], "maxAgeSeconds": 60}
    bucket.cors = [rule]
    bucket.patch()
    url = sign("film", "PUT")
    asked = {
        "Origin": "http://desk.test",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }
    allowed = http.options(url, headers=asked)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "http://desk.test"
    assert allowed.headers["access-control-allow-headers"] == "Content-Type"
    assert allowed.headers["access-control-max-age"] == "60"
    for changed in (
        {"Origin": "http://evil.test"},
        {"Access-Control-Request-Method": "DELETE"},
        {"Access-Control-Request-Headers": "content-type, x-goog-meta-a"},
    ):
        denied = http.options(url, headers=asked | changed)
        assert "access-control-allow-origin" not in denied.headers
    put = http.put(url, content=b"x", headers={"Origin": "http://desk.test"})
    assert put.headers["access-control-allow-origin"] == "http://desk.test"
    assert (
        "access-control-allow-origin" not in http.put(url, content=b"x", headers={"Origin": "http://evil.test"}).headers
    )
