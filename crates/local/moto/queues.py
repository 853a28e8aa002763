"""Replaces moto's queues, for thousands of messages and several clients at once, and saves them between two runs.
Runs before server.py, in the same program.

moto 5.2.5 itself is slow, because each call counts all messages in the queue: with 1,000 of them it sends 22 and
receives 4 a second. A deletion loses messages that another thread sends meanwhile. The size of a message is measured in
characters, and every message ever sent stays in memory. Clients still talk to moto's own API.
"""

import base64
import fcntl
import json
import os
import time
from threading import Condition
from uuid import uuid4

from moto.sqs import models

# Lock of all queues. Waiting for messages releases it.
queues = Condition()


class Messages(dict):
    """Messages by id, oldest first, with the methods of a list that moto uses."""

    def append(self, message):
        self[message.id] = message
        queues.notify_all()

    def remove(self, message):
        del self[message.id]

    def __iter__(self):
        return iter(self.values())


class Message(models.Message):
    # moto derives the name of the service from it.
    __module__ = models.__name__

    def __new__(cls, *_arguments):
        # moto's own __new__ would keep each message in a list for ever.
        return object.__new__(cls)

    visible = property(lambda self: time.time() * 1000 > self.visible_at)
    delayed = property(lambda self: time.time() * 1000 < self.delayed_until)

    def mark_received(self, visibility_timeout=None):
        super().mark_received(visibility_timeout)
        # Contains the id of the message, so that no search is needed.
        self.receipt_handle = f"{self.id}/{self.approximate_receive_count}"
        self._old_receipt_handles = []

    def had_receipt_handle(self, receipt_handle):
        return receipt_handle.startswith(self.id)


class Queue(models.Queue):
    __module__ = models.__name__

    def __init__(self, *arguments, **names):
        super().__init__(*arguments, **names)
        self._messages = Messages()

    messages = property(lambda self: (message for message in self._messages if message.visible and not message.delayed))
    approximate_number_of_messages = property(lambda self: sum(1 for _ in self.messages))
    # For FIFO queues, which are not used here.
    pending_message_groups = property(lambda self: set())

    def delete_message(self, receipt_handle):
        message = self._messages.pop(receipt_handle.partition("/")[0], None)
        self.pending_messages.discard(message)

    def wait_for_messages(self, timeout):
        queues.wait(timeout)


def send_message(
    backend, queue_name, message_body, message_attributes=None, delay_seconds=None, system_attributes=None, **_fifo
):
    queue = backend.get_queue(queue_name)
    delay = int(queue.delay_seconds if delay_seconds is None else delay_seconds)
    backend._validate_message(queue, message_body.encode(), delay)
    message = Message(str(uuid4()), message_body, system_attributes)
    message.message_attributes = message_attributes or {}
    message.mark_sent(delay)
    queue.add_message(message)
    return message


def is_retained(backend, queue_name, message):
    queue = backend.get_queue(queue_name)
    return message.sent_timestamp / 1000 + queue.message_retention_period > time.time()


def purge_queue(backend, queue_name):
    backend.get_queue(queue_name)._messages = Messages()


models.Queue, models.Message = Queue, Message
# moto's 185 random letters take time to make; Message has receipt handles of its own.
models.generate_receipt_handle = str
models.SQSBackend.send_message = send_message
models.SQSBackend.is_message_valid_based_on_retention_period = is_retained
models.SQSBackend.purge_queue = purge_queue


def one_at_a_time(operation):
    def locked(*arguments, **names):
        with queues:
            return operation(*arguments, **names)

    return locked


# The lock is not held for whole requests: a client that stops in the middle of one must not block the others.
for name, operation in list(vars(models.SQSBackend).items()):
    if callable(operation) and not name.startswith("_"):
        setattr(models.SQSBackend, name, one_at_a_time(operation))


def as_base64(content):
    """Message attributes may be bytes, which JSON does not have."""
    return {"base64": base64.b64encode(content).decode()}


def from_base64(value):
    # An attribute named base64 has a dict as its value, not a string.
    is_ours = value.keys() == {"base64"} and isinstance(value["base64"], str)
    return base64.b64decode(value["base64"]) if is_ours else value


class KeptMessages:
    """A file with one line per message; read when the program starts, written when it ends.

    Age and receive count of a message are not saved: in the next run it counts as just sent. Otherwise it would expire
    after some days without a run, and a stop in the middle of a batch would count as a failed delivery.
    """

    def __init__(self, path):
        self.path = path
        self.waiting = []
        if path:
            # An earlier run may still be writing. Held until this process ends.
            self.lock = open(f"{path}.lock", "w")
            fcntl.flock(self.lock, fcntl.LOCK_EX)
        if path and os.path.exists(path):
            with open(path) as lines:
                self.waiting = [json.loads(line, object_hook=from_base64) for line in lines]
        create_queue = models.SQSBackend.create_queue

        def create_with_messages(backend, name, *arguments, **names):
            queue = create_queue(backend, name, *arguments, **names)
            with queues:
                self.give_back(queue)
            return queue

        models.SQSBackend.create_queue = create_with_messages

    def give_back(self, queue):
        """Sends the saved messages of a queue that has just been created."""
        for kept in self.waiting:
            if kept["queue"] == queue.name:
                message = Message(kept["id"], kept["body"])
                message.message_attributes = kept["attributes"]
                message.mark_sent()
                queue.add_message(message)
        self.waiting = [kept for kept in self.waiting if kept["queue"] != queue.name]

    def keep(self):
        """Writes the file, completely or not at all. Returns the number of messages by queue."""
        lines = list(self.waiting)
        for account in models.sqs_backends.values():
            for backend in account.values():
                for queue in backend.queues.values():
                    lines += [
                        {
                            "queue": queue.name,
                            "id": message.id,
                            "attributes": message.message_attributes,
                            "body": message.body,
                        }
                        for message in queue._messages
                    ]
        unfinished = f"{self.path}.unfinished"
        with open(os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            for line in lines:
                file.write(json.dumps(line, default=as_base64) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.rename(unfinished, self.path)
        if not lines:
            os.remove(self.path)
        names = [line["queue"] for line in lines]
        return {name: names.count(name) for name in set(names)}
