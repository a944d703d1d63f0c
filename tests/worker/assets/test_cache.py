import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from schemas.renders import AssetIntegrity
from tests.support.scripted import ScriptedServer
from worker import retries
from worker.assets import cache as cache_module
from worker.assets.cache import AssetCache, AssetCorruptError
from worker.checksums import checksum_file
from worker.errors import TicketExpired
from worker.transfers import Transfers

MB = 1_000_000


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_SECONDS", 0.001)


class Shelf:
    """A cache in front of a store that serves ``content`` by asset id."""

    def __init__(self, tmp_path: Path, *, max_bytes: int = 100 * MB) -> None:
        self.content: dict[str, bytes] = {"a": b"a" * MB, "b": b"b" * MB, "c": b"c" * MB}
        self.wanted = {name: self._integrity(tmp_path / name, data) for name, data in self.content.items()}
        self.failures: list[int] = []
        self.scratch = tmp_path / "scratch"
        self.scratch.mkdir()
        self.folder = tmp_path / "cache"
        self._max_bytes = max_bytes
        self.server = ScriptedServer(self._serve)

    @staticmethod
    def _integrity(path: Path, data: bytes) -> AssetIntegrity:
        path.write_bytes(data)
        sums = checksum_file(path)
        path.unlink()
        return AssetIntegrity(size_bytes=sums.size_bytes, crc32c=sums.crc32c, sha256=sums.sha256)

    async def _serve(self, request: Request) -> Response:
        if self.failures:
            return Response(status_code=self.failures.pop(0))
        data = self.content[request.url.path.strip("/")]
        if (start := int(request.headers.get("Range", "bytes=0-")[6:-1])) == 0:
            return Response(data)
        return Response(data[start:], 206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})

    def run(self, script: Callable[["Shelf"], Awaitable[None]]) -> list[str]:
        """The paths that were asked of the store while ``script`` ran."""

        async def main() -> None:
            async with Transfers() as transfers:
                self.cache = AssetCache(self.folder, max_bytes=self._max_bytes, transfers=transfers)
                await script(self)

        self.server.seen.clear()
        with self.server:
            asyncio.run(main())
        return [seen.path for seen in self.server.seen]

    async def fetch(self, name: str, file_name: str = "clip.mp4", job: str = "") -> Path:
        async def get_url() -> str:
            return f"{self.server.url}/{name}"

        partial = self.scratch / f"{name}{job}.partial"
        path = await self.cache.fetch(name, self.wanted[name], get_url, name=file_name, partial=partial)
        assert path.read_bytes() == b"".join([name.encode()] * MB)
        assert list(self.scratch.iterdir()) == []
        return path

    def cached(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


async def fetch_a(shelf: Shelf) -> None:
    await shelf.fetch("a")


def test_an_asset_is_downloaded_once_also_over_restarts(shelf: Shelf) -> None:
    assert shelf.run(fetch_a) == ["/a"]
    assert shelf.run(fetch_a) == []


def test_jobs_that_want_the_same_asset_share_one_download(shelf: Shelf) -> None:
    async def script(shelf: Shelf) -> None:
        await asyncio.gather(*[shelf.fetch("a", job=str(job)) for job in range(5)])

    assert shelf.run(script) == ["/a"]


def test_a_download_broken_off_goes_on(shelf: Shelf) -> None:
    async def script(shelf: Shelf) -> None:
        (shelf.scratch / "a.partial").write_bytes(b"a" * 600_000)
        await shelf.fetch("a")

    shelf.run(script)
    assert shelf.server.seen[0].headers["range"] == "bytes=600000-"


def test_a_wrong_beginning_is_thrown_away_and_all_fetched_again(shelf: Shelf) -> None:
    async def script(shelf: Shelf) -> None:
        (shelf.scratch / "a.partial").write_bytes(b"x" * 600_000)
        await shelf.fetch("a")

    assert shelf.run(script) == ["/a", "/a"]


@pytest.mark.parametrize("wrong", [b"x" * MB, b"a" * (MB - 1), b"a" * (MB + 1), b""])
def test_wrong_bytes_are_fetched_once_more_and_then_refused(shelf: Shelf, wrong: bytes) -> None:
    shelf.content["a"] = wrong

    async def script(shelf: Shelf) -> None:
        with pytest.raises(AssetCorruptError, match="asset a:"):
            await shelf.fetch("a")

    assert shelf.run(script) == ["/a", "/a"]
    assert list(shelf.scratch.iterdir()) == []
    assert not shelf.folder.exists()


def test_urls_that_expired_are_renewed_but_not_for_ever(shelf: Shelf) -> None:
    shelf.failures = [403, 503, 404]
    assert shelf.run(fetch_a) == ["/a"] * 4
    shelf.failures = [403] * 3

    async def script(shelf: Shelf) -> None:
        with pytest.raises(TicketExpired):
            await shelf.fetch("b")

    assert shelf.run(script) == ["/b"] * 3


def damaged(path: Path) -> None:
    path.write_bytes(b"x" * MB)


def cut(path: Path) -> None:
    path.write_bytes(b"a" * 10)


def gone(path: Path) -> None:
    path.unlink()


def without_entry(path: Path) -> None:
    path.with_name("entry.json").unlink()


def with_broken_entry(path: Path) -> None:
    path.with_name("entry.json").write_text("{")


@pytest.mark.parametrize("damage", [damaged, cut, gone, without_entry, with_broken_entry])
def test_what_is_not_whole_in_the_cache_is_fetched_again(shelf: Shelf, damage: Callable[[Path], None]) -> None:
    async def script(shelf: Shelf) -> None:
        damage(await shelf.fetch("a"))
        await shelf.fetch("a")

    assert shelf.run(script) == ["/a", "/a"]


def test_a_touched_file_is_read_again_and_an_untouched_one_is_not(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def noted(path: Path) -> object:
        read.append(path.name)
        return checksum_file(path)

    async def script(shelf: Shelf) -> None:
        path = await shelf.fetch("a")
        monkeypatch.setattr(cache_module, "checksum_file", noted)
        await shelf.fetch("a")
        assert read == []
        os.utime(path, (1, 1))
        await shelf.fetch("a")
        assert read == ["content.mp4"]

    assert shelf.run(script) == ["/a"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("p/assets/a/clip.MP4", "content.MP4"),
        ("../../etc/passwd", "content"),
        ("x.sh;rm -rf", "content"),
        ("noext", "content"),
        ("x." + "y" * 300, "content"),
        ("C:\\evil.exe:stream.mp4", "content.mp4"),
    ],
)
def test_of_the_servers_name_only_a_harmless_extension_is_kept(shelf: Shelf, name: str, expected: str) -> None:
    async def script(shelf: Shelf) -> None:
        path = await shelf.fetch("a", file_name=name)
        assert path == shelf.folder / "a" / expected

    shelf.run(script)


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, max_bytes=5 * MB // 2)

    async def script(shelf: Shelf) -> None:
        for name in "ab":
            await shelf.fetch(name)
            os.utime(shelf.folder / name / "entry.json", ns=(0, ord(name)))
        await shelf.fetch("a")
        await shelf.fetch("c")
        assert shelf.cached() == ["a", "c"]

    shelf.run(script)


def test_what_a_job_holds_is_not_evicted_and_afterwards_the_limit_holds(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, max_bytes=3 * MB // 2)

    async def script(shelf: Shelf) -> None:
        with shelf.cache.hold(["a", "b"]):
            await shelf.fetch("a")
            await shelf.fetch("b")
            assert shelf.cached() == ["a", "b"]
        assert len(shelf.cached()) == 1

    shelf.run(script)


def test_a_disk_without_room_is_noticed_before_the_download(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage)

    async def script(shelf: Shelf) -> None:
        with pytest.raises(OSError, match="no room for the 1000000 bytes"):
            await shelf.fetch("a")

    assert shelf.run(script) == []
