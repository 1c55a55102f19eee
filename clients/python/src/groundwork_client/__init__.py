"""A client library for accessing Groundwork"""

from .async_session import AsyncSession
from .client import AuthenticatedClient, Client
from .failures import GroundworkError, ok
from .pages import AsyncPager, Page, Pager, pages
from .retries import AsyncRetries, Retries, Retry
from .service import AsyncGroundwork, Groundwork
from .session import Session
from .webhooks import WebhookError, WebhookProblem, verify_webhook

__all__ = (
    "AsyncGroundwork",
    "AsyncPager",
    "AsyncRetries",
    "AsyncSession",
    "AuthenticatedClient",
    "Client",
    "Groundwork",
    "GroundworkError",
    "Page",
    "Pager",
    "Retries",
    "Retry",
    "Session",
    "WebhookError",
    "WebhookProblem",
    "ok",
    "pages",
    "verify_webhook",
)
