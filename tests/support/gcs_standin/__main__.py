"""``python -m tests.support.gcs_standin``: the stand-in as a process of its own, for system tests.

Prints one JSON line with the port when it accepts connections; SIGTERM or SIGINT ends it with status 0.
"""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from tests.support.signer import load_public_key

from .server import GcsStandin


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.gcs_standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="folder for objects; created when missing")
    parser.add_argument("--public-key", type=Path, required=True, help="PEM file of the key that signs URLs")
    parser.add_argument("--notify-topic", help="projects/P/topics/T at PUBSUB_EMULATOR_HOST")
    arguments = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    standin = GcsStandin(
        arguments.data,
        load_public_key(arguments.public_key),
        port=arguments.port,
        notify_topic=arguments.notify_topic,
    )
    with standin:
        sys.stdout.write(json.dumps({"port": standin.port, "url": standin.url}) + "\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
