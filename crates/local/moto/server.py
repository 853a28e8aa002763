"""Runs moto's server on a free port of 127.0.0.1 and prints the port. It exits when its standard input ends, so it
never outlives the program that started it.

Arguments: the file that keeps messages between two runs, or "" for none; then operations that are denied, such as
secretsmanager.GetSecretValue. (moto's own denial responds with XML where AWS responds with JSON.)
"""

import contextlib
import json
import logging
import os
import signal
import sys
from threading import Thread

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

kept_messages, denied = KeptMessages(sys.argv[1]), sys.argv[2:]  # noqa: F821 of queues.py
operations = []
moto = DomainDispatcherApplication(create_backend_app)
# Direct access to SQS: finding the service takes moto longer than the rest of a request.
sqs = create_backend_app("sqs")


def application(environ, start_response):
    # Not part of AWS: lists the operations that were called so far.
    if environ["PATH_INFO"] == "/operations":
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(operations).encode()]
    operation = environ.get("HTTP_X_AMZ_TARGET", "")
    if operation in denied:
        start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
        message = f"User: somebody is not authorized to perform: {operation.replace('.', ':')}"
        return [json.dumps({"__type": "AccessDeniedException", "Message": message}).encode()]
    if operation.startswith("AmazonSQS."):
        return sqs(environ, start_response)
    if operation:
        operations.append(operation)
    return moto(environ, start_response)


class RequestHandler(MotoRequestHandler):
    # Keeps connections open.
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True


# No line for each request.
logging.getLogger("werkzeug").setLevel(logging.ERROR)
# A signal ends the input, so the server exits as above. Further signals do not interrupt it.
nothing = os.open(os.devnull, os.O_RDONLY)
for end in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(end, lambda *_: os.dup2(nothing, 0))
# The socket listens from here on. Clients that connect before the thread runs have to wait.
server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=RequestHandler)
Thread(target=server.serve_forever, daemon=True).start()
print(server.port, flush=True)
sys.stdin.buffer.read()
# Never released: later requests get no response, so no client believes that its message was sent.
queues.acquire()  # noqa: F821
if kept_messages.path:
    counts = kept_messages.keep()
    # After kill -9 of the parent, nobody reads.
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(counts), flush=True)
