"""What can be seen of a render before it is done: a poster, the beginning as a film, a contact sheet at the end.

The engine drives it where its caller names a folder for them. A preview that fails is a warning, never a failed render.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from worker.render.encode import Encoding
from worker.render.errors import RenderError
from worker.render.excerpt import excerpt
from worker.render.graph import PICTURE, build_graph
from worker.render.join import JoinedPiece, join
from worker.render.pieces import PRIVATE, Workshop
from worker.render.plan import Plan
from worker.render.process import run_ffmpeg

_log = logging.getLogger(__name__)
_POSTER_WIDTH = 640
_POSTER_AT = 10
"""The poster is the frame after one tenth of the film: many films begin with black."""
_THUMBNAIL_WIDTH, _COLUMNS, _ROWS = 160, 5, 4
_JPEG = ("-frames:v", "1", "-c:v", "mjpeg", "-q:v", "4", "-f", "image2", "-update", "1")


@dataclass
class Previews:
    """``poster.jpg``, ``preview.<container>`` and ``contact.jpg`` in ``folder``; each is whole whenever it is there."""

    folder: Path
    workshop: Workshop
    plan: Plan
    _pieces_shown: int = 0

    async def poster(self) -> None:
        """One frame, before anything else is rendered."""
        frame = self.plan.frames // _POSTER_AT
        graph = build_graph(excerpt(self.plan, frame, frame + 1), self.workshop.preset, with_sound=False)
        script = f"{graph.script};\n{PICTURE}scale='min({_POSTER_WIDTH},iw)':-2:out_range=pc,format=yuvj420p[poster]"
        target = self._unfinished("poster.jpg")
        arguments = ["-map", "[poster]", *PRIVATE, *_JPEG, f"file:{target}"]
        try:
            await self.workshop.run("poster", replace(graph, script=script), arguments)
            target.replace(self.folder / "poster.jpg")
        except (RenderError, OSError) as error:
            _failed("poster", error)

    async def beginning(self, pieces: Sequence[JoinedPiece], encoding: Encoding) -> None:
        """The first ``pieces`` as a silent film, whenever they have doubled: rewriting it costs little in all."""
        if len(pieces) < max(1, 2 * self._pieces_shown):
            return
        name = f"preview.{self.workshop.preset.video.container}"
        target, work = self._unfinished(name), self.workshop.work / "preview.work"
        try:
            work.mkdir(exist_ok=True)
            await join(
                self.workshop.ffmpeg,
                pieces,
                None,
                plan=replace(self.plan, chapters=(), subtitles=()),
                encoding=encoding,
                target=target,
                work=work,
                pause=self.workshop.pause,
            )
            target.replace(self.folder / name)
            self._pieces_shown = len(pieces)
        except (RenderError, OSError) as error:
            _failed(name, error)

    async def contact_sheet(self, film: Path) -> None:
        """Keyframes of the finished ``film``, evenly spread, on one sheet."""
        apart = float(self.plan.frames / self.plan.rate) / (_COLUMNS * _ROWS)
        chosen = f"select='isnan(prev_selected_t)+gte(t-prev_selected_t,{apart:.6f})'"
        shrunk = f"scale={_THUMBNAIL_WIDTH}:-2:out_range=pc,format=yuvj420p,tile={_COLUMNS}x{_ROWS}"
        target = self._unfinished("contact.jpg")
        source = ["-skip_frame", "nokey", "-protocol_whitelist", "file", "-an", "-i", f"file:{film}"]
        arguments = ["-y", *source, "-vf", f"{chosen},{shrunk}", "-fps_mode", "passthrough", *_JPEG, f"file:{target}"]
        try:
            await run_ffmpeg(
                self.workshop.ffmpeg,
                arguments,
                folder=self.workshop.work,
                on_frame=lambda _: None,
                pause=self.workshop.pause,
            )
            target.replace(self.folder / "contact.jpg")
        except (RenderError, OSError) as error:
            _failed("contact.jpg", error)

    def _unfinished(self, name: str) -> Path:
        """A name on the same file system that nobody takes for the finished picture."""
        return self.folder / f".{name}.partial"


def _failed(what: str, error: Exception) -> None:
    _log.warning("no %s: %s", what, error, extra={"event": "preview_failed"})
