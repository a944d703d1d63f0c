"""What this machine can do for deskrun, and what to do about what it cannot. ``deskrun doctor`` shows it.

Each check looks by doing: it encodes, connects, writes. None of them changes anything.
"""

import asyncio
import contextlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import docker
import psutil
from docker.errors import DockerException

from schemas.message import Page
from schemas.presets import VideoCodec
from worker.control_plane import ControlPlane
from worker.errors import ControlPlaneError, Offline, Unauthenticated
from worker.render.errors import RenderError
from worker.render.ffmpeg import Ffmpeg, find_ffmpeg, working_encoders
from worker.secrets import find_token, keyring_name, keyring_trouble, token_provider
from worker.settings import Settings

MIN_PYTHON = (3, 11)
LITTLE_DISK_BYTES = 5 * 1000**3
NO_DISK_BYTES = 200 * 1000**2
CLOCK_TOLERANCE_SECONDS = 60.0
COMMAND_SECONDS = 10.0
DOCKER_SECONDS = 5

SOFTWARE_ENCODERS: dict[str, tuple[str, ...]] = {
    VideoCodec.H264: ("libx264",),
    VideoCodec.H265: ("libx265",),
    VideoCodec.PRORES: ("prores_ks",),
    VideoCodec.VP9: ("libvpx-vp9",),
    VideoCodec.AV1: ("libsvtav1", "libaom-av1"),
    "aac": ("aac",),
    "opus": ("libopus",),
    "mp3": ("libmp3lame",),
}
"""What the presets need; any one of the encoders named will do."""

ESSENTIAL_CODECS = (VideoCodec.H264, "aac")
"""Without these the default presets cannot be rendered."""


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    """Something is missing that rendering can do without."""
    FAILED = "failed"
    """Rendering does not work."""


@dataclass(frozen=True)
class Check:
    """One line of the table. ``advice`` says what to do about a verdict that is not ``ok``."""

    name: str
    verdict: Verdict
    found: str
    advice: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


async def examine(settings: Settings) -> list[Check]:
    """Every check, in the order people read them."""
    local = await asyncio.to_thread(lambda: list(_local_checks(settings)))
    return [*local, await _control_plane(settings)]


def can_render(checks: list[Check]) -> bool:
    """Whether this machine can turn a timeline into a video."""
    return all(check.verdict is not Verdict.FAILED for check in checks)


def _local_checks(settings: Settings) -> Iterator[Check]:
    yield _python()
    yield _machine()
    yield from _ffmpeg(settings)
    yield _docker_engine()
    yield _compose()
    yield _keyring()
    yield _disk(settings.data_dir)
    yield _writable("data folder", settings.data_dir)
    yield _writable("temporary folder", Path(tempfile.gettempdir()))
    for folder in settings.override_dirs:
        yield _override_folder(folder)


def _python() -> Check:
    version = platform.python_version()
    facts = {"version": version, "path": sys.executable}
    if sys.version_info < MIN_PYTHON:
        return Check("Python", Verdict.FAILED, version, "Use Python 3.11 or newer.", facts)
    return Check("Python", Verdict.OK, f"{version} ({sys.executable})", facts=facts)


def _machine() -> Check:
    cores = psutil.cpu_count() or 1
    memory = psutil.virtual_memory().total
    found = f"{platform.system()} {platform.machine()}, {cores} cores, {memory / 1000**3:.0f} GB of memory"
    return Check("machine", Verdict.OK, found, facts={"cpu_count": cores, "memory_bytes": memory})


def _ffmpeg(settings: Settings) -> Iterator[Check]:
    try:
        ffmpeg = find_ffmpeg(settings.ffmpeg)
        encoders = working_encoders(ffmpeg)
    except RenderError as error:
        yield Check("ffmpeg", Verdict.FAILED, error.message, error.hint)
        return
    facts = {"version": ffmpeg.version, "source": ffmpeg.source, "path": str(ffmpeg.path)}
    yield Check("ffmpeg", Verdict.OK, f"{ffmpeg.version} ({_source_text(ffmpeg)})", facts=facts)
    yield _codecs(encoders)
    yield _hardware(encoders)


def _source_text(ffmpeg: Ffmpeg) -> str:
    told = {"setting": f"set to {ffmpeg.path}", "wheel": "came with deskrun", "system": f"this machine's {ffmpeg.path}"}
    return told[ffmpeg.source]


def _codecs(encoders: dict[str, str | None]) -> Check:
    def works(codec: str) -> bool:
        return any(name in encoders and encoders[name] is None for name in SOFTWARE_ENCODERS[codec])

    missing = [str(codec) for codec in SOFTWARE_ENCODERS if not works(codec)]
    found = ", ".join(str(codec) for codec in SOFTWARE_ENCODERS if works(codec)) or "none"
    facts = {"encoders": encoders}
    if not missing:
        return Check("encoders", Verdict.OK, found, facts=facts)
    verdict = Verdict.FAILED if any(codec in missing for codec in ESSENTIAL_CODECS) else Verdict.WARNING
    advice = f"No {', '.join(missing)}: unset DESKRUN_FFMPEG to use the ffmpeg that comes with deskrun."
    return Check("encoders", verdict, found, advice, facts)


def _hardware(encoders: dict[str, str | None]) -> Check:
    software = {name for names in SOFTWARE_ENCODERS.values() for name in names}
    working = [name for name, trouble in encoders.items() if trouble is None and name not in software]
    found = ", ".join(working) or "none works here; rendering uses the processor"
    return Check("hardware encoders", Verdict.OK, found, facts={"working": working})


def _docker_engine() -> Check:
    advice = "Only verifying generated backends needs it. Install Docker Engine or Docker Desktop, or start it."
    try:
        with contextlib.closing(docker.from_env(timeout=DOCKER_SECONDS)) as client:
            version = str(client.version()["Version"])
    except (DockerException, OSError) as error:
        return Check("Docker", Verdict.WARNING, "no engine answers", advice, {"reason": str(error)})
    return Check("Docker", Verdict.OK, f"engine {version}", facts={"version": version})


def _compose() -> Check:
    advice = "Only verifying generated backends needs it. Install the Docker Compose plugin (v2)."
    command = shutil.which("docker")
    if command is None:
        return Check("Docker Compose", Verdict.WARNING, "there is no docker command", advice)
    try:
        done = subprocess.run(
            [command, "compose", "version", "--short"],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("Docker Compose", Verdict.WARNING, f"docker does not run: {error}", advice)
    version = done.stdout.strip().removeprefix("v")
    if done.returncode != 0 or not version or version.startswith("1."):
        return Check("Docker Compose", Verdict.WARNING, version or "not installed", advice)
    return Check("Docker Compose", Verdict.OK, version, facts={"version": version})


def _keyring() -> Check:
    trouble = keyring_trouble()
    if trouble is None:
        return Check("keyring", Verdict.OK, keyring_name())
    advice = "Tokens go to a file that you alone can read, or set DESKRUN_TOKEN."
    return Check("keyring", Verdict.WARNING, f"none usable: {trouble}", advice)


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(_existing(folder)).free
    found = f"{free / 1000**3:.1f} GB free for {folder}"
    facts = {"free_bytes": free}
    if free < NO_DISK_BYTES:
        return Check("disk", Verdict.FAILED, found, "Free some space, or set DESKRUN_DATA_DIR to a larger disk.", facts)
    if free < LITTLE_DISK_BYTES:
        return Check(
            "disk", Verdict.WARNING, found, "Long renders may not fit; DESKRUN_CACHE_MAX_BYTES bounds the cache.", facts
        )
    return Check("disk", Verdict.OK, found, facts=facts)


def _writable(name: str, folder: Path) -> Check:
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)) as file:
            file.write(b"deskrun")
    except OSError as error:
        advice = f"Make {folder} writable, or choose another folder with DESKRUN_DATA_DIR."
        return Check(name, Verdict.FAILED, f"{folder}: {error.strerror or error}", advice)
    return Check(name, Verdict.OK, f"{folder} is writable")


def _override_folder(folder: Path) -> Check:
    try:
        count = sum(1 for _ in folder.iterdir())
    except OSError as error:
        advice = "Mount or create it, or take it out of DESKRUN_OVERRIDE_DIRS."
        return Check("override folder", Verdict.WARNING, f"{folder}: {error.strerror or error}", advice)
    return Check("override folder", Verdict.OK, f"{folder}, {count} entries")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest thing above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())


async def _control_plane(settings: Settings) -> Check:
    url = settings.control_plane_url
    facts: dict[str, Any] = {"url": url}
    if find_token(settings) is None:
        advice = "Run `deskrun login`, or `deskrun up` for one on this machine."
        return Check("control plane", Verdict.WARNING, f"not logged in to {url}", advice, facts)
    async with ControlPlane(url, token_provider(settings)) as client:
        try:
            await client.list_projects(Page(limit=1))
        except ControlPlaneError as error:
            return Check("control plane", Verdict.WARNING, str(error), _advice(error), facts)
        ahead_seconds = client.clock_ahead_seconds
    found = f"{url} answers, the token is good"
    if ahead_seconds is None:
        return Check("control plane", Verdict.OK, found, facts=facts)
    facts["clock_ahead_seconds"] = round(ahead_seconds, 1)
    found += f", clocks differ by {abs(ahead_seconds):.0f} s"
    if abs(ahead_seconds) > CLOCK_TOLERANCE_SECONDS:
        advice = "Set this machine's clock: tokens and signed URLs expire by the server's."
        return Check("control plane", Verdict.WARNING, found, advice, facts)
    return Check("control plane", Verdict.OK, found, facts=facts)


def _advice(error: ControlPlaneError) -> str:
    if isinstance(error, Offline):
        return "Rendering works without it. Start one here with `deskrun up`, or check address and network."
    if isinstance(error, Unauthenticated):
        return "Run `deskrun login` again."
    return "Try again in a moment."
