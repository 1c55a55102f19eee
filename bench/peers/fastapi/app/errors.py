"""One body for every error."""

import uuid

from fastapi import Request
from fastapi.responses import JSONResponse


class ApiError(Exception):
    def __init__(self, status: int, error: str, message: str) -> None:
        self.status, self.error, self.message = status, error, message


UNAUTHORIZED = ApiError(401, "unauthorized", "A bearer token is required.")
INVALID_TOKEN = ApiError(401, "invalid_token", "The token is invalid or has expired.")
INVALID_CREDENTIALS = ApiError(401, "invalid_credentials", "The email or the password is wrong.")
FORBIDDEN = ApiError(403, "forbidden", "This needs more rights.")
NOT_FOUND = ApiError(404, "not_found", "There is nothing here.")
RATE_LIMITED = ApiError(429, "rate_limited", "Too many requests.")


async def respond(_: Request, error: ApiError) -> JSONResponse:
    body = {"success": False, "error": error.error, "message": error.message, "request_id": uuid.uuid4().hex}
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return JSONResponse(body, error.status, headers)


async def respond_not_found(request: Request, _: Exception) -> JSONResponse:
    return await respond(request, NOT_FOUND)
