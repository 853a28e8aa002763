#!/usr/bin/env python3
"""Sends the records of standard input, a JSON object a line, and ends when all of them are acknowledged.

    ERROR_CODES_URL=… ERROR_CODES_API_KEY=… ERROR_CODES_STATE=FOLDER send_lines.py <records.ndjson

What is not delivered stays in the folder; started again, also without input, it goes on. `./dev device-test` judges the
client by this program.
"""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from error_codes import Client  # noqa: E402


def device_of(folder, records):
    """The device's ID: that of the first record, or the one that was kept at an earlier start."""
    path = os.path.join(folder, "device-id")
    if records:
        with open(path, "w") as file:
            file.write(records[0]["deviceID"])
    with open(path) as file:
        return file.read()


def main():
    folder = os.environ["ERROR_CODES_STATE"]
    records = [json.loads(line) for line in sys.stdin if line.strip()]
    device_id = device_of(folder, records)
    url, api_key = os.environ["ERROR_CODES_URL"], os.environ["ERROR_CODES_API_KEY"]
    client = Client(url, api_key, device_id, os.path.join(folder, "queue"))
    for record in records:
        if not client.add(record["err"], record["timestamp"]):
            sys.exit("the storage is full")
    while client.waiting():
        wait = client.step()
        if client.problem:
            print(client.problem, file=sys.stderr)
        if wait:
            time.sleep(wait)


main()
