"""The one error body."""

from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

MESSAGES = {
    "malformed_request": (400, "The request is not well-formed."),
    "unauthorized": (401, "A bearer token is required."),
    "invalid_token": (401, "The token is invalid or has expired."),
    "invalid_credentials": (401, "The email or the password is wrong."),
    "forbidden": (403, "This needs superuser rights."),
    "not_found": (404, "There is nothing here."),
    "method_not_allowed": (405, "This method is not allowed here."),
    "validation_error": (422, "Some values are not valid."),
    "rate_limited": (429, "There were too many requests; try again later."),
    "internal_error": (500, "Something went wrong on our side."),
}


class ApiError(Exception):
    def __init__(self, code: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.headers = headers


class FieldProblem(BaseModel):
    field: str
    rule: str
    message: str


class Details(BaseModel):
    fields: list[FieldProblem]


class ErrorBody(BaseModel):
    success: bool = False
    error: str
    message: str
    details: Details | None = None
    request_id: str


def respond(code: str, headers: dict[str, str] | None = None, details: Details | None = None) -> Response:
    status, message = MESSAGES[code]
    headers = dict(headers or {})
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if code == "invalid_token" else "Bearer"
    body = ErrorBody(error=code, message=message, details=details, request_id=uuid4().hex)
    return Response(body.model_dump_json(exclude_none=True), status, headers, "application/json")


async def on_api_error(_: Request, error: ApiError) -> Response:
    return respond(error.code, error.headers)


async def on_http_error(_: Request, error: HTTPException) -> Response:
    codes = {400: "malformed_request", 404: "not_found", 405: "method_not_allowed"}
    headers = dict(error.headers) if error.headers else None
    return respond(codes.get(error.status_code, "internal_error"), headers)


async def on_invalid(_: Request, error: RequestValidationError) -> Response:
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return respond("malformed_request")
    fields = [
        FieldProblem(field=str(problem["loc"][-1]), rule=problem["type"], message=problem["msg"])
        for problem in problems
    ]
    return respond("validation_error", details=Details(fields=fields))


async def on_crash(_: Request, __: Exception) -> Response:
    return respond("internal_error")


def install(app: FastAPI) -> None:
    app.add_exception_handler(ApiError, on_api_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_crash)
