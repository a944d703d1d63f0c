"""``make bench``: what the project promises to be fast at, each figure beside its peer's from the same run.

``python -m tests.bench [latency|throughput|cold-start ...] [--save]``; without names all of them, about ten minutes.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import cold_start, latency, throughput
from tests.bench.table import Row, as_text, machine
from tests.support.media import MediaShelf
from worker.render.ffmpeg import find_ffmpeg

RESULTS = Path(__file__).with_name("results.md")


def main() -> int:
    """Print the tables; 1 if an aim was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="latency, throughput, cold-start")
    parser.add_argument("--jobs", type=int, default=50, help="jobs of the latency bench")
    parser.add_argument("--pairs", type=int, help="pairs of runs (default: 9 for throughput, 3 for cold-start)")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} beside the benches as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="deskrun-bench-") as name:
        folder = Path(name)
        clip = MediaShelf(folder, find_ffmpeg()).clip("red")
        benches: dict[str, tuple[str, tuple[str, str], Callable[[], list[Row]]]] = {
            "latency": (
                "POST /render to the worker's first report",
                ("with a desk", "three calls by one client"),
                lambda: latency.run(folder, clip, jobs=arguments.jobs),
            ),
            "throughput": (
                "Requests a second on the local backend",
                ("deskrun", "bare Starlette"),
                lambda: throughput.run(folder, clip, pairs=arguments.pairs or 9),
            ),
            "cold-start": (
                "Cold start to first answer under functions-framework",
                ("function", "imports only"),
                lambda: cold_start.run(folder, pairs=arguments.pairs or 3),
            ),
        }
        if unknown := set(arguments.names) - benches.keys():
            parser.error(f"there is no bench {unknown.pop()!r}; there are: {', '.join(benches)}")
        text = [f"# Figures\n\n{machine()}\n"]
        missed = False
        sys.stdout.write(f"{text[0]}\n")
        for each in arguments.names or benches:
            title, columns, measure = benches[each]
            rows = measure()
            missed = missed or any(row.met is False for row in rows)
            text.append(as_text(title, columns, rows))
            sys.stdout.write(f"{text[-1]}\n")
            sys.stdout.flush()
    if arguments.save:
        RESULTS.write_text("\n".join(text))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
