from typing import Annotated

from fastapi import APIRouter, Depends, Request

from app.database import Database
from app.schemas import LoginRequest, RefreshRequest, TokenPair
from app.services import auth

router = APIRouter(prefix="/auth", tags=["auth"])


async def get_client(request: Request) -> auth.Client:
    ip = request.client.host if request.client else ""
    return auth.Client(ip=ip, user_agent=request.headers.get("user-agent"))


Client = Annotated[auth.Client, Depends(get_client)]


@router.post("/login")
async def login(body: LoginRequest, client: Client) -> TokenPair:
    return await auth.login(body.email, body.password, client)


@router.post("/refresh")
async def refresh(body: RefreshRequest, client: Client, db: Database) -> TokenPair:
    return await auth.refresh(db, body.refresh_token, client)
