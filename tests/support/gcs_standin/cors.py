"""Cross-origin answers from a bucket's CORS settings; the XML API and upload sessions use it.

Rules: https://cloud.google.com/storage/docs/cross-origin. Without a matching rule no header is sent, and the
browser refuses on its own.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

Rules = list[dict[str, Any]]


def session_rules(origin: str | None) -> Rules:
    """A session admits the origin that started it, for what an upload needs."""
    if origin is None:
        return []
    allowed = ["Content-Type", "Content-Range", "Range", "x-goog-hash"]
    return [{"origin": [origin], "method": ["PUT", "DELETE"], "responseHeader": allowed}]


def preflight_headers(rules: Rules, headers: Mapping[str, str]) -> dict[str, str]:
    """Headers of the answer to OPTIONS; none unless origin, method and every requested header are allowed."""
    method = headers.get("access-control-request-method", "")
    rule = _matching(rules, headers.get("origin"), method)
    if rule is None:
        return {}
    allowed = {name.lower() for name in rule.get("responseHeader", [])}
    requested = headers.get("access-control-request-headers", "").lower().replace(" ", "").split(",")
    if "*" not in allowed and not {name for name in requested if name} <= allowed:
        return {}
    return {
        "Access-Control-Allow-Origin": _allowed_origin(rule, headers["origin"]),
        "Access-Control-Allow-Methods": ",".join(rule.get("method", [])),
        "Access-Control-Allow-Headers": ",".join(rule.get("responseHeader", [])),
        "Access-Control-Max-Age": str(rule.get("maxAgeSeconds", 3600)),
        "Vary": "Origin",
    }


def answer_headers(rules: Rules, headers: Mapping[str, str], method: str) -> dict[str, str]:
    """Headers that let the page read the answer to its own request."""
    rule = _matching(rules, headers.get("origin"), method)
    if rule is None:
        return {}
    return {
        "Access-Control-Allow-Origin": _allowed_origin(rule, headers["origin"]),
        "Access-Control-Expose-Headers": ",".join(rule.get("responseHeader", [])),
        "Vary": "Origin",
    }


def _matching(rules: Rules, origin: str | None, method: str) -> dict[str, Any] | None:
    if origin is None:
        return None
    for rule in rules:
        origins, methods = rule.get("origin", []), rule.get("method", [])
        if any(fnmatchcase(origin, pattern) for pattern in origins) and (method in methods or "*" in methods):
            return rule
    return None


def _allowed_origin(rule: dict[str, Any], origin: str) -> str:
    return "*" if "*" in rule.get("origin", []) else origin
