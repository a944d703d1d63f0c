"""GET /render/presets: the built-in presets (seed-origins A1). Called by people and agents."""

from functions.auth import User
from functions.endpoint import endpoint
from schemas.presets import BUILT_IN_PRESETS, PresetList


@endpoint("GET /render/presets")
def list_presets(caller: User) -> PresetList:  # noqa: ARG001 - declares that a user must be logged in
    """List the built-in render presets."""
    return PresetList(presets=list(BUILT_IN_PRESETS.values()))
