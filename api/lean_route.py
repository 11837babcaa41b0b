"""Routes solved with what a request brings, not with all that it might have brought.

FastAPI goes through every parameter and dependency of a route again for every request, which costs a page of history
more than reading its token and making its JSON. What it declares, checks and describes stays FastAPI's.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

Error = dict[str, Any]


class LeanRoute(APIRoute):
    """A route whose endpoint gives a `Response`, and takes the request, values of path and query, and dependencies that
    take the request alone. Raises `TypeError` for an endpoint that asks for more.
    """

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """What answers a request. It raises `RequestValidationError`, and what dependencies and endpoint raise."""
        _require_lean(self.dependant)
        endpoint: Callable[..., Awaitable[Response]] = self.endpoint
        request_name = self.dependant.request_param_name
        path = [Parameter.of(one) for one in self.dependant.path_params]
        query = [Parameter.of(one) for one in self.dependant.query_params]
        dependencies: list[Any] = [(one.name, one.call) for one in self.dependant.dependencies]

        async def answer(request: Request) -> Response:
            values: dict[str, Any] = {name: await call(request) for name, call in dependencies}
            errors = [*_fill(values, path, request.path_params), *_fill(values, query, request.query_params)]
            if errors:
                raise RequestValidationError(errors)
            if request_name:
                values[request_name] = request
            return await endpoint(**values)

        return answer


class Parameter(NamedTuple):
    """One of a path or a query: its name in code, where it stands there, what it is without, what judges it."""

    name: str
    place: tuple[str, str]
    required: bool
    default: Any
    judge: Callable[..., tuple[Any, list[Error]]]

    @classmethod
    def of(cls, field: Any) -> "Parameter":
        """As FastAPI declares it."""
        required = field.field_info.is_required()
        place = (field.field_info.in_.value, field.alias)
        return cls(field.name, place, required, None if required else field.default, field.validate)


def _fill(values: dict[str, Any], parameters: Sequence[Parameter], given: Mapping[str, Any]) -> Iterator[Error]:
    """Adds each value under its name; yields what is wrong with the others, in FastAPI's words."""
    for name, place, required, default, judge in parameters:
        if place[1] in given:
            values[name], errors = judge(given[place[1]], loc=place)
            yield from errors
        elif required:
            yield {"type": "missing", "loc": place, "msg": "Field required", "input": None}
        else:
            values[name] = default


def _require_lean(dependant: Dependant) -> None:
    more: list[Any] = [dependant.header_params, dependant.cookie_params, dependant.body_params]
    for one in dependant.dependencies:
        more += [one.path_params, one.query_params, one.header_params, one.dependencies]
    if any(more):
        raise TypeError(f"{dependant.call} asks for more than values of path and query, and what takes the request")
