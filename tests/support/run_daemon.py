"""``python -m tests.support.run_daemon``: the daemon, started by ``processes.py``.

Its token is the one of its settings, or with ``@path`` what is in that file whenever it is asked for.
"""

import asyncio
import sys
from pathlib import Path

from worker.daemon import run_daemon
from worker.settings import Settings


def _main() -> int:
    settings = Settings()

    given = settings.token.get_secret_value() if settings.token else ""

    def token() -> str | None:
        return Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given

    return asyncio.run(run_daemon(settings, token))


if __name__ == "__main__":
    sys.exit(_main())
