"""A handler for CPython's `logging`: log records become error codes. README.md shows the use."""

import logging
import threading


class ErrorCodeHandler(logging.Handler):
    """Stores the code of a log record, and sends what is stored from a thread of its own.

    The code is `err` of the record (`logger.error("…", extra={"err": 107})`), else what `codes` has for its level. Records
    without a code are ignored. Logging never waits for the network and never raises: what is not delivered when the program
    ends stays in the client's file, and the next start sends it.
    """

    def __init__(self, client, codes=None, level=logging.NOTSET):
        super().__init__(level)
        self._client, self._codes = client, codes or {}
        self._changed, self._is_closed = threading.Event(), False
        self._thread = threading.Thread(target=self._send, name="error-codes", daemon=True)
        self._thread.start()

    def emit(self, record):
        try:
            err = getattr(record, "err", self._codes.get(record.levelno))
            if err is not None:
                self._client.add(err)
                self._changed.set()
        except Exception:
            self.handleError(record)  # As every handler: a line on standard error, or nothing.

    def close(self):
        """Ends the thread. It gets a second for a response that is on its way."""
        self._is_closed = True
        self._changed.set()
        self._thread.join(1)
        super().close()

    def _send(self):
        while not self._is_closed:
            self._changed.clear()
            # A code that comes in a backoff ends the pause, but `step` keeps to the backoff.
            wait = self._client.step()
            if wait != 0:
                self._changed.wait(wait)
