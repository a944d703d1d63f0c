"""A strict stand-in for Google Cloud Storage: it enforces what emulators let through.

System tests and the ``gcp`` backend's tests talk to it with Google's own client, curl and signed URLs.
"""

from .faults import Fault, FaultPlan, RecordedRequest
from .server import GcsStandin

__all__ = ["Fault", "FaultPlan", "GcsStandin", "RecordedRequest"]
