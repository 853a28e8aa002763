"""Reports error codes to the service, on CPython and MicroPython: stores them, sends them, loses and doubles none.

The rules are those of docs/devices.md; README.md shows the use. Nothing here sleeps or starts a thread: `Client.poll`
says what to send or how long to wait, `Client.answered` takes the answer, and `Client.step` does both.
"""

import binascii
import json
import os
import time

try:
    from _thread import allocate_lock
except ImportError:  # MicroPython without threads

    class allocate_lock:
        acquire = lambda *_: True
        release = __enter__ = __exit__ = lambda *_: None


try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # MicroPython, Windows
    flock = None

# An earlier time means that the clock is not set: boards start in 1970, 1980, 2000 or 2021.
CLOCK_SET = 1767225600
MAX_TIMESTAMP = 253402300799
# The year 2286. CLOCK_SET in milliseconds is more than that, so a later time is in a smaller unit.
MAX_CLOCK = 9999999999
MIN_CODE, MAX_CODE = -2147483648, 2147483647
# All in seconds. The gateway gives up after 29.
TIMEOUT = 40
FIRST_BACKOFF, MAX_BACKOFF = 2, 60
MAX_RETRY_AFTER = 86400
# The wait while the API key or the address is wrong.
RARELY = 3600
MAX_ANSWER = 65536
# The file is rewritten when it has doubled and grown by this many bytes.
SLACK = 4096
# In bytes: the longest line of a code, the shortest line, and what codes leave free, beside room for a copy of the file,
# for delivering its batches.
LINE = 48
SHORT_LINE = 24
RESERVE = 2048


def unix_time():
    """Seconds since 1970, or 0 while the clock is not set."""
    now = int(time.time()) + (946684800 if time.gmtime(0)[0] == 2000 else 0)  # Most boards count from 2000.
    return judged(now)


def judged(now):
    """Whole seconds of what a clock says; 0 if that cannot be the time. Milli-, micro- and nanoseconds are converted."""
    try:
        now = int(now)
    except (TypeError, ValueError, OverflowError):  # None, NaN, infinity
        return 0
    for _ in range(3):
        if now > MAX_CLOCK:
            now //= 1000
    return now if CLOCK_SET <= now <= MAX_CLOCK else 0


def uptime():
    """Seconds since some start. MicroPython's counter begins again after 12 days."""
    return time.monotonic() if hasattr(time, "monotonic") else time.ticks_ms() / 1000


def post(url, headers, body):
    """The default transport: status, headers and body of the answer. An exception means that there is no answer."""
    try:
        import http.client as http
        from socket import SHUT_RDWR
        from threading import Timer
        from urllib.parse import urlsplit
    except ImportError:
        try:
            import requests
        except ImportError:
            import urequests as requests
        response = requests.post(url, data=body, headers=headers, timeout=TIMEOUT)
        status, headers, body = response.status_code, getattr(response, "headers", {}), response.content
    else:
        scheme, host, path, query, _ = urlsplit(url)
        connect = {"https": http.HTTPSConnection, "http": http.HTTPConnection}[scheme]
        connection, limit = connect(host, timeout=TIMEOUT), None
        try:
            connection.connect()
            # The timeout is for each read; a server that sends a byte now and then would never end.
            limit = Timer(TIMEOUT, connection.sock.shutdown, (SHUT_RDWR,))
            limit.daemon = True
            limit.start()
            connection.request("POST", path + (query and "?" + query), body, headers)
            response = connection.getresponse()
            status, headers, body = response.status, dict(response.getheaders()), response.read(MAX_ANSWER)
        finally:
            connection.close()
            limit and limit.cancel()
    if int(_header(headers, "content-length") or len(body)) != len(body):
        raise ValueError("half an answer")
    return status, headers, body


class Files:
    """The queue's file. What `append` and `replace` write is on storage when they return."""

    def __init__(self, path):
        self._path, self._new = path, path + ".new"
        if flock:  # BlockingIOError: another process uses this queue.
            self._lock = open(path + ".lock", "w")
            flock(self._lock, LOCK_EX | LOCK_NB)
        try:
            os.stat(path)
            self._remove_new()
        except OSError:
            try:
                os.rename(self._new, path)  # FAT removes the target of a rename first; the new file is complete.
            except OSError:
                pass
        open(path, "ab").close()
        self._sync_folder()

    def lines(self):
        """Yields the offset of each line, and the line."""
        at = 0
        with open(self._path, "rb") as file:
            for line in file:
                yield at, line
                at += len(line)

    def read(self, offsets):
        with open(self._path, "rb") as file:
            for at in offsets:
                file.seek(at)
                yield file.readline()

    def append(self, data):
        """Returns where the data begins."""
        at = os.stat(self._path)[6]
        with open(self._path, "ab") as file:
            self._write(file, data)
            self._sync(file)
        return at

    def replace(self, lines):
        try:
            with open(self._new, "wb") as file:
                for line in lines:
                    self._write(file, line)
                self._sync(file)
        except OSError:
            self._remove_new()
            raise
        self._rename()
        self._sync_folder()

    def free(self):
        """Bytes that can be written. Flash writes whole blocks: one is lost at the end of each of two files."""
        if not hasattr(os, "statvfs"):
            return MAX_CLOCK
        room = os.statvfs(self._path)
        return (room[4] - 2) * room[1]

    def close(self):
        if flock:
            self._lock.close()

    def _remove_new(self):
        try:
            os.remove(self._new)  # What is left of one that was cut off would keep its room.
        except OSError:
            pass

    def _write(self, file, data):
        file.write(data)

    def _sync(self, file):
        file.flush()  # MicroPython's flush reaches the storage.
        if hasattr(os, "fsync"):
            os.fsync(file.fileno())

    def _rename(self):
        getattr(os, "replace", os.rename)(self._new, self._path)

    def _sync_folder(self):
        if hasattr(os, "O_DIRECTORY"):
            folder = os.open(os.path.dirname(self._path) or ".", os.O_DIRECTORY)
            try:
                os.fsync(folder)
            except OSError:
                pass  # Some file systems cannot.
            os.close(folder)


def pack(entry):
    text = json.dumps(entry).encode()
    return ("%08x " % (binascii.crc32(text) & 0xFFFFFFFF)).encode() + text + b"\n"


def unpack(line):
    """The entry of a line; None if the line is torn or damaged."""
    text = line[9:].rstrip(b"\n")
    try:
        return json.loads(text.decode()) if int(line[:8].decode(), 16) == binascii.crc32(text) & 0xFFFFFFFF else None
    except ValueError:
        return None


class Queue:
    """The codes on storage, oldest first, and the batch being sent: a journal, replayed at the start.

    A place is an offset in the file. Entries:
    ["c", err, timestamp]         a code; a timestamp below 0 is -1 - uptime: the clock was not set
    ["t", start, shift]           the clock is set: for codes from `start` to here time is uptime + `shift`
    ["b", key, device_id, first, last, count, dropped, timestamp]   a batch, written before its first try
    ["a", key, last]              the batch, and all codes up to `last`, are done
    ["x", place, count]           this many codes were dropped; the one at `place`, if not -1, had been stored
    """

    def __init__(self, files, device_id, max_codes, drop, dropped_base, clock, uptime, random_bytes):
        self.files, self._device_id, self._dropped_base = files, device_id, dropped_base
        self._max_codes, self._drop = max_codes, drop
        self._id_size = len(json.dumps(device_id).encode())
        self._given_clock, self._uptime, self._random_bytes = clock, uptime, random_bytes
        self._uncounted, self._has_unknown_times, self._latest = 0, False, 0
        # Codes before `_boot` are of an earlier start, with another uptime.
        self._boot = self._load()
        self._rewrite_at = SLACK

    def _load(self):
        self.codes, self.batch, self.dropped, self._clocks, self._size = [], None, 0, [], 0
        self._dead = 0  # Lines that a rewritten file does not have.
        for at, line in self.files.lines():
            self._size = at + len(line)
            entry = unpack(line)
            if entry is not None:
                self._replay(at, entry)
        # A write before this start may be torn, or not be on storage yet.
        self._torn = self._size > 0
        # After a write that failed, which may have reached the storage all the same: the file is replaced before the next.
        self._failed = False
        if self.batch and sum(1 for at in self.codes if at <= self.batch[4]) != self.batch[5]:
            # The storage lost a code of the batch, so the same bytes cannot be sent again. The others get a new key.
            self.batch = None
        return self._size

    def _clock(self):
        try:
            return judged(self._given_clock())
        except Exception:  # A clock chip that does not answer.
            return 0

    def add(self, err, timestamp):
        """Returns whether the code is on storage; otherwise it is counted as dropped."""
        try:
            self.tidy()
            room = self._room()
            if len(self.codes) >= self._max_codes or room < RESERVE:
                sending = self.batch[5] if self.batch else 0
                # Others may have filled the storage: what is left then is for delivering.
                if self._drop == "newest" or sending == len(self.codes) or room < RESERVE // 2:
                    return self._lose()
                self._append(["x", self.codes[sending], 1])
            if timestamp is None:
                timestamp = self._clock() or -1 - int(self._uptime())
            self._append(["c", err, timestamp])
            self._has_unknown_times = self._has_unknown_times or timestamp < 0
            return True
        except OSError:
            return self._lose()

    def waiting(self):
        return len(self.codes) + (1 if self.dropped or self._uncounted else 0)

    def tidy(self):
        """Writes down what could not be written before, and what the clock says once it is set."""
        is_worth_it = self._dead * SHORT_LINE > RESERVE // 4
        if self._failed or self._size >= self._rewrite_at or (is_worth_it and self._room() < RESERVE):
            self._rewrite()
        if self._torn:
            self._write(b"")
        # Where something is to be delivered, it must not take the room for that.
        if self._uncounted and (self._room() >= RESERVE // 2 or not (self.codes or self.batch)):
            self._append(["x", -1, self._uncounted])
            self._uncounted = 0
        now, uptime = self._clock() if self._has_unknown_times else 0, self._uptime()
        if uptime < self._latest:  # The counter began again: the times of earlier codes stay unknown.
            self._boot = self._size
        self._latest = uptime
        if now:
            start = max(self._boot, self.batch[4] + 1 if self.batch else 0)
            self._append(["t", start, now - int(uptime)])
            self._has_unknown_times = False

    def request(self, limit):
        """Key and body of the batch to send, or None. A new batch has up to `limit` codes and is on storage first."""
        while self.batch or self._freeze(limit):
            _, key, device_id, _, _, count, dropped, timestamp = self.batch
            places = self.codes[:count]
            entries = list(self._read(places))
            if None in entries:  # The storage lost a code since the start.
                self._load()
                continue
            codes = [(entry[1], self._time(at, entry[2])) for at, entry in zip(places, entries)]
            if dropped:
                codes.append((self._dropped_base + dropped, timestamp))
            form = '{"deviceID":' + json.dumps(device_id).replace("%", "%%") + ',"err":%d,"timestamp":%d}'
            return key, ("[" + ",".join([form % code for code in codes]) + "]").encode()
        return None

    def _used(self):
        """The most bytes that a rewritten file has."""
        return LINE * (len(self.codes) + 2) + (len(pack(self.batch)) if self.batch else 0)

    def _room(self):
        """Bytes that can be written beside one more code, a batch, and a copy of the file with both."""
        return self.files.free() - self._used() - LINE - (0 if self.batch else 2 * self._id_size)

    def done(self):
        self.tidy()
        if self.batch:  # Else the storage lost a code of it.
            self._append(["a", self.batch[1], self.batch[4]])

    def _freeze(self, limit):
        codes, dropped = self.codes[:limit], min(self.dropped, MAX_CODE - self._dropped_base)
        if not codes and not dropped:
            return False
        key = binascii.hexlify(self._random_bytes(16)).decode()
        key = "-".join((key[:8], key[8:12], "4" + key[13:16], "a" + key[17:20], key[20:]))
        first, last = (codes[0], codes[-1]) if codes else (-1, -1)
        self._append(["b", key, self._device_id, first, last, len(codes), dropped, self._clock()])
        return True

    def _lose(self):
        self._uncounted += 1
        try:
            self.tidy()
        except OSError:
            pass  # Full storage: counted in memory until there is room.
        return False

    def _append(self, entry):
        self._replay(self._write(pack(entry)), entry)

    def _write(self, line):
        """Returns the place of the line."""
        if self._failed:
            raise OSError("a write failed, and the queue cannot be copied")  # `tidy` tried to.
        newline = b"\n" if self._torn else b""
        if self.files.free() < len(newline + line):
            if self._dead > 2:  # Else a copy would not be smaller.
                self._rewrite_at = 0
            raise OSError("no space left")  # Before a part of the line takes it.
        self._failed = True
        at = self.files.append(newline + line) + len(newline)
        self._failed = self._torn = False
        self._size = at + len(line)
        return at

    def _replay(self, at, entry):
        kind, waiting = entry[0], len(self.codes)
        if kind == "c":
            self.codes.append(at)
        elif kind == "t":
            self._clocks.append((entry[1], at, entry[2]))
        elif kind == "b":
            self.batch = entry
            self.codes = [place for place in self.codes if place >= entry[3]]
        elif kind == "a":
            self.codes = [place for place in self.codes if place > entry[2]]
            self.dropped = max(0, self.dropped - (self.batch[6] if self.batch else 0))  # An entry may be damaged.
            self.batch = None
        elif kind == "x":
            self.dropped += entry[2]
            if entry[1] in self.codes:
                self.codes.remove(entry[1])
        if kind != "c":
            self._dead += 1 + waiting - len(self.codes)

    def _read(self, places):
        for line in self.files.read(places) if places else ():
            yield unpack(line)

    def _time(self, at, timestamp):
        if timestamp < 0:
            for start, end, shift in self._clocks:
                if start <= at < end:
                    return shift - 1 - timestamp
        return max(timestamp, 0)

    def _rewrite(self):
        """Replaces the file by what is in use."""
        old = self.batch
        marks = [-1, -1]  # The new places of the batch's first and last code.

        def lines():
            size = 0
            # In this order the end of `_read` is reached, which closes the file; MicroPython would leave it open.
            for entry, at in zip(self._read(self.codes), self.codes):
                if entry is None:
                    continue
                time = self._time(at, entry[2])
                if old and at <= old[4]:
                    marks[:] = [max(marks[0], 0), size]
                elif not time and at >= self._boot:
                    time = entry[2]
                line = pack(["c", entry[1], time])
                size += len(line)
                yield line
            if old:
                yield pack(old[:3] + marks + old[5:])
            if self.dropped:
                yield pack(["x", -1, self.dropped])

        try:
            self.files.replace(lines())
        except OSError:
            self._rewrite_at = self._size + SLACK
            return
        self._boot = 0  # Times of earlier starts are settled.
        self._rewrite_at = 2 * self._load() + SLACK


class Client:
    """Delivers codes. Threads may share it; processes may not share its path."""

    def __init__(self, url, api_key, device_id, path, *, max_codes=1000, drop="oldest", batch_size=100,
                 dropped_base=2000000000, transport=post, clock=unix_time, uptime=uptime, random_bytes=None, files=Files):
        device_id.encode()  # Refuses half a surrogate pair.
        _check("the length of device_id", len(device_id), 1, 255)
        _check("max_codes", max_codes, 1, MAX_CODE)
        _check("batch_size", batch_size, 1, 999)  # The count of dropped codes makes it 1000.
        _check("dropped_base", dropped_base, MIN_CODE, MAX_CODE - 1)
        for name, text in (("url", url), ("api_key", api_key)):
            if not text or any(not "!" <= character <= "~" for character in text):
                # Every request would fail; the line end of a file that holds the key is the usual cause.
                raise ValueError("%s must be visible ASCII, without blanks and line ends" % name)
        if drop not in ("oldest", "newest"):
            raise ValueError("drop must be oldest or newest")
        self._random_bytes = random_bytes or getattr(os, "urandom", None)
        if not self._random_bytes:
            raise ValueError("there is no os.urandom; give random_bytes")
        self._url, self._api_key, self._limit = url, api_key, batch_size
        self._transport, self._uptime = transport, uptime
        self._since, self._wait, self._backoff = 0, 0, FIRST_BACKOFF
        self._state, self._sender = allocate_lock(), allocate_lock()
        files, random_bytes = files(path), self._random_bytes
        self._queue = Queue(files, device_id, max_codes, drop, dropped_base, clock, uptime, random_bytes)
        self.problem = None  # What to raise an alarm about, until a batch is delivered.

    def add(self, err, timestamp=None):
        """Returns whether the code is on storage; otherwise it is counted as dropped.

        `timestamp` is in Unix seconds, 0 if it is unknown; without it, it is now. ValueError: an argument is out of range.
        """
        _check("err", err, MIN_CODE, MAX_CODE)
        if timestamp is not None:
            if isinstance(timestamp, float) and 0 <= timestamp < MAX_TIMESTAMP + 1:
                timestamp = int(timestamp)
            _check("timestamp", timestamp, 0, MAX_TIMESTAMP)
        with self._state:
            return self._queue.add(int(err), timestamp)

    def waiting(self):
        """How many records are not delivered yet: codes, and the count of dropped ones."""
        with self._state:
            return self._queue.waiting()

    def poll(self, now):
        """What to do: send (url, headers, body), wait for a number of seconds, or nothing (None) until the next code.

        `now` is in seconds of any clock that runs on. A request is repeated until `answered` has ended its batch.
        """
        with self._state:
            self._since = min(self._since, now)
            left = self._wait - (now - self._since)
            try:
                self._queue.tidy()
                request = self._queue.request(self._limit) if left <= 0 else None
            except OSError as error:
                return left if left > 0 else self._storage_failed(now, error)
            if left > 0 or not request:
                return left if left > 0 else None
            headers = {"x-api-key": self._api_key, "Idempotency-Key": request[0], "Content-Type": "application/json"}
            return self._url, headers, request[1]

    def answered(self, now, key, status, headers, body):
        """Takes the answer to the request with this Idempotency-Key. Status None: there is no whole answer."""
        with self._state:
            if self._queue.batch and self._queue.batch[1] == key:
                try:
                    self._judge(now, status, headers, _document(body))
                except OSError as error:  # The batch is sent again; its key keeps it from being stored twice.
                    self._storage_failed(now, error)

    def step(self):
        """Sends if it is time to. Returns the seconds until the next step, or None: until the next code."""
        if not self._sender.acquire(False):
            return 1  # Another thread is sending.
        try:
            todo = self.poll(self._uptime())
            if not isinstance(todo, tuple):
                return todo
            try:
                status, headers, body = self._transport(*todo)
            except Exception as error:
                status, headers, body = None, {}, b""
                self.problem = "no answer, all codes are kept: %r" % error
            self.answered(self._uptime(), todo[1]["Idempotency-Key"], status, headers, body)
            return self._wait
        finally:
            self._sender.release()

    def close(self):
        """Lets another process have the path."""
        self._queue.files.close()

    def _judge(self, now, status, headers, document):
        batch = self._queue.batch
        count = batch[5] + (1 if batch[6] else 0)
        # Only the service itself decides about a batch, not the pages of a proxy or a hotel's network.
        is_problem = document.get("status") == status and "request_id" in document
        accepted, rejected = _count(document, "accepted"), _count(document, "rejected")
        if status in (200, 202) and min(accepted, rejected) >= 0 and accepted + rejected == count:
            self._end(rejected, document)
        elif status == 400 and is_problem and document.get("errors"):
            self._end(count, document)
        elif status == 413 and is_problem and batch[5] > 1:
            self._limit, self._queue.batch = batch[5] // 2, None
            self._hold(now, 0, 0)
        elif status == 422 and is_problem:  # The key has another batch, and nothing of this one is stored.
            self._queue.batch = None
            self._again(now, 0)
        elif isinstance(status, int) and 300 <= status < 500 and status not in (408, 409, 425, 429):
            self.problem = "refused with %d, all codes are kept: %s" % (status, document.get("detail"))
            if status < 400:
                self._again(now, 0)  # A redirect is mostly a hotel's.
            else:
                self._hold(now, RARELY, MAX_BACKOFF)
        else:
            self._again(now, min(_number(_header(headers, "retry-after")), MAX_RETRY_AFTER))

    def _end(self, rejected, document):
        self._queue.done()
        self.problem = "%d codes are rejected for good: %s" % (rejected, document.get("errors")) if rejected else None
        self._wait, self._backoff = 0, FIRST_BACKOFF

    def _again(self, now, after):
        self._hold(now, after, self._backoff)
        self._backoff = min(2 * self._backoff, MAX_BACKOFF)

    def _hold(self, now, least, jitter):
        # Without chance, a fleet that lost its network together would come back together.
        chance = int.from_bytes(self._random_bytes(2), "big") / 65535
        self._since, self._wait = now, least + chance * jitter

    def _storage_failed(self, now, error):
        self.problem = "the storage failed: %s" % error
        self._again(now, 0)
        return self._wait


def _check(name, value, least, most):
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError("%s must be an integer from %d to %d" % (name, least, most))


def _header(headers, name):
    """The value of a header; empty if it is missing or no text, for a server may say anything."""
    try:
        pairs = list(headers.items())
    except AttributeError:  # None, or anything else
        return ""
    for key, value in pairs:
        if isinstance(key, str) and key.lower() == name:
            return value.strip() if isinstance(value, str) else ""
    return ""


def _number(text):
    """A number of decimal digits, else 0. More than 9 digits are as good as 9."""
    return int(text.lstrip("0")[:9] or 0) if text and all(digit in "0123456789" for digit in text) else 0


def _count(document, name):
    """A count in a receipt; a receipt without it, or with something else, acknowledges nothing."""
    value = document.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else -1


def _document(body):
    """The JSON object of an answer; empty if the answer is cut off or something else."""
    try:
        document = json.loads(body.decode())
        return document if isinstance(document, dict) else {}
    except Exception:
        return {}
