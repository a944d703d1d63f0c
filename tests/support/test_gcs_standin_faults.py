"""The stand-in's faults, its request record, its notifications, and its life as a process of its own."""

import base64
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import httpx
import psutil
import pytest
from google.cloud import pubsub_v1, storage

from tests.support.gcs_standin import Fault, GcsStandin
from tests.support.signer import SignedUrls, SigningKey

MIB = 1024 * 1024


def read_until_cut(http: httpx.Client, url: str) -> bytes:
    received = bytearray()
    try:
        with http.stream("GET", url) as response:
            for block in response.iter_raw():
                received += block
    except httpx.RemoteProtocolError:
        return bytes(received)
    pytest.fail("the line held")


def test_a_planted_status_hits_the_next_matching_requests(
    bucket: Any, sign: SignedUrls, standin: GcsStandin, http: httpx.Client
) -> None:
    bucket.blob("film").upload_from_string(b"frames")
    standin.faults.add(Fault("GET", "/media/film", times=2, status=503))
    assert http.head(sign("film", "HEAD")).status_code == 200
    assert [http.get(sign("film")).status_code for _ in range(3)] == [503, 503, 200]
    standin.faults.add(Fault(status=429))
    standin.faults.clear()
    assert http.get(sign("film")).status_code == 200
    seen = [(each.method, each.path, each.status) for each in standin.faults.requests()[-5:]]
    assert seen == [
        ("HEAD", "/media/film", 200),
        ("GET", "/media/film", 503),
        ("GET", "/media/film", 503),
        ("GET", "/media/film", 200),
        ("GET", "/media/film", 200),
    ]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_googles_client_retries_a_planted_503(bucket: Any, standin: GcsStandin) -> None:
    bucket.blob("film").upload_from_string(b"frames")
    standin.faults.add(Fault("GET", "/download/", status=503))
    assert bucket.blob("film").download_as_bytes() == b"frames"
    assert [each.status for each in standin.faults.requests()[-2:]] == [503, 200]
    gc.collect()  # Google's client leaves the refused answer's connection to the collector


def test_a_delay_holds_one_request_and_not_the_others(
    bucket: Any, sign: SignedUrls, standin: GcsStandin, http: httpx.Client
) -> None:
    bucket.blob("film").upload_from_string(b"frames")
    standin.faults.add(Fault("GET", delay_seconds=60))
    with pytest.raises(httpx.ReadTimeout):
        http.get(sign("film"), timeout=0.2)
    assert http.get(sign("film")).content == b"frames"


def test_a_download_can_be_cut(bucket: Any, sign: SignedUrls, standin: GcsStandin, http: httpx.Client) -> None:
    content = os.urandom(MIB)
    bucket.blob("film").upload_from_string(content)
    standin.faults.add(Fault("GET", cut_response_after_bytes=300_000))
    received = read_until_cut(http, sign("film"))
    assert received == content[:300_000]
    rest = http.get(sign("film"), headers={"Range": f"bytes={len(received)}-"})
    assert received + rest.content == content


def test_an_upload_can_be_cut_and_its_answer_lost(
    bucket: Any, sign: SignedUrls, standin: GcsStandin, http: httpx.Client
) -> None:
    standin.faults.add(Fault("PUT", cut_request_after_bytes=1000))
    with pytest.raises(httpx.TransportError):
        http.put(sign("film", "PUT"), content=os.urandom(MIB))
    assert bucket.get_blob("film") is None
    standin.faults.add(Fault("PUT", cut_response_after_bytes=0))
    with pytest.raises(httpx.TransportError):
        http.put(sign("film", "PUT"), content=b"frames")
    assert bucket.blob("film").download_as_bytes() == b"frames"


def test_a_fault_beyond_the_body_changes_nothing(
    bucket: Any, sign: SignedUrls, standin: GcsStandin, http: httpx.Client
) -> None:
    standin.faults.add(Fault("PUT", cut_request_after_bytes=1000, cut_response_after_bytes=1000))
    assert http.put(sign("film", "PUT"), content=b"frames").status_code == 200
    assert bucket.blob("film").download_as_bytes() == b"frames"


def test_faults_and_requests_over_http(standin: GcsStandin, http: httpx.Client) -> None:
    control = f"{standin.url}/_standin/faults"
    assert http.post(control, json={"method": "GET", "path_prefix": "/storage/", "status": 500}).status_code == 204
    assert http.post(control, json={"colour": "red"}).status_code == 400
    assert http.get(f"{standin.url}/storage/v1/b/media").json()["error"]["code"] == 500
    assert http.post(control, json={"status": 500}).status_code == 204
    assert http.delete(control).status_code == 204
    assert http.get(f"{standin.url}/storage/v1/b/media").status_code == 404
    assert http.get(f"{standin.url}/_standin/requests").json() == [
        {"method": "GET", "path": "/storage/v1/b/media", "query": "", "status": 500},
        {"method": "GET", "path": "/storage/v1/b/media", "query": "", "status": 404},
    ]


def test_notifications_arrive_as_cloud_storage_sends_them(
    pubsub_emulator: str, tmp_path: Path, signing_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_emulator)
    run = uuid.uuid4().hex
    topic, subscription = f"projects/demo/topics/gcs-{run}", f"projects/demo/subscriptions/gcs-{run}"
    with (
        pubsub_v1.PublisherClient() as publisher,
        pubsub_v1.SubscriberClient() as subscriber,
        httpx.Client(trust_env=False) as http,
    ):
        publisher.create_topic(name=topic)
        subscriber.create_subscription(name=subscription, topic=topic)
        with GcsStandin(tmp_path, signing_key.public_key, notify_topic=topic) as standin:
            http.post(f"{standin.url}/storage/v1/b", json={"name": "media"})
            upload = f"{standin.url}/upload/storage/v1/b/media/o?uploadType=media&name=a%20film"
            stored = [http.post(upload, content=body).json() for body in (b"one", b"two")]
        messages: list[Any] = []
        while len(messages) < 2:
            pulled = subscriber.pull(subscription=subscription, max_messages=2, timeout=30).received_messages
            subscriber.acknowledge(subscription=subscription, ack_ids=[each.ack_id for each in pulled])
            messages += [each.message for each in pulled]
    messages.sort(key=lambda message: str(message.attributes["objectGeneration"]))
    assert [json.loads(message.data) for message in messages] == stored
    assert dict(messages[1].attributes) == {
        "notificationConfig": "projects/_/buckets/media/notificationConfigs/1",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": "media",
        "objectId": "a film",
        "objectGeneration": stored[1]["generation"],
        "eventTime": stored[1]["updated"],
        "overwroteGeneration": stored[0]["generation"],
    }
    assert "overwroteGeneration" not in messages[0].attributes


def test_an_absent_pubsub_does_not_fail_an_upload(
    tmp_path: Path, signing_key: SigningKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        pytest.raises(ValueError, match="PUBSUB_EMULATOR_HOST"),
        GcsStandin(tmp_path, signing_key.public_key, notify_topic="projects/demo/topics/t"),
    ):
        pass
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    with (
        caplog.at_level(logging.ERROR),
        httpx.Client(trust_env=False) as http,
        GcsStandin(tmp_path, signing_key.public_key, notify_topic="projects/demo/topics/t") as standin,
    ):
        http.post(f"{standin.url}/storage/v1/b", json={"name": "media"})
        upload = f"{standin.url}/upload/storage/v1/b/media/o?uploadType=media&name=film"
        assert http.post(upload, content=b"x").status_code == 200
    assert "notification for film was not published" in caplog.text


@pytest.fixture
def standin_process(tmp_path: Path, signing_key: SigningKey) -> Iterator[tuple[psutil.Popen, str]]:
    signing_key.save_public(tmp_path / "public.pem")
    command = [sys.executable, "-m", "tests.support.gcs_standin", "--data", str(tmp_path / "gcs")]
    process = psutil.Popen([*command, "--public-key", str(tmp_path / "public.pem")], stdout=subprocess.PIPE)
    try:
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def test_a_large_object_streams_through_the_process(
    standin_process: tuple[psutil.Popen, str], signing_key: SigningKey, tmp_path: Path, http: httpx.Client
) -> None:
    process, url = standin_process
    client = storage.Client(project="test", credentials=signing_key.credentials(), client_options={"api_endpoint": url})
    sign = SignedUrls(client.create_bucket("media"), signing_key, url)
    block = os.urandom(MIB)
    rss = [process.memory_info().rss]

    def blocks() -> Iterator[bytes]:
        for _ in range(160):
            rss.append(process.memory_info().rss)
            yield block

    session = sign.bucket.blob("film").create_resumable_upload_session(size=160 * MIB, if_generation_match=0)
    for target in (sign("other", "PUT"), session):
        assert http.put(target, content=blocks()).status_code == 200
    crc, received = 0, 0
    with http.stream("GET", sign("film")) as response:
        for part in response.iter_raw():
            crc = google_crc32c.extend(crc, part)
            received += len(part)
        rss.append(process.memory_info().rss)
    assert received == 160 * MIB
    assert sign.bucket.get_blob("film").crc32c == base64.b64encode(crc.to_bytes(4, "big")).decode()
    client.close()
    assert max(rss) - rss[0] < 100 * MIB


def test_sigterm_ends_the_process_cleanly(standin_process: tuple[psutil.Popen, str], http: httpx.Client) -> None:
    process, url = standin_process
    with http.stream("POST", f"{url}/storage/v1/b", json={"name": "media"}) as response:
        assert response.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_a_private_key_survives_its_file(tmp_path: Path, signing_key: SigningKey) -> None:
    path = tmp_path / "key.pem"
    signing_key.save(path)
    assert path.stat().st_mode & 0o077 == 0
    assert SigningKey.load(path).public_key == signing_key.public_key
    signing_key.save_public(path)
    with pytest.raises(ValueError, match="private"):
        SigningKey.load(path)
