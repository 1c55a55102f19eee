"""Contains all the data models used in inputs/outputs"""

from .dependency_health import DependencyHealth
from .error_body import ErrorBody
from .error_code import ErrorCode
from .error_details import ErrorDetails
from .field_problem import FieldProblem
from .health import Health
from .health_status import HealthStatus
from .login_request import LoginRequest
from .profile_update import ProfileUpdate
from .readiness import Readiness
from .refresh_request import RefreshRequest
from .register_request import RegisterRequest
from .service_card import ServiceCard
from .token_pair import TokenPair
from .token_type import TokenType
from .user import User
from .user_create import UserCreate
from .user_page import UserPage
from .user_update import UserUpdate

__all__ = (
    "DependencyHealth",
    "ErrorBody",
    "ErrorCode",
    "ErrorDetails",
    "FieldProblem",
    "Health",
    "HealthStatus",
    "LoginRequest",
    "ProfileUpdate",
    "Readiness",
    "RefreshRequest",
    "RegisterRequest",
    "ServiceCard",
    "TokenPair",
    "TokenType",
    "User",
    "UserCreate",
    "UserPage",
    "UserUpdate",
)
