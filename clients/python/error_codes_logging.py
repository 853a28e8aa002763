"""A handler for CPython's `logging`: log records become error codes. README.md shows the use."""

import logging
import threading


class ErrorCodeHandler(logging.Handler):
    """Stores the code of a log record, and sends what is stored from a thread of its own.

    The code is `err` of the record (`logger.error("…", extra={"err": 107})`), else what `codes` has for its level. Records
    without a code are ignored. Logging never waits for the network and never raises. When the program ends, codes that are
    due are sent for up to `seconds_at_exit`; what is not delivered then stays in the client's file for the next start.
    """

    def __init__(self, client, codes=None, level=logging.NOTSET, seconds_at_exit=5):
        super().__init__(level)
        self._client, self._codes, self._seconds_at_exit = client, codes or {}, seconds_at_exit
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
        """Ends the thread once nothing is due, or after `seconds_at_exit`. `logging` calls it when the program ends."""
        self._is_closed = True
        self._changed.set()
        self._thread.join(self._seconds_at_exit)
        super().close()

    def _send(self):
        while True:
            # In this order, or the last code before the end would be missed.
            is_last = self._is_closed
            self._changed.clear()
            # A code that comes in a backoff ends the pause, but `step` keeps to the backoff.
            wait = self._client.step()
            if wait == 0:
                continue
            if is_last:
                return
            if not self._is_closed:
                self._changed.wait(wait)
