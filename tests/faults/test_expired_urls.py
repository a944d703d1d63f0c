"""A signed URL that has expired when it is used: the desk asks for another, and the job goes on."""

from datetime import timedelta
from pathlib import Path

import pytest

from schemas.jobs import JobStatus
from tests.support.clock import MovableClock
from tests.support.gcs_standin import GcsStandin
from tests.support.network import Fault, HttpLine
from tests.support.places import SHORT_LEASES, on_emulators
from tests.support.scenes import studio_with
from tests.support.signer import SigningKey

TICKETS = {"manifest": "GET", "download": "GET", "upload-url": "POST"}


@pytest.mark.parametrize("ticket", TICKETS)
def test_an_expired_url_is_replaced(
    firestore_emulator: str, pubsub_emulator: str, clip: Path, tmp_path: Path, ticket: str
) -> None:
    clock = MovableClock()

    def let_urls_expire() -> None:
        clock.offset = timedelta(hours=2)

    def back_to_now() -> None:
        clock.offset = timedelta()

    with on_emulators(tmp_path, firestore=firestore_emulator, pubsub=pubsub_emulator) as place:
        key = SigningKey.load(Path(place.settings["DESKRUN_SIGNING_KEY_FILE"]))
        with GcsStandin(tmp_path / "moving", key.public_key, clock=clock) as store:
            plane = place.control_plane(
                tmp_path / "control-plane", {**SHORT_LEASES, "STORAGE_EMULATOR_HOST": store.url}
            )
            path = f".*/renders/.*/{ticket}|.*/assets/.*/{ticket}"
            first = Fault(TICKETS[ticket], path, then=let_urls_expire)
            second = Fault(TICKETS[ticket], path, then=back_to_now)
            with plane, HttpLine(plane.url, first, second) as line, place.daemon(tmp_path / "desk", line.url) as desk:
                studio = studio_with(plane.url, clip)
                job = studio.wait_for_end(studio.ask_for_render())
                assert (first.met, second.met) == (1, 1)
                assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
                desk.wait_until_tidy()
