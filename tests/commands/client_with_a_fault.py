"""A client of the service with one fault, or none: `client_with_a_fault.py FAULT <records.ndjson`.

It shows that `./dev device-test` finds the fault. Without one it keeps the rules of docs/devices.md.
"""

import http.client
import json
import os
import random
import ssl
import sys
import time
import uuid
from urllib.parse import urljoin, urlsplit

FAULTS = (
    "none", "gives-up-after-503", "drops-what-is-throttled", "new-key-for-each-try", "changes-the-body",
    "ignores-retry-after", "drops-on-409", "trusts-a-portal", "follows-redirects", "checks-no-certificate", "never-pauses", "short-timeout",
    "repeats-after-202", "repeats-after-413", "drops-on-a-page-of-a-proxy", "one-code-then-gives-up", "single-codes",
)  # fmt: skip
FAULT = sys.argv[1]
assert FAULT in FAULTS, FAULT
STATE = os.path.join(os.environ["ERROR_CODES_STATE"], "batches.json")


def save(batches):
    with open(STATE + ".new", "w") as file:
        json.dump(batches, file)
    os.replace(STATE + ".new", STATE)


def post(url, key, body):
    """Status, headers and body of the response; None without a whole one."""
    parts = urlsplit(url)
    timeout = 3 if FAULT == "short-timeout" else 40
    if parts.scheme == "https":
        unchecked = ssl._create_unverified_context() if FAULT == "checks-no-certificate" else None
        connection = http.client.HTTPSConnection(parts.netloc, timeout=timeout, context=unchecked)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    try:
        headers = {"x-api-key": os.environ["ERROR_CODES_API_KEY"], "Idempotency-Key": key}
        connection.request("POST", parts.path, body, headers)
        response = connection.getresponse()
        whole = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if FAULT == "follows-redirects" and 300 <= response.status < 400:
        return post(urljoin(url, response.getheader("location")), key, body)
    return response.status, response.headers, whole


def is_done(response):
    """Whether the batch can be forgotten."""
    if response is None:
        return False
    status, _, body = response
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    if FAULT == "trusts-a-portal" and status == 200:
        return True
    if FAULT == "drops-on-a-page-of-a-proxy" and status == 400:
        return True
    if FAULT == "drops-what-is-throttled" and status == 429:
        return "errors" in document
    if (FAULT, status) in (("drops-on-409", 409), ("gives-up-after-503", 503)):
        return True
    if status in (200, 202):
        return "accepted" in document and (FAULT, status) != ("repeats-after-202", 202)
    return status in (400, 413, 422) and "request_id" in document


def pause(response, limit):
    if FAULT == "ignores-retry-after":
        return
    after = response[1].get("retry-after") if response else None
    time.sleep(int(after or 0))
    if FAULT != "never-pauses":
        time.sleep(random.uniform(0, limit))


def deliver(batch):
    """Tries until the batch is done. Whether the client goes on with the next one."""
    limit = 2
    while True:
        if FAULT == "new-key-for-each-try":
            batch["key"] = str(uuid.uuid4())
        response = post(os.environ["ERROR_CODES_URL"], batch["key"], batch["body"])
        if is_done(response):
            if FAULT == "repeats-after-413" and response[0] == 413:
                batch["key"] = str(uuid.uuid4())
                continue
            return FAULT != "one-code-then-gives-up" or response[0] < 400
        if response and response[0] in (403, 404):
            time.sleep(3600)
        if FAULT == "changes-the-body":
            batch["body"] = json.dumps(json.loads(batch["body"])[::-1])
        pause(response, limit)
        limit = min(2 * limit, 60)


def main():
    records = [json.loads(line) for line in sys.stdin]
    size = 1 if FAULT in ("one-code-then-gives-up", "single-codes") else 10
    if records:
        parts = [records[at : at + size] for at in range(0, len(records), size)]
        save([{"key": str(uuid.uuid4()), "body": json.dumps(part)} for part in parts])
    with open(STATE) as file:
        batches = json.load(file)
    while batches and deliver(batches[0]):
        batches = batches[1:]
        save(batches)


main()
