"""A receiver of traces by OTLP over HTTP, as a collector has one: keeps every span, and every byte of every request."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Received(NamedTuple):
    """A span as it came over the wire; ids in hexadecimal, `links` are ids of spans."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    attributes: dict[str, Any]
    status: str


class OtlpReceiver:
    """What has come so far."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.spans: list[Received] = []
        self.address = ""

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Keeps a request."""
        plain = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
        self.bodies.append(plain)
        self.headers.append(headers)
        for resource in ExportTraceServiceRequest.FromString(plain).resource_spans:
            service = _attributes(resource.resource.attributes)["service.name"]
            self.spans += [_received(service, one) for scope in resource.scope_spans for one in scope.spans]

    def named(self, name: str) -> list[Received]:
        """The spans of that name."""
        return [one for one in list(self.spans) if one.name == name]


@contextmanager
def receiving() -> Iterator[OtlpReceiver]:
    """Listens on a free port while the block runs."""
    receiver = OtlpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.take(dict(self.headers.items()), body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _received(service: str, span: Any) -> Received:
    return Received(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        tuple(one.span_id.hex() for one in span.links),
        _attributes(span.attributes),
        span.status.message,
    )


def _attributes(given: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in given}
