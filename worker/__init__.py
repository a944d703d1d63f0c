"""The desktop worker: daemon, renderer and the ``deskrun`` command."""
