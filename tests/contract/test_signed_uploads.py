"""What a URL of ``sign_upload`` takes and refuses, on every backend; and what no signed URL survives."""

import re
import time
from dataclasses import dataclass

import httpx
import pytest

from functions.ports import SignedUpload, UploadBinding
from tests.contract.conftest import Storage
from tests.contract.upload_checks import crc32c, eventually, pattern, put_and_hang_up

NAME = "p1/renders/out.mp4"
DATA = pattern(300_001)
FULLY_BOUND = UploadBinding("video/mp4", len(DATA), crc32c(DATA))


def sign(storage: Storage, binding: UploadBinding = FULLY_BOUND, seconds: int = 60) -> SignedUpload:
    return storage.objects.sign_upload(NAME, binding, expires_seconds=seconds)


def put(storage: Storage, signed: SignedUpload, data: bytes = DATA) -> httpx.Response:
    return storage.http.put(signed.url, content=data, headers=dict(signed.headers))


def refused(storage: Storage, answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.text
    assert answer.text
    assert storage.objects.stat(NAME) is None


def test_an_upload_as_bound_is_taken(storage: Storage) -> None:
    assert put(storage, sign(storage)).status_code == 200
    found = storage.objects.stat(NAME)
    assert found is not None
    assert (found.size_bytes, found.crc32c, found.content_type) == (len(DATA), crc32c(DATA), "video/mp4")
    with storage.objects.open(NAME) as stream:
        assert stream.read() == DATA


def test_an_unbound_upload_may_replace(storage: Storage) -> None:
    signed = sign(storage, UploadBinding("video/mp4"))
    assert dict(signed.headers) == {"Content-Type": "video/mp4"}
    assert put(storage, signed, b"first").status_code == 200
    assert put(storage, signed, b"second").status_code == 200
    with storage.objects.open(NAME) as stream:
        assert stream.read() == b"second"


def test_an_upload_without_any_binding_keeps_the_type_it_came_with(storage: Storage) -> None:
    signed = sign(storage, UploadBinding())
    storage.http.put(signed.url, content=b"x", headers={"Content-Type": "image/png"}).raise_for_status()
    found = storage.objects.stat(NAME)
    assert found is not None
    assert found.content_type == "image/png"


def test_a_chunked_body_is_taken(storage: Storage) -> None:
    signed = sign(storage, UploadBinding("video/mp4", crc32c=crc32c(DATA)))
    blocks = (DATA[start : start + 10_000] for start in range(0, len(DATA), 10_000))
    assert storage.http.put(signed.url, content=blocks, headers=dict(signed.headers)).status_code == 200
    found = storage.objects.stat(NAME)
    assert found is not None
    assert found.crc32c == crc32c(DATA)


def test_a_sized_upload_never_replaces(storage: Storage) -> None:
    first, second = sign(storage), sign(storage)
    assert put(storage, first).status_code == 200
    assert put(storage, first).status_code == 412
    assert put(storage, second).status_code == 412


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"x", b""], ids=["short", "long", "empty"])
def test_another_size_is_refused(storage: Storage, data: bytes) -> None:
    refused(storage, put(storage, sign(storage), data), 400)


def test_another_size_in_a_chunked_body_is_refused(storage: Storage) -> None:
    signed = sign(storage)
    for blocks in ([DATA, b"x"], [DATA[:-1]]):
        answer = storage.http.put(signed.url, content=iter(blocks), headers=dict(signed.headers))
        refused(storage, answer, 400)


def test_other_bytes_of_the_same_size_are_refused(storage: Storage) -> None:
    refused(storage, put(storage, sign(storage), DATA[:-1] + b"!"), 400)


@pytest.mark.parametrize("header", sorted(["Content-Type", "x-goog-content-length-range", "x-goog-hash"]))
def test_a_bound_header_must_be_sent_as_given(storage: Storage, header: str) -> None:
    signed = sign(storage)
    others = {name: value for name, value in signed.headers.items() if name != header}
    refused(storage, storage.http.put(signed.url, content=DATA, headers=others), 400, 403)
    changed = {**others, header: "text/html" if header == "Content-Type" else "0,999999999"}
    refused(storage, storage.http.put(signed.url, content=DATA, headers=changed), 403)


def test_an_expired_url_is_refused(storage: Storage) -> None:
    signed = sign(storage, seconds=1)
    download = storage.objects.sign_download(NAME, expires_seconds=1)
    time.sleep(2.1)
    refused(storage, put(storage, signed), 400, 403)
    assert storage.http.get(download).status_code in {400, 403}


@dataclass(frozen=True)
class Tampering:
    """One way to change a signed URL."""

    pattern: str
    replacement: str


TAMPERINGS = {
    "other object": Tampering(r"out\.mp4", "in.mp4"),
    "longer life": Tampering(r"(xpires=)", r"\g<1>9"),
    "other signature": Tampering(r"(ignature=)(.)", r"\g<1>0\g<2>"),
    "empty signature": Tampering(r"(ignature=)\w+", r"\g<1>"),
    "no signature": Tampering(r"[&?](X-Goog-S|s)ignature=\w+", ""),
    "added parameter": Tampering(r"$", "&x=1"),
    "no query": Tampering(r"\?.*", ""),
}


@pytest.mark.parametrize("tampering", TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_changed_url_is_refused(storage: Storage, tampering: Tampering) -> None:
    signed = sign(storage)
    url = re.sub(tampering.pattern, tampering.replacement, signed.url, count=1)
    assert url != signed.url
    refused(storage, storage.http.put(url, content=DATA, headers=dict(signed.headers)), 400, 403)
    assert storage.objects.stat("p1/renders/in.mp4") is None


@pytest.mark.parametrize("tampering", TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_changed_download_url_is_refused(storage: Storage, tampering: Tampering) -> None:
    put(storage, sign(storage)).raise_for_status()
    signed = storage.objects.sign_download(NAME, expires_seconds=60)
    url = re.sub(tampering.pattern, tampering.replacement, signed, count=1)
    assert url != signed
    answer = storage.http.get(url)
    assert answer.status_code in {400, 403}
    assert DATA[:100] not in answer.content


def test_a_url_is_for_one_method(storage: Storage) -> None:
    signed = sign(storage, UploadBinding())
    download = storage.objects.sign_download(NAME, expires_seconds=60)
    refused(storage, storage.http.put(download, content=DATA), 403)
    put(storage, signed).raise_for_status()
    assert storage.http.get(signed.url).status_code == 403
    assert storage.http.delete(signed.url).status_code in {400, 403, 404, 410}
    assert storage.objects.stat(NAME) is not None


def test_a_cut_off_upload_leaves_nothing(storage: Storage) -> None:
    signed = sign(storage, UploadBinding("video/mp4"))
    headers = dict(signed.headers)
    put_and_hang_up(signed.url, headers, announced_bytes=len(DATA), sent=DATA[:200_000])
    put_and_hang_up(signed.url, headers, announced_bytes=len(DATA), sent=b"")
    assert not storage.objects.stat(NAME)
    # The same URL still works, and what it stores is the whole.
    put(storage, signed).raise_for_status()
    assert eventually(lambda: (found := storage.objects.stat(NAME)) is not None and found.size_bytes == len(DATA))


def test_a_cut_off_upload_keeps_the_old_object(storage: Storage) -> None:
    signed = sign(storage, UploadBinding("video/mp4"))
    put(storage, signed, b"old").raise_for_status()
    put_and_hang_up(signed.url, dict(signed.headers), announced_bytes=len(DATA), sent=DATA[:200_000])
    with storage.objects.open(NAME) as stream:
        assert stream.read() == b"old"
