"""`/docs`: the description as a page. Its scripts come from this service, since people type tokens into it."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response

from chat.errors import NotVisible

router = APIRouter(prefix="/docs", include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AIVO chat</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="description"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#description",
  deepLinking: true,
  supportedSubmitMethods: ["get"],
  validatorUrl: null,
});
"""
_KEPT = {"cache-control": "public, max-age=3600"}
_SWAGGER_UI = files("fastapi_offline") / "static"
_ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


@router.get("")
async def page() -> Response:
    """Swagger UI over `/openapi.json`, also behind a proxy's prefix."""
    return Response(_PAGE, media_type="text/html")


@router.get("/start.js")
async def start() -> Response:
    """A file, for no script may stand in the page."""
    return Response(_START, headers=_KEPT, media_type="text/javascript")


@router.get("/{name}")
async def asset(name: str) -> Response:
    """A file of Swagger UI's. Raises `NotVisible` for any other."""
    if name not in _ASSETS:
        raise NotVisible
    return Response(_content(name), headers=_KEPT, media_type=_ASSETS[name])


@cache
def _content(name: str) -> bytes:
    return (_SWAGGER_UI / name).read_bytes()
