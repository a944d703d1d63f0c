"""What both APIs share: the store, the trusted key, the clock, finishing an upload; `server` builds it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from .notifications import Notifier
from .objects import Metadata, Preconditions, StoredObject
from .staging import Promise, StagedBytes
from .store import ObjectStore


@dataclass(frozen=True)
class Upload:
    """Where bytes go, what they must fulfil, and what is said about them."""

    bucket: str
    name: str
    preconditions: Preconditions
    promise: Promise
    metadata: Metadata


@dataclass(frozen=True)
class Service:
    """The state of one stand-in."""

    store: ObjectStore
    public_key: rsa.RSAPublicKey
    clock: Callable[[], datetime]
    notifier: Notifier | None

    async def receive(self, upload: Upload, body: AsyncIterator[bytes]) -> StoredObject:
        """Stream a whole body into an object; whatever goes wrong, nothing is left behind."""
        upload.preconditions.check(self.store.find(upload.bucket, upload.name))
        staged = self.store.stage()
        try:
            async for chunk in body:
                upload.promise.check_growing(staged.size_bytes + len(chunk))
                staged.write(chunk)
            return self.finish(upload, staged)
        except BaseException:
            staged.discard()
            raise

    def finish(self, upload: Upload, staged: StagedBytes) -> StoredObject:
        """Publish staged bytes that keep their promise; StorageError leaves them to the caller."""
        upload.promise.check_whole(staged)
        target = (upload.bucket, upload.name)
        replaced = self.store.find(*target)
        stored = self.store.publish(staged, target, upload.preconditions, upload.metadata)
        self.announce(stored, replaced)
        return stored

    def announce(self, stored: StoredObject, replaced: StoredObject | None) -> None:
        """Tell the notification topic, if there is one, that an object was finalized."""
        if self.notifier:
            self.notifier.finalized(stored, replaced)
