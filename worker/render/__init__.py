"""The renderer: an OTIO timeline becomes one verified media file. Callers use ``worker.render.engine``."""
