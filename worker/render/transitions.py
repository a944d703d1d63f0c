"""The closed list of transitions, and what documents call them. The timeline reader asks ``transition_kind``."""

FADE_IN, FADE_OUT = "FadeIn", "FadeOut"
"""The seed's names of a dissolve from and to nothing (seed-origins A2)."""

_DIRECTIONS = ("left", "right", "up", "down")
_CORNERS = ("tl", "tr", "bl", "br")
XFADE_KINDS = frozenset(
    {
        *("fade", "fadeblack", "fadewhite", "fadegrays", "fadefast", "fadeslow"),
        *("dissolve", "pixelize", "distance", "radial", "hblur", "zoomin"),
        *("circlecrop", "rectcrop", "circleopen", "circleclose"),
        *("vertopen", "vertclose", "horzopen", "horzclose", "squeezeh", "squeezev"),
        *("hlslice", "hrslice", "vuslice", "vdslice", "hlwind", "hrwind", "vuwind", "vdwind"),
        *(f"{kind}{way}" for kind in ("wipe", "slide", "smooth", "cover", "reveal") for way in _DIRECTIONS),
        *(f"{kind}{corner}" for kind in ("wipe", "diag") for corner in _CORNERS),
    }
)
"""ffmpeg's names (vf_xfade); the winds, covers and reveals need ffmpeg 7."""

_OTHER_NAMES = {
    "SMPTE_Dissolve": "fade",
    "Custom": "fade",
    "Custom_Transition": "fade",
    FADE_IN: "fade",
    FADE_OUT: "fade",
    "Wipe": "wipeleft",
    "Slide": "slideleft",
}


def transition_kind(name: str) -> str | None:
    """Ffmpeg's name of the transition that a document calls ``name``; None where there is no such."""
    return name if name in XFADE_KINDS else _OTHER_NAMES.get(name)
