"""Any timeline, cut anywhere: rendering its parts gives the frames and samples of rendering it whole."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.media import MediaShelf
from tests.worker.render import frames
from tests.worker.render.corpus.picture_cuts import PRESET, effect, keys, ours, transition, warp
from tests.worker.render.cuts import Node, clip, gap, generator, stack, timeline, track
from tests.worker.render.shown import planned
from worker.render.excerpt import excerpt

LENGTHS = st.integers(6, 14)
numbers = st.one_of(
    st.sampled_from([0.0, 0.3, 1.0]),
    st.lists(st.sampled_from([0.0, 0.2, 0.7, 1.0]), min_size=2, max_size=2).flatmap(
        lambda values: st.sampled_from(["linear", "hold", "ease-in-out", [0.4, 0.0, 0.2, 1.0]]).map(
            lambda ease: keys((0.05, values[0]), (0.3, values[1]), ease=ease)
        )
    ),
)
places = st.fixed_dictionaries(
    {},
    optional={"x": numbers, "y": numbers, "scale": st.sampled_from([0.4, 1.6]), "rotation_degrees": st.just(25)},
)
extensions = st.fixed_dictionaries(
    {},
    optional={
        "fit": st.sampled_from(["contain", "cover", "stretch", "none"]),
        "crop": st.just({"left": 0.2, "top": 0.1}),
        "opacity": numbers,
        "transform": places,
        "gain_db": st.sampled_from([-6.0, keys((0.1, 0), (0.3, -20))]),
        "fade_in_seconds": st.just(0.1),
    },
)
effects = st.lists(
    st.sampled_from([warp(2), warp(0.5), warp(-1), warp(0), effect("mirror"), effect("color", gamma=1.5)]), max_size=2
)


@st.composite
def timelines(draw: st.DrawFn, media: MediaShelf) -> Node:
    sources: list[Any] = [media.numbered(), media.clip("blue", size="90x90"), media.still("green@0.5", size="40x40")]
    sources += [generator("SolidColor", color="#80204080"), generator("Text", text="Word", size=0.4)]

    def item(depth: int) -> tuple[str, Node]:
        kind = draw(st.sampled_from(["clip", "clip", "clip", "gap", *(["stack"] if depth == 0 else [])]))
        if kind == "gap":
            return kind, gap(draw(LENGTHS))
        if kind == "stack":
            return kind, stack(row(depth + 1), metadata=ours(transform=draw(places)))
        metadata = ours(**draw(extensions))
        source = draw(st.sampled_from(sources))
        return kind, clip(source, 16, draw(LENGTHS), metadata=metadata, effects=draw(effects))

    def row(depth: int) -> Node:
        children: list[Node] = []
        before = "gap"
        for _ in range(draw(st.integers(1, 3))):
            kind, node = item(depth)
            if before == kind == "clip" and draw(st.booleans()):
                children.append(transition(draw(st.sampled_from(["fade", "wipeup", "FadeIn", "circleopen"])), 3, 3))
            children.append(node)
            before = kind
        return track(*children)

    rows = [row(0) for _ in range(draw(st.integers(1, 3)))]
    return timeline(*rows, track(clip(generator("Slug"), 0, 6)))


@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_parts_of_any_timeline_are_the_parts_of_the_whole(media: MediaShelf, data: st.DataObject) -> None:
    whole = planned(data.draw(timelines(media)), media)
    cut = data.draw(st.integers(1, whole.frames - 1))
    shown = frames.picture(whole, media.ffmpeg, preset=PRESET)
    assert len(shown) == whole.frames
    parts = [excerpt(whole, 0, cut), excerpt(whole, cut, whole.frames)]
    assert [frame for part in parts for frame in frames.picture(part, media.ffmpeg, preset=PRESET)] == shown
