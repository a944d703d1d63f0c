"""A proxy before the control plane that loses, refuses, delays or hangs calls as a test says."""

import asyncio
from collections import Counter
from collections.abc import Callable

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tests.support.scripted import ScriptedServer

Fault = Callable[[str, int], str | None]
"""Given the last part of a path and how often it was called before, what goes wrong: see ``proxy_to``."""
PORTAL_STATUSES = {"portal": 302, "missing": 404, "blocked": 403}
Spy = Callable[[str, bytes], None]
"""Sees the last part of a path and the body before the call is handed on."""


def proxy_to(url: str, fault: Fault, spy: Spy = lambda _path, _body: None) -> ScriptedServer:
    """A server that hands on every call, unless ``fault`` says

    ``refuse`` (500 instead), ``forget`` (the call is made, its answer lost), ``swallow`` (the call is made, and no
    answer comes), ``hang``, ``later`` (503), or what captive portals and proxies do: ``portal`` (a redirect),
    ``missing`` (404) and ``blocked`` (403).
    """
    counts: Counter[str] = Counter()

    async def handler(request: Request) -> Response:
        last = request.url.path.rpartition("/")[2]
        kind = fault(last, counts[last])
        counts[last] += 1
        if kind == "refuse":
            return Response("<html>oh no", 500)
        if kind == "later":
            return Response("", 503, {"Retry-After": "1"})
        if kind in PORTAL_STATUSES:
            return HTMLResponse(
                "<html>Welcome to the hotel", PORTAL_STATUSES[kind], {"Location": "http://127.0.0.1:1/"}
            )
        if kind == "hang":
            await asyncio.sleep(3600)
        spy(last, await request.body())
        async with httpx.AsyncClient(timeout=60) as client:
            headers = {name: value for name, value in request.headers.items() if name != "host"}
            answer = await client.request(
                request.method, url + request.url.path, content=await request.body(), headers=headers
            )
        if kind == "swallow":
            await asyncio.sleep(3600)
        if kind == "forget":
            return Response("<html>oh no", 500)
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    return ScriptedServer(handler)
