"""moto's server on a free port of 127.0.0.1, which it prints. It ends when its standard input does, so it never
outlives the program that started it, however that one ended.

Arguments: a file for the messages that are in queues at the end, which the next run has again, or "" for none, and then
operations that nobody may use, as secretsmanager.GetSecretValue. (moto's own way to refuse one answers with XML where
AWS answers with JSON.)
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
# Finding out which service is meant takes moto longer than all the rest of a request.
sqs = create_backend_app("sqs")


def application(environ, start_response):
    # Not one of AWS's: what the server was asked to do until now.
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
    # Connections are used again.
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True


# A line for each request is no news.
logging.getLogger("werkzeug").setLevel(logging.ERROR)
# As good an end as that of the input, of which there is no more then. Nothing is cut off, however often they come.
nothing = os.open(os.devnull, os.O_RDONLY)
for end in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(end, lambda *_: os.dup2(nothing, 0))
# The socket listens from here on; who connects before the thread runs, waits.
server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=RequestHandler)
Thread(target=server.serve_forever, daemon=True).start()
print(server.port, flush=True)
sys.stdin.buffer.read()
# For good: what comes now is not answered, so nobody takes it for sent.
queues.acquire()  # noqa: F821
if kept_messages.path:
    counts = kept_messages.keep()
    # After kill -9 of who started this, nobody listens.
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(counts), flush=True)
