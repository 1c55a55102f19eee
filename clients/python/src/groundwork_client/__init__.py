"""A client library for accessing Groundwork"""

from .client import AuthenticatedClient, Client
from .failures import GroundworkError, ok
from .pages import pages
from .retries import AsyncRetries, Retries, Retry
from .session import Session

__all__ = (
    "AsyncRetries",
    "AuthenticatedClient",
    "Client",
    "GroundworkError",
    "Retries",
    "Retry",
    "Session",
    "ok",
    "pages",
)
