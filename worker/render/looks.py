"""Extensions of clips and stacks, in seconds, as looks in frames. Only ``lowering.py`` calls it."""

from fractions import Fraction

from schemas.deskrun_extension import Keyframes, Transform
from worker.render.composition import ClipUse
from worker.render.curves import Curve, constant, curve_of, is_constant, shifted
from worker.render.extensions import EffectUse
from worker.render.layers import Effect, Look, Motion, ParameterValue


def curve(value: float | Keyframes, *, rate: Fraction, origin: int, frames: int) -> Curve:
    """``value`` as ``frames`` frames see it, the clip's own time 0 being frame ``origin``."""
    return shifted(_whole(value, rate, origin), 0, frames)


def _whole(value: float | Keyframes, rate: Fraction, origin: int) -> Curve:
    if isinstance(value, Keyframes):
        return curve_of(value.keyframes, rate=float(rate), first=origin)
    return constant(float(value))


def motion_of(transform: Transform, *, rate: Fraction, origin: int, frames: int) -> Motion:
    """The motion of a transform as ``frames`` frames see it."""
    curves = {name: _whole(getattr(transform, name), rate, origin) for name in ("x", "y", "scale", "rotation_degrees")}
    return Motion(
        **{name: shifted(curve, 0, frames) for name, curve in curves.items()},
        anchor=(transform.anchor_x, transform.anchor_y),
        moves=not all(is_constant(curve) for curve in curves.values()),
        peak_scale=max(key.value for key in curves["scale"]),
    )


def look_of(use: ClipUse, *, rate: Fraction, origin: int, frames: int) -> Look:
    """The look of a clip as ``frames`` frames see it, the clip's own beginning being frame ``origin``."""
    extension = use.extension
    opacity = _whole(extension.opacity, rate, origin)
    crop = extension.crop
    return Look(
        fit=extension.fit,
        crop=(crop.left, crop.top, crop.right, crop.bottom),
        motion=motion_of(extension.transform, rate=rate, origin=origin, frames=frames),
        opacity=shifted(opacity, 0, frames),
        fades=not is_constant(opacity),
        effects=tuple(_effect(effect, rate=rate, origin=origin, frames=frames) for effect in use.effects),
    )


def _effect(use: EffectUse, *, rate: Fraction, origin: int, frames: int) -> Effect:
    parameters: list[tuple[str, ParameterValue]] = []
    for name in type(use.parameters).model_fields:
        value = getattr(use.parameters, name)
        if isinstance(value, Keyframes):
            value = curve(value, rate=rate, origin=origin, frames=frames)
        parameters.append((name, value))
    return Effect(use.name, tuple(parameters))
