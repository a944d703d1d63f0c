"""The errors Cloud Storage answers with, in the words of either API; every module here raises them.

Sources: https://cloud.google.com/storage/docs/xml-api/reference-status and .../json_api/v1/status-codes.
"""

from xml.sax.saxutils import escape

from starlette.responses import JSONResponse, Response

# XML code -> (HTTP status, JSON API reason, message)
_CATALOGUE: dict[str, tuple[int, str, str]] = {
    "AccessDenied": (403, "forbidden", "Access denied."),
    "BadDigest": (
        400,
        "invalid",
        "The Content-MD5 or x-goog-hash you specified did not match what we received.",
    ),
    "BucketNameUnavailable": (409, "conflict", "The requested bucket name is not available."),
    "ClientClosedRequest": (499, "cancelled", "The upload was cancelled."),
    "EntityTooLarge": (
        400,
        "invalid",
        "Your proposed upload is larger than the maximum object size allowed.",
    ),
    "EntityTooSmall": (
        400,
        "invalid",
        "Your proposed upload is smaller than the minimum object size allowed.",
    ),
    "ExpiredToken": (400, "invalid", "The provided token has expired."),
    "Gone": (410, "gone", "The upload session is unknown or has expired; start a new one."),
    "InternalError": (500, "backendError", "We encountered an internal error. Please try again."),
    "InvalidArgument": (400, "invalid", "Invalid argument."),
    "InvalidDigest": (400, "invalid", "The digest you specified was invalid."),
    "InvalidRange": (416, "requestedRangeNotSatisfiable", "The requested range cannot be satisfied."),
    "MalformedSecurityHeader": (400, "invalid", "Your request has a malformed header."),
    "MethodNotAllowed": (
        405,
        "methodNotAllowed",
        "The specified method is not allowed against this resource.",
    ),
    "NoSuchBucket": (404, "notFound", "The specified bucket does not exist."),
    "NoSuchKey": (404, "notFound", "The specified key does not exist."),
    "NotImplemented": (501, "notImplemented", "The stand-in does not provide this part of Cloud Storage."),
    "NotModified": (304, "notModified", ""),
    "PreconditionFailed": (
        412,
        "conditionNotMet",
        "At least one of the pre-conditions you specified did not hold.",
    ),
    "RequestTimeTooSkewed": (
        403,
        "forbidden",
        "The difference between the request time and the server's time is too large.",
    ),
    "ServiceUnavailable": (503, "backendError", "Please try again."),
    "SignatureDoesNotMatch": (403, "forbidden", "Access denied."),
}


class StorageError(Exception):
    """A refusal, by its XML code; ``elements`` are further XML elements such as StringToSign."""

    def __init__(
        self,
        code: str,
        details: str = "",
        *,
        status: int | None = None,
        elements: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {details}")
        listed_status, self.reason, self.message = _CATALOGUE[code]
        self.code = code
        self.status = status or listed_status
        self.details = details
        self.elements = elements or {}

    def as_xml(self) -> Response:
        if self.status == 304:
            return Response(status_code=304)
        parts = {"Code": self.code, "Message": self.message, "Details": self.details, **self.elements}
        body = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in parts.items() if text)
        document = f"<?xml version='1.0' encoding='UTF-8'?><Error>{body}</Error>"
        return Response(document, self.status, media_type="application/xml; charset=UTF-8")

    def as_json(self) -> Response:
        if self.status == 304:
            return Response(status_code=304)
        message = self.details or self.message
        first = {"message": message, "domain": "global", "reason": self.reason}
        return JSONResponse({"error": {"code": self.status, "message": message, "errors": [first]}}, self.status)
