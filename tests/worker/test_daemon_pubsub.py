"""A real daemon that listens by Pub/Sub: doorbells from Google's emulator, jobs from a control plane of its own."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from starlette.requests import Request
from starlette.responses import Response

from schemas.events import Doorbell, DoorbellReason
from schemas.jobs import JobKind, JobStatus
from tests.support.processes import ControlPlaneProcess, DaemonProcess
from tests.support.scripted import ScriptedServer
from tests.support.studio import SLOW, Studio

POOL = "me"


class Bell:
    """A topic and its one subscription on the emulator."""

    def __init__(self, project: str) -> None:
        name = uuid.uuid4().hex
        self.topic = f"projects/{project}/topics/t{name}"
        self.subscription = f"projects/{project}/subscriptions/s{name}"
        self.publisher = PublisherClient()
        self.publisher.create_topic(request={"name": self.topic})
        with SubscriberClient() as subscriber:
            subscriber.create_subscription(request={"name": self.subscription, "topic": self.topic})

    def ring(self, reason: DoorbellReason, studio: Studio, job_id: str, *, times: int = 1) -> None:
        bell = Doorbell(reason=reason, kind=JobKind.RENDER, project_id=studio.project_id, job_id=job_id)
        sent = [self.publisher.publish(self.topic, bell.model_dump_json().encode(), pool=POOL) for _ in range(times)]
        for future in sent:
            future.result(timeout=20)


@pytest.fixture
def bell(pubsub_emulator: str, gcp_project: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bell]:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_emulator)
    bell = Bell(gcp_project)
    yield bell
    bell.publisher.stop()
    bell.publisher.transport.close()


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlaneProcess]:
    with ControlPlaneProcess(tmp_path / "plane") as process:
        yield process


@pytest.fixture
def desk(bell: Bell, plane: ControlPlaneProcess, tmp_path: Path) -> Iterator[DaemonProcess]:
    """A desk that is told to listen by Pub/Sub, and to beat once an hour: what it hears, it hears by doorbell."""

    async def handler(request: Request) -> Response:
        async with httpx.AsyncClient(timeout=60) as client:
            headers = {name: value for name, value in request.headers.items() if name != "host"}
            url = plane.url + request.url.path
            answer = await client.request(request.method, url, content=await request.body(), headers=headers)
        document = answer.json()
        if request.url.path == "/workers" and answer.is_success:
            document["subscription"] = {"kind": "pubsub", "subscription": bell.subscription, "pool": POOL}
            document["heartbeat_seconds"] = 3600
        return Response(json.dumps(document), answer.status_code, media_type=answer.headers["content-type"])

    with ScriptedServer(handler) as proxy, DaemonProcess(tmp_path / "desk", proxy.url) as daemon:
        daemon.wait_for_event("subscription_started")
        yield daemon


@pytest.fixture
def studio(plane: ControlPlaneProcess, clip: Path) -> Studio:
    studio = Studio(plane.url)
    studio.asset_id = studio.add_asset(clip, "video/mp4")
    studio.save_timeline(studio.asset_id)
    return studio


def test_a_doorbell_rung_a_hundred_times_starts_one_render(desk: DaemonProcess, bell: Bell, studio: Studio) -> None:
    job_id = studio.ask_for_render()
    bell.ring(DoorbellReason.JOB_QUEUED, studio, job_id, times=100)
    assert studio.wait_for_end(job_id).status is JobStatus.COMPLETED
    assert len(desk.records("job_claimed")) == 1


def test_a_cancel_doorbell_stops_a_render(desk: DaemonProcess, bell: Bell, studio: Studio) -> None:
    studio.save_timeline(studio.asset_id, seconds=600)
    job_id = studio.ask_for_render(SLOW)
    bell.ring(DoorbellReason.JOB_QUEUED, studio, job_id)
    desk.wait_for_event("job_phase", phase="rendering")
    studio.cancel(job_id)
    bell.ring(DoorbellReason.CANCEL_REQUESTED, studio, job_id)
    assert studio.wait_for_end(job_id).status is JobStatus.CANCELLED


def test_a_freed_slot_takes_the_job_whose_doorbell_came_too_early(
    desk: DaemonProcess, bell: Bell, studio: Studio
) -> None:
    jobs = [studio.ask_for_render() for _ in range(3)]
    for job_id in jobs:
        bell.ring(DoorbellReason.JOB_QUEUED, studio, job_id)
    assert {studio.wait_for_end(job_id).status for job_id in jobs} == {JobStatus.COMPLETED}


def test_the_listening_daemon_ends_as_quickly_as_any(desk: DaemonProcess) -> None:
    desk.child.terminate()
    assert desk.wait() == 0
