"""What the service says of itself: its features, its health, its metrics. Nobody needs a token for these."""

from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.documents import Liveness, Readiness, Service
from api.read_side import read_side
from api.rendering import Json
from chat.settings import Settings

SERVICE = "aivo-chat"

router = APIRouter(tags=["service"])


def service_version() -> str:
    """The installed version; `unknown` where the program runs from its folder."""
    try:
        return version(SERVICE)
    except PackageNotFoundError:
        return "unknown"


def features(settings: Settings) -> dict[str, bool]:
    """What is on. A switch for what the service cannot do yet is off, whatever it is set to."""
    return {
        "rate_limiting": settings.enable_rate_limiting,
        "message_retention": True,
        "privacy": False,
        "message_encryption": settings.message_encryption,
        "content_moderation": False,
        "streaming": False,
    }


@router.get("/", response_class=Json, responses={200: {"model": Service}})
async def index(request: Request) -> Response:
    """Which service this is, and which of its features are on."""
    found = features(read_side(request).settings)
    return Json({"service": SERVICE, "version": service_version(), "features": found})


@router.get("/health/live", response_class=Json, responses={200: {"model": Liveness}})
async def live() -> Response:
    """Whether this process runs; asks no server."""
    return Json({"status": "live"})


@router.get("/health", response_class=Json, responses={200: {"model": Readiness}, 503: {"model": Readiness}})
@router.get("/health/ready", response_class=Json, responses={200: {"model": Readiness}, 503: {"model": Readiness}})
async def ready(request: Request) -> Response:
    """Whether Cassandra and Kafka answer."""
    states = await read_side(request).health.states()
    good = set(states.values()) <= {"up"}
    return Json({"status": "ready" if good else "not ready", **states}, 200 if good else 503)


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
async def metrics() -> Response:
    """Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
