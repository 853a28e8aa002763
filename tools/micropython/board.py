"""Runs before the program: what a board has and the WebAssembly build lacks. run.mjs is behind `host`."""

import binascii
import json
import os
import sys
import time

import host

status = 0


class Response:
    def __init__(self, answer):
        self.status_code, self.headers = answer["status"], answer["headers"]
        self.content = binascii.a2b_base64(answer["content"].encode())

    def close(self):
        pass


class requests:
    """What the client needs of the module of that name in micropython-lib."""

    @staticmethod
    def post(url, data, headers, timeout):
        request = {"url": url, "headers": headers, "body": data.decode(), "timeout": timeout}
        answer = json.loads(host.exchange(json.dumps(request)))
        if "error" in answer:
            raise OSError(answer["error"])
        return Response(answer)


def run():
    global status
    sys.modules["requests"] = requests
    os.urandom = lambda length: binascii.unhexlify(host.random(length))
    os.environ = json.loads(host.environment)
    time.sleep = lambda seconds: host.sleep(int(seconds * 1000))
    os.chdir(host.folder)
    sys.argv[:] = json.loads(host.argv)
    try:
        with open(sys.argv[0]) as file:
            exec(compile(file.read(), sys.argv[0], "exec"), {"__name__": "__main__", "__file__": sys.argv[0]})
    except SystemExit as exit:
        reason = exit.args[0] if exit.args else 0
        status = reason if isinstance(reason, int) else 1
        if reason is not None and not isinstance(reason, int):
            print(reason, file=sys.stderr)
        status = 0 if reason is None else status
    except BaseException as error:
        sys.print_exception(error, sys.stderr)
        status = 1


run()
