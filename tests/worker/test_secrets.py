"""Where tokens are kept, with real keyring backends of every temper: one that works, refuses, forgets, shortens."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null

from worker.private_file import write_private
from worker.secrets import Logins, TokenPlace, find_token, keyring_trouble, token_provider
from worker.settings import Settings
from worker.up_record import UpRecord, read_up_record, write_up_record

URL = "https://control.example.com"


class WorkingKeyring(KeyringBackend):
    """Keeps passwords in memory; ``limit`` is as on Windows."""

    priority = 1
    limit = 1280

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password) > self.limit:
            raise OSError(1783, "The stub received bad data")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class ShorteningKeyring(WorkingKeyring):
    """Says yes and keeps half."""

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password[: len(password) // 2]


class LockedKeyring(WorkingKeyring):
    """Was open when the token went in."""

    locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise PermissionError("the keyring is locked")
        return super().get_password(service, username)


@pytest.fixture
def in_use() -> Iterator[WorkingKeyring]:
    before = keyring.get_keyring()
    working = WorkingKeyring()
    keyring.set_keyring(working)
    yield working
    keyring.set_keyring(before)


def settings_of(folder: Path, url: str = URL, **explicit: str) -> Settings:
    return Settings(data_dir=folder, control_plane_url=url, **explicit)  # type: ignore[arg-type]


def test_a_keyring_that_works_has_the_token_and_the_file_has_not(in_use: WorkingKeyring, tmp_path: Path) -> None:
    logins = Logins(tmp_path)
    assert logins.keep(URL, "secret").place is TokenPlace.KEYRING
    assert in_use.kept == {("deskrun", URL): "secret"}
    assert "secret" not in logins.path.read_text()
    found = logins.find(URL)
    assert found is not None
    assert (found.token, found.place) == ("secret", TokenPlace.KEYRING)
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("backend", "token", "reason"),
    [
        (fail.Keyring(), "secret", "No recommended backend"),  # type: ignore[no-untyped-call]
        (null.Keyring(), "secret", "does not give back"),  # type: ignore[no-untyped-call]
        (WorkingKeyring(), "x" * 1281, "bad data"),
        (ShorteningKeyring(), "secret", "does not give back"),
    ],
    ids=["none", "keeps nothing", "too long", "shortens"],
)
def test_a_keyring_that_cannot_keep_it_leaves_the_file(
    in_use: WorkingKeyring, tmp_path: Path, backend: KeyringBackend, token: str, reason: str
) -> None:
    keyring.set_keyring(backend)
    logins = Logins(tmp_path / "new" / "folder")
    kept = logins.keep(URL, token)
    assert kept.place is TokenPlace.FILE
    assert kept.why_not_keyring is not None
    assert reason in kept.why_not_keyring
    assert stat.S_IMODE(logins.path.stat().st_mode) == 0o600
    found = logins.find(URL)
    assert found is not None
    assert (found.token, found.place) == (token, TokenPlace.FILE)
    assert not getattr(backend, "kept", {})
    assert [path.name for path in logins.path.parent.iterdir()] == ["logins.json"]


def test_a_locked_keyring_is_told_and_gives_no_token(
    in_use: WorkingKeyring, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    locked = LockedKeyring()
    keyring.set_keyring(locked)
    Logins(tmp_path).keep(URL, "the token itself")
    locked.locked = True
    assert Logins(tmp_path).find(URL) is None
    assert "the keyring is locked" in caplog.text
    assert "the token itself" not in caplog.text


def test_tokens_are_per_control_plane_and_the_last_login_is_current(in_use: WorkingKeyring, tmp_path: Path) -> None:
    logins = Logins(tmp_path)
    logins.keep(URL, "one")
    logins.keep("https://other.example.com", "two")
    assert logins.current_url == "https://other.example.com"
    found = logins.find(URL)
    assert found is not None
    assert found.token == "one"
    assert logins.forget("https://other.example.com")
    assert Logins(tmp_path).current_url is None
    assert not logins.forget("https://other.example.com")
    assert in_use.kept == {("deskrun", URL): "one"}


@pytest.mark.parametrize("content", ["", "{", '{"tokens": [1]}', '{"tokens": {"u": 5}}'])
def test_a_file_that_cannot_be_read_counts_as_no_login(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logins.json").write_text(content)
    assert Logins(tmp_path).find(URL) is None
    assert "log in again" in caplog.text


def test_the_setting_wins_over_up_and_up_over_login(in_use: WorkingKeyring, tmp_path: Path) -> None:
    assert find_token(settings_of(tmp_path)) is None
    Logins(tmp_path).keep(URL, "of login")
    write_up_record(tmp_path, UpRecord(url=URL, token="of up"))
    assert find_token(settings_of(tmp_path, token="of setting")).token == "of setting"  # type: ignore[union-attr]
    assert find_token(settings_of(tmp_path)).token == "of up"  # type: ignore[union-attr]
    write_up_record(tmp_path, UpRecord(url="http://127.0.0.1:1", token="of up"))
    assert find_token(settings_of(tmp_path)).token == "of login"  # type: ignore[union-attr]


def test_a_provider_finds_what_was_logged_in_since(in_use: WorkingKeyring, tmp_path: Path) -> None:
    provide = token_provider(settings_of(tmp_path))
    assert provide() is None
    Logins(tmp_path).keep(URL, "first")
    assert provide() == "first"
    Logins(tmp_path).keep(URL, "second")
    assert provide() == "second"


def test_the_keyring_s_trouble_is_found_by_using_it(in_use: WorkingKeyring) -> None:
    assert keyring_trouble() is None
    assert in_use.kept == {}
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    assert keyring_trouble() == "No recommended backend was available"


def test_a_record_of_up_that_is_torn_counts_as_none(tmp_path: Path) -> None:
    assert read_up_record(tmp_path) is None
    write_up_record(tmp_path, UpRecord(url=URL, token="t"))
    text = (tmp_path / "up.json").read_text()
    (tmp_path / "up.json").write_text(text[: len(text) // 2])
    assert read_up_record(tmp_path) is None


def test_a_private_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_private(path, json.dumps({"old": 1}))
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\udcff")
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]
