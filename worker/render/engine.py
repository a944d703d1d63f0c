"""Renders a manifest to one verified file, paying only for pieces that the cache does not hold.

The daemon and ``deskrun render`` call ``render``.
"""

import asyncio
import contextlib
import errno
import functools
import hashlib
import itertools
import json
import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from schemas.renders import RenderManifest
from worker.checksums import checksum_file
from worker.render.cache import Bench, SegmentCache
from worker.render.check import check_output
from worker.render.encode import Encoding, encodings
from worker.render.errors import RenderError
from worker.render.ffmpeg import Ffmpeg, encoder_problem
from worker.render.join import JoinedPiece, join
from worker.render.layers import Chapter, Subtitles
from worker.render.ledger import Speed
from worker.render.pieces import Workshop
from worker.render.plan import Plan, plan
from worker.render.preview import Previews
from worker.render.process import Pause
from worker.render.segment_key import piece_key
from worker.render.segments import Segment, segments, whole
from worker.render.soundtrack import make_sound, sound_of
from worker.render.tally import RenderUpdate, Tally

__all__ = ["RenderResult", "RenderUpdate", "render"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RenderResult:
    """A finished, checked file. ``crc32c`` as Cloud Storage writes it, ``sha256`` in hexadecimal."""

    path: Path
    size_bytes: int
    crc32c: str
    sha256: str
    frame_count: int
    duration_seconds: float
    video_codec: str
    encoder: str


async def render(
    manifest: RenderManifest,
    *,
    output: Path,
    roots: Sequence[Path],
    ffmpeg: Ffmpeg,
    on_update: Callable[[RenderUpdate], None],
    threads: int | None = None,
    cache: SegmentCache | None = None,
    pause: Pause | None = None,
    previews: Path | None = None,
) -> RenderResult:
    """Render ``manifest`` to ``output``, reading media only below ``roots``.

    ``output`` appears complete and checked, or not at all. What is in ``cache`` is not made again, and what is made
    goes there as soon as it is done, so that a render which was killed goes on where it was. Cancelling the task kills
    ffmpeg, removes what was written and raises CancelledError. Everything else that goes wrong is a RenderError.
    In the existing folder ``previews``, if given, pictures and a film of what is done appear (see ``preview.py``).
    """
    the_plan = await asyncio.to_thread(plan, manifest, roots)
    for pointer, what in the_plan.ignored:
        _log.warning("not rendered: %s at %s", what, pointer, extra={"event": "timeline_feature_ignored"})
    if output.resolve() in the_plan.media_files:
        raise RenderError("bad_manifest", f"{output} is one of the render's own media files")
    choices = await asyncio.to_thread(choose, manifest, the_plan, ffmpeg, threads)
    partial, work = Path(f"{output}.partial"), Path(f"{output}.work")
    try:
        _clear(partial, work)
        work.mkdir(parents=True)
        kept = cache if cache is not None else SegmentCache(work / "cache")
        tally = Tally(the_plan.frames, on_update)
        with kept.bench() as bench:
            workshop = Workshop(preset=manifest.preset, ffmpeg=ffmpeg, bench=bench, work=work, pause=pause or Pause())
            shown = None if previews is None else Previews(previews, workshop, the_plan)
            job = _Job(
                plan=the_plan,
                workshop=workshop,
                cache=kept,
                output=output,
                partial=partial,
                tally=tally,
                previews=shown,
            )
            return await job.make(choices)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise RenderError("disk_full", "the disk is full", hint="free some space and render again") from error
        raise RenderError("encoder_failed", f"cannot write {output}: {error}") from error
    finally:
        _clear(partial, work)


def choose(manifest: RenderManifest, the_plan: Plan, ffmpeg: Ffmpeg, threads: int | None) -> list[Encoding]:
    """The encodings to try, in order. Blocks for some tenths of a second the first time."""
    return encodings(
        manifest.preset,
        the_plan,
        lambda name: encoder_problem(ffmpeg, name),
        threads=threads or min(_MOST_THREADS, (os.cpu_count() or 1) * 3 // 2),
    )


_MOST_THREADS = 16
"""Encoders gain little from more, and each holds frames."""


def _clear(partial: Path, work: Path) -> None:
    with contextlib.suppress(OSError):  # what cannot be removed cannot be written either, and that is reported
        partial.unlink()
    shutil.rmtree(work, ignore_errors=True)


def speed_name(encoding: Encoding) -> str:
    """Under which name the ledger keeps how fast the encoding goes."""
    return " ".join(encoding.passes[-1])


@dataclass(frozen=True)
class Recipe:
    """All pieces of a render with one encoding, by key."""

    encoding: Encoding
    pieces: tuple[tuple[str, Segment], ...]
    sound: tuple[str, Plan]
    chapters: tuple[Chapter, ...]
    subtitles: tuple[Subtitles, ...]

    @property
    def key(self) -> str:
        """The key of the whole output."""
        words = [repr(self.chapters), repr(self.subtitles), self.encoding.subtitles]
        order = json.dumps([[key for key, _ in self.pieces], self.sound[0], self.encoding.joined, words])
        return hashlib.sha256(order.encode()).hexdigest()


def write_recipe(the_plan: Plan, encoding: Encoding, ffmpeg: Ffmpeg, cache: SegmentCache) -> Recipe:
    """Cut the plan and key its pieces; reads every media file that was not read before. OSError if one is gone."""
    content_of = functools.cache(cache.ledger.content_of)
    build = f"{ffmpeg.version} {content_of(ffmpeg.path)}"

    def key_of(part: Plan, **arguments: Sequence[str]) -> str:
        return piece_key(part, content_of=content_of, build=build, arguments=arguments)

    cut = segments(the_plan, key_of) if encoding.can_be_cut else [whole(the_plan)]
    picture = {f"pass{number}": run for number, run in enumerate(encoding.passes)}
    keyed = [(key_of(segment.plan, **picture, piece=encoding.piece), segment) for segment in cut]
    sound = sound_of(the_plan)
    return Recipe(
        encoding=encoding,
        pieces=tuple(keyed),
        sound=(key_of(sound, audio=encoding.audio, sound=encoding.sound), sound),
        chapters=the_plan.chapters,
        subtitles=the_plan.subtitles,
    )


@dataclass(frozen=True, kw_only=True)
class _Job:
    plan: Plan
    workshop: Workshop
    cache: SegmentCache
    output: Path
    partial: Path
    tally: Tally
    previews: Previews | None

    @property
    def _bench(self) -> Bench:
        return self.workshop.bench

    async def make(self, choices: Sequence[Encoding]) -> RenderResult:
        """Write the output; hardware that fails yields to software."""
        *hopeful, last = choices
        for encoding in hopeful:
            try:
                return await self._make(encoding)
            except RenderError as error:
                if error.code != "encoder_failed":
                    raise
                _log.warning("%s failed, falling back", encoding.encoder, extra={"event": "encoder_fell_back"})
        return await self._make(last)

    async def _make(self, encoding: Encoding) -> RenderResult:
        recipe = await asyncio.to_thread(write_recipe, self.plan, encoding, self.workshop.ffmpeg, self.cache)
        known = await asyncio.to_thread(self.cache.ledger.finished, self.output, recipe.key)
        if known is not None:
            self.tally.cached(self.plan.frames)
            self.tally.tell("checking")
            return RenderResult(path=self.output, **known)
        await self._make_pieces(recipe)
        self.tally.tell("joining")
        await join(
            self.workshop.ffmpeg,
            self._finished(recipe),
            self._bench.path(recipe.sound[0]),
            plan=self.plan,
            encoding=encoding,
            target=self.partial,
            work=self.workshop.work,
            pause=self.workshop.pause,
        )
        self.tally.tell("checking")
        result = await asyncio.to_thread(self._settle, recipe)
        if self.previews is not None:
            await self.previews.contact_sheet(self.output)
        return result

    def _finished(self, recipe: Recipe) -> list[JoinedPiece]:
        """The pieces from the beginning on, up to the first that is not there yet."""
        there = itertools.takewhile(lambda keyed: self._bench.has(keyed[0]), recipe.pieces)
        return [JoinedPiece(self._bench.path(key), self._bench.note(key), part.start, part.end) for key, part in there]

    async def _make_pieces(self, recipe: Recipe) -> None:
        self.tally.start()
        missing: dict[str, tuple[Segment, int]] = {}
        shown = Counter(key for key, _ in recipe.pieces)
        for key, segment in dict(recipe.pieces).items():
            if await asyncio.to_thread(self._bench.take, key):
                self.tally.cached(segment.plan.frames * shown[key])
            else:
                missing[key] = segment, shown[key]
        self.tally.tell("rendering")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._make_sound(recipe))
                group.create_task(self._make_missing(missing, recipe))
        except BaseExceptionGroup as errors:
            raise next(_leaves(errors)) from None

    async def _make_missing(self, missing: Mapping[str, tuple[Segment, int]], recipe: Recipe) -> None:
        encoding = recipe.encoding
        if self.previews is not None:
            await self.previews.poster()
            await self.previews.beginning(self._finished(recipe), encoding)
        started = time.monotonic()
        for key, (segment, times) in missing.items():

            def report(frames: float, key: str = key, times: int = times) -> None:
                self.tally.encoded(key, frames * times)

            await self.workshop.picture(key, segment.plan, encoding, on_frames=report)
            if self.previews is not None:
                await self.previews.beginning(self._finished(recipe), encoding)
        pixels = sum(part.plan.frames for part, _ in missing.values()) * self.plan.width * self.plan.height
        if pixels:
            bits = 8 * sum(self._bench.note(key).size_bytes for key in missing)
            seen = Speed(pixels / (time.monotonic() - started), bits / pixels)
            await asyncio.to_thread(self.cache.ledger.note_speed, speed_name(encoding), seen)

    async def _make_sound(self, recipe: Recipe) -> None:
        key, sound = recipe.sound
        if not await asyncio.to_thread(self._bench.take, key):
            await make_sound(self.workshop, key, sound, recipe.encoding)

    def _settle(self, recipe: Recipe) -> RenderResult:
        """Check the finished bytes, and have them on the disk before their name says that they are."""
        checked = check_output(self.partial, self.plan, self.workshop.preset)
        with self.partial.open("r+b") as file:
            os.fsync(file.fileno())
        facts = {**asdict(checksum_file(self.partial)), **asdict(checked), "encoder": recipe.encoding.encoder}
        self.partial.replace(self.output)
        self.cache.ledger.note_finished(self.output, recipe.key, facts)
        return RenderResult(path=self.output, **facts)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
