"""Timelines of cuts, transitions, fits, motions, blends and effects. All are 60 frames or less at 30 per second."""

from collections.abc import Callable
from typing import Any

from schemas.presets import AudioSettings, RenderPreset, VideoSettings
from tests.support.media import MediaShelf
from tests.worker.render.cuts import Node, clip, dissolve, gap, generator, span, stack, timeline, track

Builder = Callable[[MediaShelf], Node]
PRESET = RenderPreset(
    name="corpus",
    video=VideoSettings(crf=4, preset="ultrafast", width=160, height=90),
    audio=AudioSettings(bitrate="192k"),
)


def ours(**fields: Any) -> Node:
    return {"deskrun": fields}


def keys(*pairs: tuple[float, float], ease: Any = "linear") -> Node:
    return {"keyframes": [{"t": t, "v": v, "ease": ease} for t, v in pairs]}


def warp(scalar: float) -> Node:
    return {"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": scalar}


def effect(name: str, **parameters: Any) -> Node:
    return {"OTIO_SCHEMA": "Effect.1", "effect_name": name, "metadata": ours(**parameters)}


def transition(kind: str, lead: float = 6, tail: float = 6) -> Node:
    return {**dissolve(lead, tail), "transition_type": kind}


def shown(media: MediaShelf, **fields: Any) -> Node:
    """One numbered clip with an extension, over red, upper track 5..35 of 40 frames."""
    upper = clip(media.numbered(), 10, 30, metadata=ours(**fields))
    return timeline(track(clip(media.clip("red"), 0, 40)), track(gap(5), upper))


def moved(media: MediaShelf, **fields: Any) -> Node:
    return shown(media, transform=fields)


def changed(media: MediaShelf, *effects: Node) -> Node:
    return timeline(track(clip(media.numbered(), 10, 30, effects=list(effects))))


def joined(media: MediaShelf, kind: str) -> Node:
    return timeline(track(clip(media.numbered(), 10, 20), transition(kind), clip(media.clip("red"), 10, 20)))


def _letterboxed(media: MediaShelf) -> Node:
    square = media.clip("blue", size="90x90")
    return timeline(track(clip(square, 0, 20), dissolve(5, 5), clip(media.numbered(), 20, 20)))


def _fading_stack(media: MediaShelf) -> Node:
    upper = track(dissolve(0, 8), clip(media.still("blue@0.5"), 0, 20), dissolve(8, 0), gap(10))
    return timeline(track(clip(media.numbered(), 0, 40)), upper)


def _partly_covered(media: MediaShelf) -> Node:
    """The upper clip begins over another and goes on over nothing."""
    upper = track(
        gap(10), clip(media.clip("blue", size="120x90"), 0, 15), dissolve(4, 4), clip(media.numbered(), 30, 15)
    )
    return timeline(track(clip(media.clip("red"), 0, 18), gap(22)), upper)


def _nested(media: MediaShelf) -> Node:
    inner = stack(
        track(clip(media.numbered(), 10, 15), transition("wipeleft", 4, 4), clip(media.clip("blue"), 10, 15)),
        track(gap(5), clip(media.still("white@0.5", size="32x18"), 0, 10)),
        metadata=ours(transform={"scale": 0.5, "x": keys((0, 0.25), (1, 0.75)), "y": 0.3, "rotation_degrees": 10}),
    )
    return timeline(track(clip(media.clip("red"), 0, 40)), track(gap(6), inner))


PICTURES: dict[str, Builder] = {
    "cuts": lambda m: timeline(track(clip(m.numbered(), 50, 13), clip(m.numbered(), 7, 9), clip(m.clip("red"), 0, 12))),
    "dissolve": lambda m: joined(m, "SMPTE_Dissolve"),
    "wipe": lambda m: joined(m, "Wipe"),
    "slide": lambda m: joined(m, "Slide"),
    "fade_in": lambda m: timeline(track(transition("FadeIn", 0, 12), clip(m.numbered(), 10, 30))),
    "fade_out": lambda m: joined(m, "FadeOut"),
    "fadeblack": lambda m: joined(m, "fadeblack"),
    "circleopen": lambda m: joined(m, "circleopen"),
    "pixelize": lambda m: joined(m, "pixelize"),
    "letterboxed_dissolve": _letterboxed,
    "translucent_fades": _fading_stack,
    "partly_covered": _partly_covered,
    "cover": lambda m: timeline(track(clip(m.clip("blue", size="90x90"), 0, 20, metadata=ours(fit="cover")))),
    "stretch": lambda m: shown(m, fit="stretch", crop={"left": 0.25, "right": 0.25}),
    "none": lambda m: shown(m, fit="none", crop={"top": 0.5}),
    "small_corner": lambda m: moved(m, scale=0.3, x=1, y=1, anchor_x=1, anchor_y=1),
    "outside": lambda m: moved(m, x=-0.2, y=1.1),
    "rotated": lambda m: moved(m, rotation_degrees=30, scale=0.7),
    "zoomed": lambda m: moved(m, scale=3.5),
    "moving": lambda m: moved(m, x=keys((0, 0), (0.9, 1), ease="ease-in-out"), scale=0.4),
    "spinning": lambda m: moved(m, rotation_degrees=keys((0.1, 0), (0.5, 180), (0.8, 90), ease="ease-out"), scale=0.5),
    "growing": lambda m: moved(m, scale=keys((0, 0.1), (0.8, 1.5), ease=[0.25, 0.1, 0.25, 1])),
    "faint": lambda m: shown(m, opacity=0.4),
    "fading": lambda m: shown(m, opacity=keys((0, 0), (0.3, 1), (0.7, 1), (1, 0.2))),
    "blinking": lambda m: shown(m, opacity=keys((0, 1), (0.4, 0), (0.6, 1), ease="hold")),
    "multiply": lambda m: shown(m, blend="multiply"),
    "screen_faint": lambda m: shown(m, blend="screen", opacity=0.5, transform={"scale": 0.6}),
    "blur": lambda m: changed(m, effect("blur", sigma=3)),
    "color": lambda m: changed(m, effect("color", brightness=keys((0, -0.5), (0.6, 0.4)), saturation=0.2)),
    "mirror_and_color": lambda m: changed(m, effect("mirror"), effect("color", contrast=0.5)),
    "chroma_key": lambda m: timeline(
        track(clip(m.numbered(), 0, 20)),
        track(clip(m.clip("lime"), 0, 20, effects=[effect("chroma_key"), effect("blur", sigma=2)])),
    ),
    "fast_slow_freeze": lambda m: timeline(
        track(*(clip(m.numbered(), 40, 9, effects=[warp(scalar)]) for scalar in (2.0, 0.4, 0.0)))
    ),
    "reverse": lambda m: changed(m, warp(-1)),
    "fast_reverse": lambda m: timeline(
        track(clip(m.numbered(), 20, 20, effects=[warp(-1.5)]), dissolve(4, 4), clip(m.clip("red"), 10, 15))
    ),
    "film_at_thirty": lambda m: timeline(track(clip(m.numbered(rate="24000/1001"), 12, 40, rate=30))),
    "loop": lambda m: timeline(track(clip(m.numbered(seconds=0.5), 4, 40, metadata=ours(loop=True)))),
    "generators": lambda _: timeline(
        track(clip(generator("Bars"), 0, 10), dissolve(3, 3), clip(generator("SolidColor", color="#20408080"), 0, 10)),
        track(clip(generator("SolidColor", color="#ffffff40"), 0, 12, metadata=ours(transform={"scale": 0.5}))),
    ),
    "stills": lambda m: timeline(
        track(clip(m.still("green", suffix=".jpg"), 0, 20)),
        track(clip(m.still("blue@0.5", size="32x18"), 0, 20, metadata=ours(transform={"x": keys((0, 0), (0.6, 1))}))),
    ),
    "nested": _nested,
    "nested_trimmed": lambda m: timeline(
        track(clip(m.numbered(), 0, 5), stack(track(clip(m.numbered(), 20, 20)), source_range=span(4, 8)), gap(4))
    ),
}


def _turned(media: MediaShelf) -> Node:
    """A phone's clip, lying in the file and upright when shown, in a picture of odd size."""
    upright = media.folder / "corpus-turned.mp4"
    if not upright.exists():
        lying = media.make(
            "corpus-lying.mp4",
            ["testsrc2=s=161x91:r=30:d=2,format=yuv444p"],
            ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "4"],
        )
        media.run(["-display_rotation", "90", "-i", str(lying), "-c", "copy", str(upright)])
    return timeline(track(clip(media.clip("red"), 0, 5), dissolve(3, 3), clip(upright, 5, 30)))


def _variable(media: MediaShelf) -> Node:
    """Frames at irregular times."""
    times = r"setpts='(N+0.4*mod(N*7,3))/30/TB'"
    film = media.make(
        "corpus-variable.mkv",
        [f"testsrc2=s=160x90:r=30:d=3,{times}"],
        ["-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "ultrafast", "-g", "17"],
    )
    return timeline(track(clip(film, 11, 35)))


def _with_alpha(media: MediaShelf) -> Node:
    film = media.make(
        "corpus-alpha.webm",
        ["testsrc2=s=96x54:r=25:d=2,format=yuva420p,geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='255*X/W'"],
        ["-c:v", "libvpx-vp9", "-b:v", "1M", "-deadline", "realtime", "-cpu-used", "8"],
    )
    upper = clip(film, 6, 30, metadata=ours(transform={"scale": 0.8, "rotation_degrees": keys((0, 0), (1, 20))}))
    return timeline(track(clip(media.numbered(), 0, 30)), track(upper))


def _transport(media: MediaShelf) -> Node:
    return timeline(track(clip(media.numbered(".ts", rate="25", seconds=2), 17, 20, rate=25)))


def _ten_bit(media: MediaShelf) -> Node:
    film = media.make(
        "corpus-ten-bit.mov",
        ["testsrc2=s=320x180:r=24000/1001:d=2,format=yuv422p10le"],
        ["-c:v", "prores_ks", "-colorspace", "bt2020nc"],
    )
    return timeline(track(clip(film, 3, 30, metadata=ours(crop={"left": 0.1, "top": 0.3}, fit="cover"))))


PICTURES |= {
    "turned_and_odd": _turned,
    "variable_rate": _variable,
    "alpha_film": _with_alpha,
    "transport_stream": _transport,
    "ten_bit_film": _ten_bit,
}
