"""What becomes of a batch, by the answer."""

import json
import unittest

from error_codes import Client
from testbed import Service, Time, client, drain, new_path, problem, receipt

PAGE = b"<html>Welcome to the hotel</html>"
AGAIN = [problem(status) for status in (408, 409, 425, 429, 500, 501, 502, 503, 504)]
NOT_THE_SERVICE = [(status, {}, body) for status in (200, 202, 204, 302) for body in (b"", PAGE, b"[]", b"3", b"{}")]
AGAIN += NOT_THE_SERVICE + ["unreachable", "lost", "half", (None, {}, b""), (200, {}, receipt(7))]
AGAIN += [problem(429, errors=[{"index": 0, "field": "deviceID", "code": "throttled", "message": "m"}])]
KEPT = [problem(status) for status in (400, 401, 403, 404, 405, 418)]
KEPT += [(status, {}, PAGE) for status in (400, 403, 404, 413, 422)] + [problem(413)]


class Answers(unittest.TestCase):
    def send(self, *fates, codes=1, **settings):
        self.time, self.service, self.path = Time(), Service(fates), new_path()
        self.device = client(self.path, self.service, self.time, **settings)
        for err in range(codes):
            self.assertTrue(self.device.add(err))
        return self.device

    def test_a_code_is_sent_with_key_device_and_time(self):
        device = self.send()
        url, headers, body = device.poll(0)
        self.assertEqual(url, "http://service/logs")
        self.assertEqual((headers["x-api-key"], len(headers["Idempotency-Key"])), ("the-api-key", 36))
        self.assertEqual(json.loads(body.decode()), [{"deviceID": "device", "err": 0, "timestamp": 1800000000}])

    def test_a_device_id_of_any_characters_arrives(self):
        for device_id in ('"\\\n%d', "温度計", "x" * 255):
            time, service = Time(), Service()
            path = new_path()
            from testbed import Client, Most, TestFiles

            device = Client(
                "u", "k", device_id, path, transport=service, files=TestFiles, clock=time.unix, random_bytes=Most.chance
            )
            device.add(-1)
            device.step()
            (body,) = service.batches.values()
            self.assertEqual(json.loads(body.decode())[0]["deviceID"], device_id)

    def test_a_delivered_batch_is_forgotten(self):
        for status in (200, 202):
            for answer in (receipt(1), receipt(1, True), receipt(0, rejected=1, errors=[{"index": 0}])):
                device = self.send((status, {}, answer))
                self.assertEqual((device.step(), device.step(), device.waiting()), (0, None, 0))
                self.assertEqual(len(self.service.requests), 1)
                self.assertEqual(b'"rejected": 1' in answer, "rejected for good" in (device.problem or ""))

    def test_what_may_be_stored_is_sent_again_with_the_same_bytes_and_key(self):
        for fate in AGAIN:
            device = self.send(fate)
            self.assertLessEqual(device.step(), 2, fate)
            # Neither new codes nor a restart change it.
            device.add(99)
            device = client(self.path, self.service, self.time)
            drain(device, self.time)
            first, again = self.service.requests[:2]
            self.assertEqual(first, again, fate)
            self.assertEqual(self.service.codes(), [0, 99])

    def test_a_wrong_key_or_address_keeps_all_codes_and_tries_rarely(self):
        for fate in KEPT:
            device = self.send(fate)
            self.assertGreaterEqual(device.step(), 3600, fate)
            self.assertIn("all codes are kept", device.problem)
            self.assertFalse("the-api-key" in device.problem)
            self.assertGreaterEqual(device.step(), 3600)
            self.time.uptime += 3700
            device.step()
            first, again = self.service.requests
            self.assertEqual(first, again, fate)
            self.assertEqual((self.service.codes(), device.problem), ([0], None))

    def test_a_batch_of_wrong_records_alone_is_given_up(self):
        device = self.send(problem(400, errors=[{"index": 0, "field": "err"}]))
        self.assertEqual((device.step(), device.step()), (0, None))
        self.assertIn("1 codes are rejected for good", device.problem)

    def test_a_batch_that_is_too_large_is_sent_in_parts(self):
        device = self.send(*["too large"] * 2, codes=20, batch_size=20)
        drain(device, self.time)
        self.assertEqual([len(json.loads(body.decode())) for body in self.service.batches.values()], [5] * 4)
        self.assertEqual(self.service.codes(), list(range(20)))

    def test_a_batch_whose_key_is_taken_gets_another(self):
        device = self.send("taken")
        drain(device, self.time)
        (first, body), (second, same) = self.service.requests
        self.assertEqual((first == second, body == same, self.service.codes()), (False, True, [0]))

    def test_the_limit_of_the_wait_doubles_up_to_a_minute_and_begins_again_after_success(self):
        waits = drain(self.send(*[problem(503)] * 7), self.time)
        self.assertEqual(waits, [2, 4, 8, 16, 32, 60, 60, 0])
        self.device.add(1)
        self.service.script = [problem(503)]
        self.assertEqual(self.device.step(), 2)

    def test_retry_after_is_waited_for_and_more(self):
        for header, wait in (("600", 602), ("0", 2), ("999999999", 86402), ("soon", 2), ("-5", 2), ("", 2)):
            device = self.send(problem(429, {"Retry-After": header}))
            self.assertEqual(device.step(), wait)
            left = device.step()
            self.assertEqual((left, len(self.service.requests)), (wait, 1))

    def test_nothing_that_a_server_says_raises(self):
        whole = json.loads(receipt(1).decode())
        bodies = [dict(whole, accepted=value) for value in (None, "1", [], {}, 1.5, True, -1)]
        bodies += [{"accepted": 1}, {"rejected": 1}, dict(whole, rejected=None), None, 7, b"\xff", b"["]
        headers = [None, [], 3, {"Retry-After": None}, {"retry-after": 5}, {"Retry-After": "\u00b2"}, {3: "x"}]
        headers += [{"Retry-After": "9" * 5000}]
        for fate in [(200, {}, body) for body in bodies] + [(503, header, b"") for header in headers]:
            device = self.send(fate)
            self.assertGreater(device.step(), 0, fate)
            drain(device, self.time)
            self.assertEqual((len(self.service.requests), self.service.codes()), (2, [0]), fate)

    def test_rejected_records_without_errors_do_not_raise(self):
        device = self.send((200, {}, b'{"accepted":0,"rejected":1}'))
        self.assertEqual((device.step(), device.waiting()), (0, 0))

    def test_a_transport_that_fails_is_reported_until_a_batch_is_delivered(self):
        device = self.send("unreachable")
        device.step()
        self.assertIn("no route", device.problem)
        drain(device, self.time)
        self.assertIs(device.problem, None)

    def test_an_api_key_or_address_that_no_request_can_carry_is_refused(self):
        for key in ("key\n", "", "a b", "\u00e9"):
            with self.assertRaises(ValueError):
                Client("http://service/logs", key, "device", new_path(), transport=Service())

    def test_a_clock_that_is_set_back_only_restarts_the_wait(self):
        device = self.send(problem(503, {"retry-after": "10"}))
        self.assertEqual(device.step(), 12)
        self.assertEqual([device.poll(105), device.poll(3), device.poll(14)], [7, 12, 1])
        self.assertIsInstance(device.poll(15), tuple)

    def test_an_answer_to_an_ended_batch_changes_nothing(self):
        device = self.send()
        _, headers, _ = device.poll(0)
        key = headers["Idempotency-Key"]
        device.answered(0, key, 200, {}, receipt(1))
        device.add(5)
        self.assertIsInstance(device.poll(0), tuple)
        device.answered(0, key, 200, {}, receipt(1))
        self.assertEqual(device.waiting(), 1)

    def test_what_is_no_code_is_refused_at_the_call(self):
        device = self.send(codes=0)
        for arguments in ((1 << 31,), (-(1 << 31) - 1,), (1.0,), ("7",), (None,), (1, -1), (1, 253402300800),
                          (1, float("nan")), (1, float("inf")), (1, -0.5), (1, "5")):
            with self.assertRaises(ValueError):
                device.add(*arguments)
        self.assertIs(device.step(), None)

    def test_a_fraction_of_a_second_is_dropped(self):
        device = self.send(codes=0)
        device.add(1, 1514864773.9)
        device.step()
        self.assertEqual(self.service.records(), [(1, 1514864773)])

    def test_a_redirect_keeps_the_batch_and_says_so(self):
        device = self.send((302, {"location": "http://hotel/login"}, b""))
        device.step()
        self.assertIn("302", device.problem)
        self.assertEqual(device.waiting(), 1)

    def test_a_wait_has_leading_zeros_or_many_digits(self):
        for said, least in (("0000000120", 120), ("99999999999", 86400), (" 30 ", 30)):
            device = self.send((503, {"retry-after": said}, b""))
            self.assertGreaterEqual(device.step(), least, said)

    def test_wrong_settings_are_refused(self):
        for settings in (dict(drop="all"), dict(batch_size=1000), dict(batch_size=0), dict(max_codes=0)):
            with self.assertRaises(ValueError):
                self.send(**settings)


if __name__ == "__main__":
    unittest.main()
