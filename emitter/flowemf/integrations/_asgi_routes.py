"""Names requests by the template of their route: `GET /items/{id}`, never by the path that a client made up.

An ASGI application and the scope of a request go in; a name comes out, one of as many as the application has routes.
Starlette's and FastAPI's routes are asked before the application is, since a flow has its name when it starts.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping
    from typing import Any

    Scope = MutableMapping[str, Any]

_NO_ROUTE = "(no route)"
# https://www.rfc-editor.org/rfc/rfc9110#name-methods and https://www.rfc-editor.org/rfc/rfc5789: a client can send any
# other word.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))
_OTHER_METHOD = "(other method)"
# The values of starlette.routing.Match.
_PARTIAL, _FULL = 1, 2
_MOST_LEVELS = 16
_FASTAPI = "fastapi.routing"
_REST = "/{path}"


def flow_name(app: object, scope: Scope) -> str:
    """Name a request.

    >>> flow_name(None, {"method": "GET", "path": "/wp-login.php"})
    'GET (no route)'

    Args:
        app: the application that the middleware is around, or the next middleware.
        scope: the request's scope; it is not changed.

    Returns:
        The method and the template of the route.
    """
    template = _known_template(scope) or _template_within(_routes_of(scope.get("app")) or _routes_of(app), dict(scope))
    return f"{_method(scope)} {template}" if template else unknown_route(scope)


def unknown_route(scope: Scope) -> str:
    """Name a request of which only the method is known."""
    return f"{_method(scope)} {_NO_ROUTE}"


def _method(scope: Scope) -> str:
    method = scope.get("method")
    return method if method in _METHODS else _OTHER_METHOD


def _known_template(scope: Scope) -> str | None:
    """Give the template where a router has been there already: Litestar's, or a route's around this middleware."""
    route = scope.get("route")
    if getattr(route, "routes", None):
        return None  # the mount of an application, which has routes of its own
    found = scope.get("path_template") or _path_of(route)
    return found if isinstance(found, str) and found else None


def _routes_of(app: Any) -> list[Any]:
    """Find the routes of an application, behind the middleware that is around it."""
    for _ in range(_MOST_LEVELS):
        routes = getattr(app, "routes", None)
        if isinstance(routes, list):
            return routes
        app = getattr(app, "app", None)
    return []


def _template_within(routes: list[Any], scope: Scope, levels: int = _MOST_LEVELS) -> str | None:
    """Find the first route that takes a request; else the first that would with another method."""
    partial: str | None = None
    for route in _expanded(routes):
        match, child_scope = route.matches(scope)
        if match.value == _FULL:
            return _template_of(route, scope, child_scope, levels)
        if match.value == _PARTIAL and partial is None:
            partial = _template_of(route, scope, child_scope, levels)
    return partial


def _expanded(routes: list[Any]) -> Iterable[Any]:
    """Put the routes of included routers in their place: newer FastAPI keeps routers as they were included."""
    expand = getattr(sys.modules.get(_FASTAPI), "iter_route_contexts", None)
    return routes if expand is None else expand(routes)


def _template_of(route: Any, scope: Scope, child_scope: Mapping[str, Any], levels: int) -> str | None:
    """Give the whole template of a route; of one that holds others together with theirs."""
    path = _path_of(route)
    inner = getattr(route, "routes", None)
    if not isinstance(inner, list) or not inner or levels == 0:
        return path
    rest = _template_within(inner, {**scope, **child_scope}, levels - 1)
    return None if rest is None else path.removesuffix(_REST) + rest


def _path_of(route: Any) -> str:
    """Give a route's own template, without the names of converters where it can be had without."""
    found = getattr(route, "path_format", None) or getattr(route, "path", None)
    return found if isinstance(found, str) else ""
