"""The cache of pieces: nothing harmed is used, nothing in use is taken away, and it stays as small as it was told."""

import multiprocessing
import multiprocessing.synchronize
import os
import signal
from pathlib import Path

import pytest

from tests.worker.render.cuts import clip, generator, timeline, track
from tests.worker.render.desk import EngineDesk
from worker.render.cache import Bench, SegmentCache
from worker.render.ledger import Ledger, Speed


def put(bench: Bench, key: str, content: bytes) -> None:
    bench.path(key).write_bytes(content)
    bench.admit(key, reorder=2, header="h")


def test_what_one_render_made_another_takes(tmp_path: Path) -> None:
    cache = SegmentCache(tmp_path)
    assert cache.has("a1") is None
    with cache.bench() as bench:
        put(bench, "a1", b"picture")
    with SegmentCache(tmp_path).bench() as bench:
        assert bench.take("a1")
        assert bench.path("a1").read_bytes() == b"picture"
        assert (bench.note("a1").reorder, bench.note("a1").size_bytes) == (2, 7)
        assert not bench.take("b2")
    assert cache.has("a1") == 7
    assert not list((tmp_path / "renders").iterdir())


@pytest.mark.parametrize("harm", ["bytes", "shorter", "gone", "note"])
def test_a_harmed_piece_is_dropped(tmp_path: Path, harm: str) -> None:
    cache = SegmentCache(tmp_path)
    with cache.bench() as bench:
        put(bench, "a1", b"picture")
    (piece,) = tmp_path.glob("pieces/*/*.piece")
    if harm == "gone":
        piece.unlink()
    elif harm == "note":
        piece.with_suffix(".json").write_text('{"size')
    else:
        piece.write_bytes(b"pictuxe" if harm == "bytes" else b"pict")
    with cache.bench() as bench:
        assert not bench.take("a1")
        assert not bench.path("a1").exists()
    assert not list(tmp_path.glob("pieces/*/*"))


def test_the_one_not_used_for_longest_goes_first_and_what_is_in_use_stays_usable(tmp_path: Path) -> None:
    cache = SegmentCache(tmp_path, max_bytes=250)
    with cache.bench() as bench:
        for key, age in (("a1", 300), ("b2", 200)):
            put(bench, key, bytes(100))
            (described,) = tmp_path.glob(f"pieces/*/{key}.json")
            os.utime(described, (1_000_000 - age, 1_000_000 - age))
        assert bench.take("a1")  # used now: b2 is the oldest
        put(bench, "c3", bytes(100))
        assert (cache.has("a1"), cache.has("b2"), cache.has("c3")) == (100, None, 100)
        assert bench.path("b2").stat().st_size == 100


def test_a_render_larger_than_the_cache_is_still_a_render(desk: EngineDesk) -> None:
    desk.cache = SegmentCache(desk.folder / "small", max_bytes=1)
    cut = timeline(track(*(clip(generator("SolidColor", color=f"#{n}0{n}080"), 0, 35) for n in range(3))))
    assert desk.render(cut).stat().st_size > 0
    assert sum(path.stat().st_size for path in desk.cache.folder.glob("pieces/*/*.piece")) <= 1


def _leave_a_bench(folder: Path, ready: multiprocessing.synchronize.Event) -> None:
    with SegmentCache(folder).bench() as bench:
        bench.path("half").write_bytes(b"half a piece")
        ready.set()
        signal.pause()


def test_the_bench_of_a_killed_process_is_cleared_away_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    other = spawn.Process(target=_leave_a_bench, args=(tmp_path, ready))
    other.start()
    assert ready.wait(60)
    with SegmentCache(tmp_path).bench():
        assert list(tmp_path.glob("renders/*/half.piece"))
    os.kill(other.pid or 0, signal.SIGKILL)
    other.join(60)
    SegmentCache(tmp_path)
    assert not list((tmp_path / "renders").iterdir())


def test_a_render_that_fails_leaves_nothing_on_its_bench(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), SegmentCache(tmp_path).bench():
        raise ZeroDivisionError
    assert not list((tmp_path / "renders").iterdir())


def test_the_ledger_reads_a_file_once_and_notices_every_change(tmp_path: Path) -> None:
    ledger, file = Ledger(tmp_path / "ledger"), tmp_path / "file"
    file.write_bytes(b"one")
    os.utime(file, (1_000_000, 1_000_000))
    first = ledger.content_of(file)
    file.write_bytes(b"two")
    os.utime(file, (1_000_000, 1_000_000))  # as old and as large as before
    second = ledger.content_of(file)
    assert first != second
    assert ledger.content_of(file) == second


def test_a_ledger_that_is_none_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(b"no database" * 1000)
    ledger = Ledger(tmp_path / "ledger")
    ledger.note_speed("x", Speed(100.0, 1.0))
    ledger.note_speed("x", Speed(200.0, 1.0))
    known = ledger.speed("x")
    assert known is not None
    assert known.pixels_per_second == pytest.approx(130.0)
