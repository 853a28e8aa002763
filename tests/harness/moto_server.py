"""moto's server on a free port of 127.0.0.1, which it prints. It ends when its standard input does, so it never
outlives the test that started it, however that one ended.

Arguments: operations that nobody may use, as secretsmanager.GetSecretValue. (moto's own way to refuse one answers
with XML where AWS answers with JSON.)
"""

import json
import logging
import sys
from threading import Thread

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

denied = sys.argv[1:]
operations = []
moto = DomainDispatcherApplication(create_backend_app)


def application(environ, start_response):
    # Not one of AWS's: what the server was asked to do until now.
    if environ["PATH_INFO"] == "/operations":
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(operations).encode()]
    operation = environ.get("HTTP_X_AMZ_TARGET")
    if operation:
        operations.append(operation)
    if operation in denied:
        start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
        message = f"User: somebody is not authorized to perform: {operation.replace('.', ':')}"
        return [json.dumps({"__type": "AccessDeniedException", "Message": message}).encode()]
    return moto(environ, start_response)


# A line for each request is no news.
logging.getLogger("werkzeug").setLevel(logging.ERROR)
# The socket listens from here on; who connects before the thread runs, waits.
server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
Thread(target=server.serve_forever, daemon=True).start()
print(server.port, flush=True)
sys.stdin.read()
