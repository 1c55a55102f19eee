"""Contains all the data models used in inputs/outputs"""

from .api_key import ApiKey
from .api_key_create import ApiKeyCreate
from .api_key_page import ApiKeyPage
from .api_key_with_secret import ApiKeyWithSecret
from .audit_event import AuditEvent
from .audit_event_page import AuditEventPage
from .dependency_health import DependencyHealth
from .email_change import EmailChange
from .error_body import ErrorBody
from .error_code import ErrorCode
from .error_details import ErrorDetails
from .field_problem import FieldProblem
from .health import Health
from .health_status import HealthStatus
from .job import Job
from .job_page import JobPage
from .job_status import JobStatus
from .jwk import Jwk
from .jwks import Jwks
from .link_request import LinkRequest
from .link_token import LinkToken
from .login_request import LoginRequest
from .password_reset import PasswordReset
from .profile_update import ProfileUpdate
from .readiness import Readiness
from .refresh_request import RefreshRequest
from .register_request import RegisterRequest
from .service_card import ServiceCard
from .test_event import TestEvent
from .test_event_data import TestEventData
from .token_pair import TokenPair
from .token_type import TokenType
from .user import User
from .user_create import UserCreate
from .user_event import UserEvent
from .user_event_type import UserEventType
from .user_page import UserPage
from .user_role import UserRole
from .user_session import UserSession
from .user_session_page import UserSessionPage
from .user_update import UserUpdate
from .webhook import Webhook
from .webhook_create import WebhookCreate
from .webhook_delivery import WebhookDelivery
from .webhook_delivery_page import WebhookDeliveryPage
from .webhook_delivery_status import WebhookDeliveryStatus
from .webhook_disabled_reason import WebhookDisabledReason
from .webhook_page import WebhookPage
from .webhook_update import WebhookUpdate
from .webhook_with_secret import WebhookWithSecret

__all__ = (
    "ApiKey",
    "ApiKeyCreate",
    "ApiKeyPage",
    "ApiKeyWithSecret",
    "AuditEvent",
    "AuditEventPage",
    "DependencyHealth",
    "EmailChange",
    "ErrorBody",
    "ErrorCode",
    "ErrorDetails",
    "FieldProblem",
    "Health",
    "HealthStatus",
    "Job",
    "JobPage",
    "JobStatus",
    "Jwk",
    "Jwks",
    "LinkRequest",
    "LinkToken",
    "LoginRequest",
    "PasswordReset",
    "ProfileUpdate",
    "Readiness",
    "RefreshRequest",
    "RegisterRequest",
    "ServiceCard",
    "TestEvent",
    "TestEventData",
    "TokenPair",
    "TokenType",
    "User",
    "UserCreate",
    "UserEvent",
    "UserEventType",
    "UserPage",
    "UserRole",
    "UserSession",
    "UserSessionPage",
    "UserUpdate",
    "Webhook",
    "WebhookCreate",
    "WebhookDelivery",
    "WebhookDeliveryPage",
    "WebhookDeliveryStatus",
    "WebhookDisabledReason",
    "WebhookPage",
    "WebhookUpdate",
    "WebhookWithSecret",
)
