"""Where bearer tokens are kept: the OS keyring per control plane, or a private file where there is no usable keyring.

``deskrun login`` writes here; every other command and the daemon read through ``token_provider``.
"""

import logging
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import keyring
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worker.calls import TokenProvider
from worker.private_file import write_private
from worker.settings import Settings
from worker.up_record import read_up_record

KEYRING_SERVICE = "deskrun"
LOGINS_NAME = "logins.json"

log = logging.getLogger(__name__)


class TokenPlace(StrEnum):
    """Where a token was found."""

    ENVIRONMENT = "environment"
    UP = "up"
    KEYRING = "keyring"
    FILE = "file"


@dataclass(frozen=True)
class FoundToken:
    """A token and where it was found."""

    token: str = field(repr=False)
    place: TokenPlace


@dataclass(frozen=True)
class KeptToken:
    """Where a token was put. ``why_not_keyring`` is the keyring's reason when it is the file."""

    place: TokenPlace
    why_not_keyring: str | None = None


class _LoginsFile(BaseModel):
    """``tokens`` by URL; None means that the keyring has it. ``current`` is the control plane logged in to last."""

    model_config = ConfigDict(frozen=True)

    current: str | None = None
    tokens: dict[str, str | None] = Field(default_factory=dict, repr=False)


class Logins:
    """The control planes this desk is logged in to, below one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / LOGINS_NAME

    @property
    def current_url(self) -> str | None:
        """The control plane of the last ``login`` that was not logged out again."""
        return self._read().current

    def keep(self, url: str, token: str) -> KeptToken:
        """Keep the token for this control plane and make it the current one."""
        reason = _put_in_keyring(url, token)
        logins = self._read()
        tokens = {**logins.tokens, url: None if reason is None else token}
        self._write(_LoginsFile(current=url, tokens=tokens))
        return KeptToken(TokenPlace.KEYRING) if reason is None else KeptToken(TokenPlace.FILE, reason)

    def find(self, url: str) -> FoundToken | None:
        """The token kept for this control plane."""
        tokens = self._read().tokens
        if url not in tokens:
            return None
        in_file = tokens[url]
        if in_file is not None:
            return FoundToken(in_file, TokenPlace.FILE)
        try:
            in_keyring = keyring.get_password(KEYRING_SERVICE, url)
        except Exception as error:  # noqa: BLE001 - each backend raises its platform's own types
            log.warning("the token for %s is in a keyring that does not answer: %s", url, _reason(error))
            return None
        return None if in_keyring is None else FoundToken(in_keyring, TokenPlace.KEYRING)

    def forget(self, url: str) -> bool:
        """Remove the token of this control plane; False if there was none."""
        logins = self._read()
        if url not in logins.tokens:
            return False
        if logins.tokens[url] is None:
            _remove_from_keyring(url)
        remaining = {kept_url: token for kept_url, token in logins.tokens.items() if kept_url != url}
        current = None if logins.current == url else logins.current
        self._write(_LoginsFile(current=current, tokens=remaining))
        return True

    def _read(self) -> _LoginsFile:
        try:
            return _LoginsFile.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return _LoginsFile()
        except (OSError, ValidationError):
            # The message of a ValidationError would quote the tokens.
            log.warning("%s cannot be read: log in again", self.path)
            return _LoginsFile()

    def _write(self, logins: _LoginsFile) -> None:
        write_private(self.path, logins.model_dump_json(indent=2))


def find_token(settings: Settings) -> FoundToken | None:
    """The token for the settings' control plane: setting ``token``, else that of ``up``, else that of ``login``."""
    if settings.token is not None:
        return FoundToken(settings.token.get_secret_value(), TokenPlace.ENVIRONMENT)
    record = read_up_record(settings.data_dir)
    if record is not None and record.url == settings.control_plane_url:
        return FoundToken(record.token, TokenPlace.UP)
    return Logins(settings.data_dir).find(settings.control_plane_url)


def token_provider(settings: Settings) -> TokenProvider:
    """Reads the token anew on each call, so that a token replaced by ``login`` is found after a 401."""

    def provide() -> str | None:
        found = find_token(settings)
        return None if found is None else found.token

    return provide


def keyring_name() -> str:
    """The keyring in use, for people; the name of the failing one where there is none."""
    return str(keyring.get_keyring().name)


def keyring_trouble() -> str | None:
    """Why the keyring cannot be used, found out by using it; None if it can."""
    trial = "deskrun doctor"
    trouble = _put_in_keyring(trial, "a value to read back")
    if trouble is None:
        _remove_from_keyring(trial)
    return trouble


def _put_in_keyring(url: str, token: str) -> str | None:
    """None when the keyring has the token now, else why not.

    Read back, because some backends keep nothing; Windows refuses more than 1280 characters with an error of its own.
    """
    try:
        keyring.set_password(KEYRING_SERVICE, url, token)
        kept = keyring.get_password(KEYRING_SERVICE, url)
    except Exception as error:  # noqa: BLE001 - each backend raises its platform's own types
        return _reason(error)
    if kept == token:
        return None
    _remove_from_keyring(url)
    return f"{keyring_name()} does not give back what it was given"


def _remove_from_keyring(url: str) -> None:
    try:
        keyring.delete_password(KEYRING_SERVICE, url)
    except Exception as error:  # noqa: BLE001 - each backend raises its platform's own types
        log.warning("the token for %s may still be in the keyring: %s", url, _reason(error))


def _reason(error: Exception) -> str:
    """The first sentence only: keyring's own errors go on with advice about other packages."""
    return (str(error) or type(error).__name__).partition(". ")[0].rstrip(".")
