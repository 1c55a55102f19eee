"""A client library for accessing Groundwork"""

from .client import AuthenticatedClient, Client
from .session import GroundworkError, Observer, Session, ok, pages, pages_async

__all__ = (
    "AuthenticatedClient",
    "Client",
    "GroundworkError",
    "Observer",
    "Session",
    "ok",
    "pages",
    "pages_async",
)
