"""The handler for `logging`, with a transport that the test answers."""

import io
import json
import logging
import os
import queue
import socket
import tempfile
import threading
import unittest
from contextlib import redirect_stderr
from http.client import HTTPException

import error_codes
from error_codes import Client
from error_codes_logging import ErrorCodeHandler

LIMIT = 30  # Seconds that a test waits for a thread before it fails.


class Transport:
    """Hands each request to the test, and waits for its answer."""

    def __init__(self):
        self.requests, self.answers = queue.Queue(), queue.Queue()

    def __call__(self, url, headers, body):
        self.requests.put([record["err"] for record in json.loads(body)])
        return self.answers.get(timeout=LIMIT)

    def acknowledge(self):
        """Acknowledges the next request; returns its codes."""
        codes = self.requests.get(timeout=LIMIT)
        self.answers.put((200, {}, json.dumps({"accepted": len(codes), "rejected": 0, "errors": []}).encode()))
        return codes


class Transports(unittest.TestCase):
    def test_a_server_that_drips_does_not_hold_the_device(self):
        limit, error_codes.TIMEOUT = error_codes.TIMEOUT, 1
        self.addCleanup(setattr, error_codes, "TIMEOUT", limit)
        for sent in (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9999\r\n\r\n"):
            server = socket.create_server(("127.0.0.1", 0))
            self.addCleanup(server.close)
            ended = threading.Event()

            def drip():
                connection, _ = server.accept()
                with connection:
                    connection.sendall(sent)
                    try:
                        while not ended.wait(0.1):  # Well below the timeout of a read.
                            connection.sendall(b"x")
                    except OSError:
                        pass  # The device hung up.

            thread = threading.Thread(target=drip, daemon=True)
            thread.start()
            try:
                _, _, body = error_codes.post("http://127.0.0.1:%d/logs" % server.getsockname()[1], {}, b"[]")
                self.assertEqual(body, b"")
            except (OSError, ValueError, HTTPException):
                pass
            thread.join(LIMIT)
            self.assertFalse(thread.is_alive())
            ended.set()


class Logging(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path, self.transport = os.path.join(folder.name, "codes"), Transport()
        self.logger = logging.Logger("device")

    def handler(self, **settings):
        client = Client("http://unused", "key", "pump-17", self.path, transport=self.transport)
        handler = ErrorCodeHandler(client, **settings)
        self.addCleanup(client.close)
        self.addCleanup(handler.close)
        self.logger.addHandler(handler)
        return client

    def test_the_code_comes_from_the_record_or_from_its_level(self):
        self.handler(codes={logging.CRITICAL: 1})
        self.logger.error("Motor overheated", extra={"err": 107})
        self.assertEqual(self.transport.acknowledge(), [107])
        self.logger.critical("Out of oil")
        self.assertEqual(self.transport.acknowledge(), [1])
        self.logger.critical("Out of oil, with a code of its own", extra={"err": 108})
        self.assertEqual(self.transport.acknowledge(), [108])

    def test_a_record_without_a_code_is_ignored(self):
        client = self.handler()
        self.logger.error("Nothing that the fleet must know")
        self.assertEqual(client.waiting(), 0)

    def test_logging_goes_on_while_the_network_hangs_and_nothing_is_lost(self):
        client = self.handler()
        self.logger.error("first", extra={"err": 1})
        self.assertEqual(self.transport.requests.get(timeout=LIMIT), [1])
        for err in range(2, 7):
            self.logger.error("while it hangs", extra={"err": err})
        self.assertEqual(client.waiting(), 6)
        self.transport.answers.put((200, {}, b'{"accepted":1,"rejected":0,"errors":[]}'))
        self.assertEqual(self.transport.acknowledge(), [2, 3, 4, 5, 6])

    def test_a_code_that_is_none_does_not_raise(self):
        client = self.handler()
        with redirect_stderr(io.StringIO()) as said:
            self.logger.error("no number", extra={"err": "E7"})
        self.assertIn("err must be an integer", said.getvalue())
        self.assertEqual(client.waiting(), 0)

    def test_a_code_just_before_the_end_is_sent_before_the_program_ends(self):
        requests = []

        def transport(url, headers, body):
            requests.extend(record["err"] for record in json.loads(body))
            return 200, {}, json.dumps({"accepted": len(json.loads(body)), "rejected": 0, "errors": []}).encode()

        for err in range(20):
            self.transport = transport
            client = self.handler(seconds_at_exit=LIMIT)
            self.logger.error("the last word", extra={"err": err})
            handler = self.logger.handlers.pop()
            handler.close()
            client.close()
            self.assertEqual(requests, list(range(err + 1)))

    def test_a_network_that_hangs_does_not_keep_the_program_alive(self):
        self.handler(seconds_at_exit=0)
        self.logger.error("hangs", extra={"err": 1})
        self.assertEqual(self.transport.requests.get(timeout=LIMIT), [1])
        self.logger.handlers[0].close()
        self.transport.answers.put((200, {}, b'{"accepted":1,"rejected":0,"errors":[]}'))

    def test_what_is_not_delivered_at_the_end_is_sent_by_the_next_start(self):
        client = self.handler()
        self.transport.answers.put((503, {"retry-after": "3600"}, b""))
        self.logger.error("late", extra={"err": 107})
        self.assertEqual(self.transport.requests.get(timeout=LIMIT), [107])
        self.logger.handlers[0].close()
        self.assertFalse(any(thread.name == "error-codes" for thread in threading.enumerate()))
        client.close()
        self.handler()
        self.assertEqual(self.transport.acknowledge(), [107])
