"""Makes projects, timelines, assets, renders and workers through the API; what a test does not name has a default."""

import base64
import uuid
from dataclasses import dataclass, field
from typing import Any

import google_crc32c
import httpx

from tests.support.control_plane import LocalControlPlane

CLIP_BYTES = b"not a film, but bytes that can be checked"


def crc32c_of(data: bytes) -> str:
    """CRC-32C as Cloud Storage writes it."""
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def same_crc32c(data: bytes) -> bytes:
    """Other bytes of the same size and CRC-32C: it is linear, so a multiple of its polynomial changes nothing."""
    polynomial = (0x82F63B78 << 1 | 1).to_bytes(5, "little")
    return bytes(byte ^ flip for byte, flip in zip(data, polynomial, strict=False)) + data[len(polynomial) :]


def new_user() -> str:
    """A user nobody else is."""
    return f"user-{uuid.uuid4().hex[:12]}"


def rational(value: float, rate: float = 24) -> dict[str, Any]:
    """An OTIO time."""
    return {"OTIO_SCHEMA": "RationalTime.1", "value": value, "rate": rate}


def time_range(start: float = 0, duration: float = 48) -> dict[str, Any]:
    """An OTIO range, in frames."""
    return {"OTIO_SCHEMA": "TimeRange.1", "start_time": rational(start), "duration": rational(duration)}


def external(asset_id: str) -> dict[str, Any]:
    """A reference to an asset."""
    return {"OTIO_SCHEMA": "ExternalReference.1", "asset_id": asset_id, "target_url": f"asset:{asset_id}"}


def solid() -> dict[str, Any]:
    """A reference to media that needs no asset."""
    return {
        "OTIO_SCHEMA": "GeneratorReference.1",
        "generator_kind": "SolidColor",
        "parameters": {"color": "#336699"},
        "available_range": time_range(),
    }


def clip(reference: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Two seconds of something."""
    usual = {"OTIO_SCHEMA": "Clip.1", "name": "clip", "source_range": time_range()}
    return {**usual, "media_reference": reference if reference is not None else solid(), **fields}


def track(*children: dict[str, Any], kind: str = "Video") -> dict[str, Any]:
    """Items one after the other."""
    return {"OTIO_SCHEMA": "Track.1", "name": kind, "kind": kind, "children": list(children)}


def timeline(*tracks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A document that can be saved; without tracks, one with a single source-less clip."""
    children = list(tracks) if tracks else [track(clip())]
    stack = {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": children}
    return {"OTIO_SCHEMA": "Timeline.1", "name": "cut", "tracks": stack, "metadata": {}, **fields}


@dataclass
class Desk:
    """One user with a client, and what most tests need of a project. Each method asserts that its call worked."""

    control_plane: LocalControlPlane
    user_id: str = field(default_factory=new_user)

    def __post_init__(self) -> None:
        self.http = self.control_plane.client(self.user_id)

    def _ok(self, answer: httpx.Response, status: int = 200) -> Any:
        assert answer.status_code == status, answer.text
        return answer.json()

    def project(self, **fields: Any) -> str:
        """A new project's id."""
        return str(self._ok(self.http.post("/projects", json={"name": "film", **fields}), 201)["project_id"])

    def save_timeline(self, project_id: str, document: dict[str, Any] | None = None) -> int:
        """Save a timeline; its version."""
        answer = self.http.put(f"/projects/{project_id}/timeline", json=document or timeline())
        return int(self._ok(answer)["timeline_version"])

    def ready_project(self, **fields: Any) -> str:
        """A project with a timeline that can be rendered."""
        project_id = self.project(**fields)
        self.save_timeline(project_id)
        return project_id

    def asset(self, project_id: str, data: bytes = CLIP_BYTES, *, name: str = "clip.mp4") -> dict[str, Any]:
        """An asset that is ready."""
        files = {"file": (name, data, "video/mp4")}
        answer = self._ok(self.http.post(f"/projects/{project_id}/assets", files=files))
        return dict(answer["asset"])

    def pending_asset(self, project_id: str, data: bytes = CLIP_BYTES, **fields: Any) -> dict[str, Any]:
        """A ticket to upload ``data``."""
        body = {"filename": "clip.mp4", "content_type": "video/mp4", "size_bytes": len(data), **fields}
        return dict(self._ok(self.http.post(f"/projects/{project_id}/assets/upload-url", json=body)))

    def render(self, project_id: str, **fields: Any) -> dict[str, Any]:
        """A new render job."""
        return dict(self._ok(self.http.post(f"/projects/{project_id}/render", json=fields))["job"])

    def job(self, project_id: str, job_id: str) -> dict[str, Any]:
        """The job as its people see it."""
        return dict(self._ok(self.http.get(f"/projects/{project_id}/renders/{job_id}"))["job"])

    def worker(self, **fields: Any) -> str:
        """A registered worker's id."""
        body = {"name": "desk", "kinds": ["render"], "software_version": "0.1.0", "protocol_version": 1, **fields}
        return str(self._ok(self.http.post("/workers", json=body), 201)["worker"]["worker_id"])

    def claim(self, project_id: str, job_id: str, worker_id: str | None = None) -> "Attempt":
        """Claim a job by a worker of this user."""
        body = {"worker_id": worker_id or self.worker()}
        answer = self._ok(self.http.post(f"/projects/{project_id}/renders/{job_id}/claim", json=body))
        return Attempt(self, project_id, job_id, answer["lease"]["attempt"], answer["lease"]["token"])

    def share(self, project_id: str, data: bytes = CLIP_BYTES) -> dict[str, Any]:
        """A registered output."""
        body = {"filename": "final.mp4", "content_type": "video/mp4"}
        ticket = self._ok(self.http.post(f"/projects/{project_id}/outputs/upload-url", json=body))
        put(ticket, data).raise_for_status()
        return dict(self._ok(self.http.post(f"/projects/{project_id}/outputs", json={"gcs_path": ticket["gcs_path"]})))


@dataclass
class Attempt:
    """A claim, as its worker speaks about it."""

    desk: Desk
    project_id: str
    job_id: str
    number: int
    token: str

    @property
    def path(self) -> str:
        """The job's path."""
        return f"/projects/{self.project_id}/renders/{self.job_id}"

    def post(self, call: str, body: dict[str, Any]) -> httpx.Response:
        """A call with the lease token."""
        return self.desk.http.post(f"{self.path}/{call}", json=body, headers={"X-Lease-Token": self.token})

    def report(self, status: str, progress: float = 0, **fields: Any) -> httpx.Response:
        """A report of this attempt."""
        body = {"job_id": self.job_id, "status": status, "progress": progress, "attempt": self.number, **fields}
        return self.post("webhook", body)

    def upload(self, data: bytes = CLIP_BYTES) -> dict[str, Any]:
        """Upload the output; the fields that a ``completed`` report needs."""
        ticket = self.post("upload-url", {"size_bytes": len(data), "crc32c": crc32c_of(data)}).json()
        put(ticket, data).raise_for_status()
        return {
            "output_url": ticket["gcs_path"],
            "output_size_bytes": len(data),
            "output_crc32c": crc32c_of(data),
        }


def put(ticket: dict[str, Any], data: bytes) -> httpx.Response:
    """PUT the bytes of a ticket, with all of its headers."""
    return httpx.put(ticket["upload_url"], content=data, headers=ticket["headers"], timeout=60, trust_env=False)
