"""``python -m functions``: serve all functions locally, or print what is derived from them."""

import argparse
import json
import sys
from pathlib import Path

from functions import catalog, openapi, tables


def main(argv: list[str] | None = None) -> int:
    """Run one of the commands; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m functions", description="The deskrun control plane.")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="all functions on one port")
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, default=8787, help="0 picks a free one (default: 8787)")
    serving.add_argument("--data-dir", type=Path, help="local backend: database and objects")
    serving.add_argument("--public-url", help="origin in signed URLs (default: the address listened on)")
    commands.add_parser("routes", help="the table of endpoints and event functions, as Markdown")
    commands.add_parser("openapi", help="the OpenAPI 3.1 document")
    commands.add_parser("manifest", help="what to deploy, as JSON")
    commands.add_parser("schemas", help="JSON Schemas of the wire models")
    arguments = parser.parse_args(argv)
    if arguments.command == "serve":
        from functions.serve import serve  # noqa: PLC0415 - the printing commands need no server

        return serve(
            host=arguments.host,
            port=arguments.port,
            data_dir=arguments.data_dir,
            public_url=arguments.public_url,
        )
    sys.stdout.write(_printed(arguments.command))
    return 0


def _printed(command: str) -> str:
    endpoints, event_functions = catalog.endpoints(), catalog.event_functions()
    if command == "routes":
        return tables.routes(endpoints, event_functions)
    if command == "openapi":
        document = openapi.document(endpoints)
    elif command == "manifest":
        document = tables.manifest(endpoints, event_functions)
    else:
        document = tables.json_schemas(endpoints)
    return json.dumps(document, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())
