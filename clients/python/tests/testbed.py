"""What the tests share, on CPython and MicroPython: a service in memory, storage that is cut, a client."""

import json
import os

import error_codes
from error_codes import Client, Files

FOLDER = "/dev/shm" if "shm" in os.listdir("/dev") else "/tmp"
NOW = 1800000000


class PowerCut(BaseException):
    pass


class Service:
    """Stores batches as the real one does. `script` says what becomes of the next requests; then all is well."""

    def __init__(self, script=()):
        self.script, self.batches, self.taken, self.requests = list(script), {}, [], []

    def __call__(self, url, headers, body):
        key = headers["Idempotency-Key"]
        self.requests.append((key, body))
        fate = self.script.pop(0) if self.script else "passed"
        if not isinstance(fate, str):
            return encoded(fate)
        if fate == "unreachable":
            raise OSError("no route")
        if fate == "taken" and key not in self.batches:
            self.taken.append(key)
        if fate == "too large" and key not in self.batches:
            return encoded(problem(413))
        if key in self.taken:
            return encoded(problem(422))
        assert self.batches.get(key, body) == body, "a key for two batches"
        answer = receipt(len(json.loads(body.decode())), key in self.batches)
        self.batches[key] = body
        if fate == "lost":
            raise OSError("the connection broke")
        return 200, {}, answer[: len(answer) // 2] if fate == "half" else answer

    def records(self):
        """All that is stored, sorted: (err, timestamp)."""
        records = []
        for body in self.batches.values():
            records += [(record["err"], record["timestamp"]) for record in json.loads(body.decode())]
        return sorted(records)

    def codes(self):
        return [err for err, _ in self.records()]


def receipt(accepted, duplicate=False, rejected=0, errors=()):
    body = {"accepted": accepted, "rejected": rejected, "duplicate": duplicate, "errors": errors, "request_id": "r"}
    return json.dumps(body).encode()


def problem(status, headers=None, **more):
    body = {"type": "about:blank", "title": "t", "status": status, "detail": "why", "request_id": "r"}
    body.update(more)
    return status, headers or {}, body


def encoded(answer):
    status, headers, body = answer
    return status, headers, body if isinstance(body, bytes) else json.dumps(body).encode()


class TestFiles(Files):
    """The real files, without the lock of a process and without waiting for the disk."""

    def __init__(self, path):
        error_codes.flock = None
        super().__init__(path)

    def _sync(self, file):
        file.flush()

    def _sync_folder(self):
        pass


class CutFiles(TestFiles):
    """Power fails after `budget` bytes; a rename is one byte. What is cut off ends with `garbage`."""

    budget, garbage, is_fat = 0, b"", False

    def _write(self, file, data):
        cls = CutFiles
        if len(data) > cls.budget:
            file.write(data[: cls.budget] + cls.garbage)
            file.flush()
            raise PowerCut()
        cls.budget -= len(data)
        file.write(data)

    def _rename(self):
        cls = CutFiles
        cls.budget -= 1
        if cls.budget < 0:
            if cls.is_fat:
                os.remove(self._path)
            raise PowerCut()
        super()._rename()


class FullFiles(TestFiles):
    """The storage has room for `room` bytes more, and does not say so: another program takes it at the worst moment."""

    room = 0

    def free(self):
        return 1000000

    def _write(self, file, data):
        part, FullFiles.room = data[: FullFiles.room], max(0, FullFiles.room - len(data))
        file.write(part)
        if part != data:
            file.flush()
            raise OSError(28, "no space left on device")


class GhostFiles(TestFiles):
    """Says that a write failed, when it did not."""

    is_failing = False

    def _sync(self, file):
        super()._sync(file)
        if GhostFiles.is_failing:
            raise OSError(5, "input/output error")


class SmallFiles(TestFiles):
    """A storage of `size` bytes that nothing else uses."""

    size = 0

    def free(self):
        used = 0
        for name in (self._path, self._new):
            try:
                used += os.stat(name)[6]
            except OSError:
                pass
        return SmallFiles.size - used

    def _write(self, file, data):
        file.flush()
        room = max(0, self.free())
        file.write(data[:room])
        if len(data) > room:
            file.flush()
            raise OSError(28, "no space left on device")


class Time:
    """A clock for everything; the time of day is unknown (0) until it is set."""

    def __init__(self, unix=NOW):
        self.uptime, self._offset = 100, unix and unix - 100

    def set(self, unix):
        self._offset = unix - self.uptime

    def unix(self):
        return self._offset and int(self._offset + self.uptime)


class Chance:
    """Never the same twice, and known."""

    def __init__(self):
        self.count = 0

    def __call__(self, length):
        self.count += 1
        return (b"\xff" * 16 + self.count.to_bytes(16, "big"))[-length:] if length > 2 else b"\xff" * length


class Most:
    chance = Chance()


def new_path():
    Most.chance.count += 1
    path = "%s/queue-%d" % (FOLDER, Most.chance.count)
    for name in (path, path + ".new"):
        try:
            os.remove(name)
        except OSError:
            pass
    return path


def client(path, service, time=None, **settings):
    time = time or Time()
    settings = dict(
        {"files": TestFiles, "clock": time.unix, "uptime": lambda: time.uptime, "random_bytes": Most.chance}, **settings
    )
    device_id = settings.pop("device_id", "device")
    return Client("http://service/logs", "the-api-key", device_id, path, transport=service, **settings)


def drain(client, time, steps=200):
    """Steps until nothing waits; the waits."""
    waits = []
    for _ in range(steps):
        wait = client.step()
        if wait is None:
            return waits
        waits.append(wait)
        time.uptime += wait
    raise AssertionError("it does not come to an end: %r" % client.problem)
