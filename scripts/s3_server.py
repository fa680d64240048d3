"""moto's S3 server, with one write at a time: `python scripts/s3_server.py PORT`, on loopback, for the demo and the tests.

moto looks whether an object is there and stores it in two steps, so that of two conditional writes at once both may win (1 in 400
keys that eight threads asked for). In S3 one wins, and Delta's commits and our pointer rest on it.
"""

import sys
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def one_write_at_a_time(application: Application) -> Application:
    """The application, answering whatever is no reading one request after the other."""
    writing = Lock()

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return application(environ, start_response)
        with writing:
            return application(environ, start_response)

    return serve


if __name__ == "__main__":
    run_simple(
        "127.0.0.1",
        int(sys.argv[1]),
        one_write_at_a_time(DomainDispatcherApplication(create_backend_app)),
        threaded=True,
    )
