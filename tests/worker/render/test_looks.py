"""Where a clip's picture lies on the canvas, how much of it is seen, and how it is mixed with what is below."""

import pytest

from tests.support.media import MediaShelf
from tests.worker.render.corpus.picture_cuts import changed, effect, joined, keys, moved, ours, shown, warp
from tests.worker.render.cuts import Node, clip, stack, timeline, track
from tests.worker.render.shown import planned, show
from worker.render.errors import PlanError
from worker.render.transitions import XFADE_KINDS, transition_kind

BLACK, RED, LIME, BLUE, WHITE = (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def over(media: MediaShelf, color: str, *, size: str = "160x90", **fields: object) -> Node:
    """One colour for 10 frames over red."""
    upper = clip(media.clip(color, size=size), 0, 10, metadata=ours(**fields))
    return timeline(track(clip(media.clip("red"), 0, 10)), track(upper))


@pytest.mark.parametrize(
    ("fit", "inside", "outside"),
    [
        ("contain", (0.5, 0.05), (0.1, 0.5)),
        ("cover", (0.05, 0.05), None),
        ("stretch", (0.95, 0.95), None),
        ("none", (0.5, 0.4), (0.5, 0.2)),
    ],
)
def test_fits(media: MediaShelf, fit: str, inside: tuple[float, float], outside: tuple[float, float] | None) -> None:
    picture = show(over(media, "blue", size="40x40", fit=fit), media)
    assert picture.is_at(BLUE, 5, *inside)
    assert outside is None or picture.is_at(RED, 5, *outside)


def test_a_crop_takes_shares_of_the_source(media: MediaShelf) -> None:
    picture = show(shown(media, fit="stretch", crop={"left": 0.5, "right": 0.375}), media)
    # Frame 10 of the clip is 0b10100: of its eight bars only the fifth is left.
    assert picture.is_at(WHITE, 15, 0.05)
    assert picture.is_at(WHITE, 15, 0.95)


def test_a_transform_puts_the_anchor_at_its_place(media: MediaShelf) -> None:
    corner = {"x": 1, "y": 0, "anchor_x": 1, "anchor_y": 0, "scale": 0.25}
    picture = show(over(media, "blue", transform=corner), media)
    assert [picture.is_at(BLUE, 5, *at) for at in ((0.77, 0.02), (0.98, 0.22), (0.73, 0.02), (0.98, 0.28))] == [
        True,
        True,
        False,
        False,
    ]


def test_rotation_is_clockwise(media: MediaShelf) -> None:
    turned = {"rotation_degrees": 90, "anchor_x": 0.5, "anchor_y": 1}
    # What stood above the middle now lies to the right of it.
    picture = show(over(media, "blue", transform=turned), media)
    assert picture.is_at(BLUE, 5, 0.9)
    assert picture.is_at(RED, 5, 0.1)


def test_keyframes_move_frame_by_frame(media: MediaShelf) -> None:
    path = {"scale": 0.1, "x": keys((0, 0.2), (0.2, 0.8))}
    picture = show(over(media, "blue", transform=path), media)
    for frame, x in ((0, 0.2), (3, 0.5), (6, 0.8), (9, 0.8)):
        assert picture.is_at(BLUE, frame, x)
        assert picture.is_at(RED, frame, x + 0.15)
        assert picture.is_at(RED, frame, x - 0.15)


def test_what_lies_outside_of_the_canvas_is_not_seen(media: MediaShelf) -> None:
    for transform in ({"x": 3}, {"x": 3, "rotation_degrees": 20}):
        picture = show(over(media, "blue", transform=transform), media)
        assert all(picture.is_at(RED, 5, x) for x in (0.02, 0.5, 0.98))


def test_a_scaled_up_picture_is_enlarged(media: MediaShelf) -> None:
    picture = show(moved(media, scale=8, x=0, anchor_x=0.5), media)
    # The right half of the numbered picture begins at the left edge: its fifth bar covers all.
    assert picture.is_at(WHITE, 15, 0.1)
    assert picture.is_at(WHITE, 15, 0.9)


def test_opacity_is_linear(media: MediaShelf) -> None:
    assert show(over(media, "blue", opacity=0.25), media).is_at((191, 0, 64), 5)
    fading = show(over(media, "blue", opacity=keys((0, 0), (0.3, 1))), media)
    for frame in range(10):
        part = frame / 9
        assert fading.is_at((round(255 * (1 - part)), 0, round(255 * part)), frame, slack=16)


@pytest.mark.parametrize(
    ("blend", "wanted"),
    [("multiply", BLACK), ("screen", (255, 0, 255)), ("difference", (255, 0, 255)), ("darken", BLACK)],
)
def test_blend_modes(media: MediaShelf, blend: str, wanted: tuple[int, int, int]) -> None:
    picture = show(over(media, "blue", blend=blend, transform={"scale": 0.5}), media)
    assert picture.is_at(wanted, 5)
    assert picture.is_at(RED, 5, 0.1)


def test_effects_change_the_picture(media: MediaShelf) -> None:
    film = media.numbered()
    plain, mirrored = show(timeline(track(clip(film, 10, 3))), media), show(changed(media, effect("mirror")), media)
    assert mirrored.number(0) == int(f"{plain.number(0):08b}"[::-1], 2)
    upside = show(changed(media, effect("mirror", axis="vertical")), media)
    assert upside.number(0) == 10
    grey = show(timeline(track(clip(media.clip("red"), 0, 3, effects=[effect("color", saturation=0)]))), media)
    assert max(grey.at(1)) - min(grey.at(1)) < 8
    blurred = show(changed(media, effect("blur", sigma=6)), media)
    assert 30 < blurred.at(0, 1 / 8)[0] < 225
    keyed = timeline(
        track(clip(media.clip("red"), 0, 5)), track(clip(media.clip("lime"), 0, 5, effects=[effect("chroma_key")]))
    )
    assert show(keyed, media).is_at(RED, 2)


def test_a_reversed_clip_ends_with_its_first_frame(media: MediaShelf) -> None:
    picture = show(changed(media, warp(-1)), media)
    assert [picture.number(frame) for frame in range(30)] == list(range(39, 9, -1))
    picture = show(timeline(track(clip(media.numbered(), 10, 10, effects=[warp(-2)]))), media)
    assert [picture.number(frame) for frame in range(10)] == list(range(28, 8, -2))


def test_a_looped_clip_begins_again(media: MediaShelf) -> None:
    picture = show(timeline(track(clip(media.numbered(seconds=0.5), 12, 20, metadata=ours(loop=True)))), media)
    assert [picture.number(frame) for frame in range(20)] == [12, 13, 14, *range(15), 0, 1]


def test_a_nested_stack_is_moved_as_one(media: MediaShelf) -> None:
    halves = (
        track(clip(media.clip("blue"), 0, 10)),
        track(clip(media.clip("lime"), 0, 10, metadata=ours(transform={"scale": 0.5}))),
    )
    inner = stack(*halves, metadata=ours(transform={"scale": 0.5, "x": 0.25}))
    picture = show(timeline(track(clip(media.clip("red"), 0, 10)), track(inner)), media)
    assert picture.is_at(LIME, 5, 0.25)
    assert picture.is_at(BLUE, 5, 0.07)
    assert picture.is_at(RED, 5, 0.6)


@pytest.mark.parametrize(("kind", "begins"), [("wiperight", "left"), ("wipeleft", "right"), ("Slide", "right")])
def test_transitions_go_their_way(media: MediaShelf, kind: str, begins: str) -> None:
    picture = show(joined(media, kind), media)
    red = [picture.is_at(RED, 20, x, slack=40) for x in (0.06, 0.94)]
    assert red == [begins == "left", begins == "right"]


def test_fade_in_and_fade_out_have_one_side_only(media: MediaShelf) -> None:
    for kind, frame, wanted in (("FadeIn", 14, BLACK), ("FadeOut", 25, BLACK)):
        assert show(joined(media, kind), media).is_at(wanted, frame, 0.97, slack=16)


def test_every_kind_of_transition_is_known_to_ffmpeg(media: MediaShelf) -> None:
    sides = ["-f", "lavfi", "-i", "color=s=16x16:d=0.2"] * 2
    for kind in sorted(XFADE_KINDS):
        media.run([*sides, "-lavfi", f"xfade={kind}:duration=0.1", "-frames:v", "1", "-f", "null", "-"])
    assert transition_kind("SMPTE_Dissolve") == "fade"
    assert transition_kind("custom") is None


@pytest.mark.parametrize(
    ("extension", "place", "message"),
    [
        ({"opacity": 1.5}, "/opacity", "must be from 0 to 1"),
        ({"fit": "squeeze"}, "/fit", "Input should be"),
        ({"opacty": 1}, "/opacty", "Extra inputs"),
        ({"crop": {"left": 0.6, "right": 0.6}}, "/crop", "leaves nothing"),
        ({"transform": {"x": {"keyframes": [{"t": 1, "v": 0}, {"t": 1, "v": 1}]}}}, "/transform/x", "order of time"),
        ({"transform": {"scale": {"keyframes": [{"t": 0, "v": 0}]}}}, "/transform/scale", "from 0.001 to 20"),
        ({"gain_db": {"keyframes": []}}, "/gain_db/keyframes", "at least 1 item"),
    ],
)
def test_wrong_extensions_are_told_with_their_place(
    media: MediaShelf, extension: Node, place: str, message: str
) -> None:
    with pytest.raises(PlanError) as caught:
        planned(timeline(track(clip(media.clip("red"), 0, 5, metadata=ours(**extension)))), media)
    told = {problem.pointer: problem.message for problem in caught.value.problems}
    assert message in told[f"/tracks/children/0/children/0/metadata/deskrun{place}"]


def test_wrong_parameters_of_an_effect_are_told_with_their_place(media: MediaShelf) -> None:
    with pytest.raises(PlanError) as caught:
        planned(changed(media, effect("mirror"), effect("blur", sigma=-1)), media)
    assert [p.pointer for p in caught.value.problems] == [
        "/tracks/children/0/children/0/effects/1/metadata/deskrun/sigma"
    ]
