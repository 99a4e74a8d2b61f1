"""A server served for the length of a with-block."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer

_POLL_S = 0.01


@contextmanager
def serving(http: HTTPServer, *, stopping: threading.Event | None = None) -> Iterator[None]:
    """Answer requests in a thread until the block ends, then close the port.

    Args:
        http: Bound to its address.
        stopping: Set at the end, so that handlers which wait on it let go.
    """
    thread = threading.Thread(target=http.serve_forever, args=(_POLL_S,))
    thread.start()
    try:
        yield
    finally:
        if stopping is not None:
            stopping.set()
        http.shutdown()
        thread.join()
        http.server_close()
