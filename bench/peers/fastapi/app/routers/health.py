from fastapi import APIRouter

from app.schemas import Health

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Health:
    return Health(version="1.1.0")
