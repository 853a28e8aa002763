"""Storage that is full, damaged or failing, and the time of codes."""

import os
import unittest

import error_codes
from testbed import NOW, FullFiles, GhostFiles, Service, SmallFiles, Time, client, drain, new_path, problem

BASE = 2000000000


class Storage(unittest.TestCase):
    def setUp(self):
        self.time, self.service, self.path = Time(), Service(), new_path()

    def start(self, **settings):
        return client(self.path, self.service, self.time, **settings)

    def test_the_oldest_codes_are_dropped_and_counted(self):
        device = self.start(max_codes=3)
        self.assertEqual([device.add(err) for err in range(5)], [True] * 5)
        drain(device, self.time)
        self.assertEqual(self.service.codes(), [2, 3, 4, BASE + 2])
        device.add(7)
        drain(device, self.time)
        self.assertEqual(self.service.codes(), [2, 3, 4, 7, BASE + 2])

    def test_the_newest_codes_are_dropped_and_counted(self):
        device = self.start(max_codes=3, drop="newest")
        self.assertEqual([device.add(err) for err in range(5)], [True] * 3 + [False] * 2)
        drain(self.start(max_codes=3), self.time)
        self.assertEqual(self.service.codes(), [0, 1, 2, BASE + 2])

    def test_the_batch_that_is_being_sent_is_never_dropped(self):
        for drop, stored in (("oldest", [0, 1, 4, BASE + 2]), ("newest", [0, 1, 2, BASE + 2])):
            self.setUp()
            self.service.script = ["lost"]
            device = self.start(max_codes=3, batch_size=2, drop=drop)
            for err in range(3):
                device.add(err)
            device.step()
            for err in range(3, 5):
                device.add(err)
            drain(device, self.time)
            self.assertEqual(self.service.codes(), stored)

    def test_codes_dropped_while_their_count_is_sent_are_counted_in_the_next_batch(self):
        self.service.script = ["lost"]
        device = self.start(max_codes=2, drop="newest")
        for err in range(4):
            device.add(err)
        device.step()
        device.add(4)
        drain(self.start(), self.time)
        self.assertEqual(self.service.codes(), [0, 1, BASE + 1, BASE + 2])

    def test_a_full_disk_drops_what_is_new_and_says_how_much(self):
        for room in range(0, 160, 3):
            self.setUp()
            FullFiles.room = room
            device = self.start(files=FullFiles)
            noted = [err for err in range(8) if device.add(err)]
            wait = device.step()
            if noted and not self.service.requests:
                self.assertIn("storage failed", device.problem)
            FullFiles.room = 100000
            self.time.uptime += wait or 0
            drain(device, self.time)
            if len(noted) < 8 and noted == [err for err in self.service.codes() if err < 8]:
                device.add(8)
                drain(device, self.time)
            counts = sum(err - BASE for err in self.service.codes() if err > BASE)
            self.assertEqual([err for err in self.service.codes() if err < 8], noted, room)
            self.assertEqual(counts, 8 - len(noted), room)

    def test_codes_that_fill_the_storage_are_delivered_all_the_same(self):
        # An ID of 2,800 bytes in the file, too.
        for device_id in ("device", "\U0001f6e2" * 233):
            for size in range(3100, 13000, 900):
                for drop in ("oldest", "newest"):
                    self.setUp()
                    SmallFiles.size = size
                    self.service.script = ["unreachable"] * 3
                    device = self.start(files=SmallFiles, device_id=device_id, drop=drop, batch_size=20)
                    where = (len(device_id), size, drop)
                    noted = []
                    for err in range(300):
                        if device.add(err):
                            noted.append(err)
                        if err in (100, 200):
                            self.time.uptime += device.step() or 0
                    drain(device, self.time)
                    codes = [err for err in self.service.codes() if err < BASE]
                    counts = sum(err - BASE for err in self.service.codes() if err > BASE)
                    self.assertEqual(len(codes) + counts, 300, where)
                    self.assertEqual(bool(noted), bool(codes), where)
                    if size > 12000:  # Room for more than the batch that is being sent.
                        self.assertIn(299 if drop == "oldest" else 0, codes, where)

    def test_a_new_file_that_was_cut_off_gives_its_room_back(self):
        self.start().add(1)
        with open(self.path + ".new", "wb") as file:
            file.write(b"half a line")
        device = self.start()
        self.assertRaises(OSError, os.stat, self.path + ".new")
        drain(device, self.time)
        self.assertEqual(self.service.codes(), [1])

    def test_no_request_leaves_before_its_key_is_on_storage(self):
        device = self.start(files=FullFiles)
        FullFiles.room = 100
        device.add(1)
        FullFiles.room = 20
        self.assertEqual((device.step(), self.service.requests), (2, []))
        FullFiles.room = 1000
        self.time.uptime += 2
        device.step()
        self.assertEqual(self.service.codes(), [1])

    def test_a_delivery_that_cannot_be_written_down_is_repeated_under_its_key(self):
        device = self.start(files=FullFiles)
        FullFiles.room = 1000
        device.add(1)
        device.poll(0)
        FullFiles.room = 0
        self.assertEqual(device.step(), 2)
        FullFiles.room = 1000
        drain(self.start(), self.time)
        self.assertEqual((len(self.service.requests), self.service.codes()), (2, [1]))

    def test_a_code_whose_write_failed_does_not_come_back(self):
        for restart in (False, True):
            self.setUp()
            self.service.script = ["lost"]
            device = self.start(files=GhostFiles)
            device.add(1)
            GhostFiles.is_failing = True
            self.assertEqual(device.add(2), False)
            GhostFiles.is_failing = False
            device.add(3)
            device.step()
            drain(self.start() if restart else device, self.time)
            self.assertEqual(self.service.codes(), [1, 3, BASE + 1])

    def test_storage_that_others_filled_delivers_what_it_holds(self):
        for drop in ("oldest", "newest"):
            for room in (0, 200, 900, 1500, 2500):
                self.setUp()
                SmallFiles.size = 100000
                device = self.start(files=SmallFiles, drop=drop)
                for err in range(300):
                    device.add(err)
                SmallFiles.size = os.stat(self.path)[6] + device._queue._used() + room
                for err in range(300, 500):
                    device.add(err)
                drain(device, self.time)
                codes = [err for err in self.service.codes() if err < BASE]
                counts = sum(err - BASE for err in self.service.codes() if err > BASE)
                self.assertEqual(len(codes) + counts, 500, (drop, room))
                self.assertGreaterEqual(len(codes), 290, (drop, room))

    def test_the_count_of_dropped_codes_waits_like_a_code(self):
        device = self.start(files=FullFiles)
        FullFiles.room = 0
        self.assertEqual((device.add(1), device.waiting()), (False, 1))
        FullFiles.room = 1000
        while device.waiting():
            self.time.uptime += device.step() or 0
        self.assertEqual(self.service.codes(), [BASE + 1])

    def test_a_damaged_count_of_dropped_codes_invents_none(self):
        device = self.start(max_codes=2, batch_size=2)
        for err in range(5):
            device.add(err)
        device.step()
        with open(self.path, "rb") as file:
            content = file.read()
        self.assertIn(b'["x"', content)
        with open(self.path, "wb") as file:
            file.write(content.replace(b'["x"', b'["y"'))
        device = self.start()
        device.add(7)
        drain(device, self.time)
        self.assertEqual([err for err in self.service.codes() if err > BASE + 3 or err < 0], [])

    def test_a_damaged_line_takes_no_neighbour_with_it(self):
        device = self.start()
        for err in range(5):
            device.add(err)
        with open(self.path, "rb") as file:
            lines = file.read().split(b"\n")
        lines[2] = lines[2][:10] + b"?" + lines[2][11:]
        with open(self.path, "wb") as file:
            file.write(b"\n".join(lines))
        drain(self.start(), self.time)
        self.assertEqual(self.service.codes(), [0, 1, 3, 4])

    def test_a_batch_that_the_storage_damaged_gets_a_new_key(self):
        for restart in (False, True):
            self.setUp()
            self.service.script = ["unreachable"]
            device = self.start(batch_size=3)
            for err in range(4):
                device.add(err)
            device.step()
            with open(self.path, "rb") as file:
                content = file.read()
            with open(self.path, "wb") as file:
                file.write(content[:10] + b"?" + content[11:])
            drain(self.start(batch_size=3) if restart else device, self.time)
            self.assertEqual(self.service.codes(), [1, 2, 3])

    def test_the_file_stays_small(self):
        device = self.start(max_codes=50)
        self.service.script = [problem(503)] * 20
        most = 0
        for err in range(2000):
            device.add(err)
            self.time.uptime += (device.step() or 0) if err % 20 == 0 else 0
            most = max(most, os.stat(self.path)[6])
        self.assertLessEqual(most, 2 * 50 * 36 + error_codes.SLACK + 500)
        drain(device, self.time)
        codes = self.service.codes()
        self.assertEqual(len([err for err in codes if err < BASE]) + sum(err - BASE for err in codes if err > BASE), 2000)

    def test_times_become_known_when_the_clock_is_set_offline(self):
        self.time = Time(0)
        device = self.start()
        device.add(1)
        self.time.uptime += 50
        device.add(2)
        device.add(3, 5)
        self.time.uptime += 10
        self.time.set(NOW)
        device.add(4)
        device = self.start()
        drain(device, self.time)
        self.assertEqual(self.service.records(), [(1, NOW - 60), (2, NOW - 10), (3, 5), (4, NOW)])

    def test_a_clock_that_raises_costs_the_time_and_not_the_code(self):
        def broken():
            raise OSError("no such device on the bus")

        device = self.start(clock=broken)
        self.assertEqual(device.add(1), True)
        drain(device, self.time)
        self.assertEqual(self.service.records(), [(1, 0)])

    def test_a_clock_is_judged_before_its_time_is_stored(self):
        nan = float("nan")
        for said, stored in (
            (NOW * 1000, NOW), (NOW * 1000000, NOW), (NOW * 10**9, NOW), (NOW + 0.5, NOW), (nan, 0), (nan * 0, 0),
            (float("inf"), 0), (None, 0), (-1, 0), (7, 0), (NOW * 10**15, 0),
        ):
            self.setUp()
            device = self.start(clock=lambda: said)
            device.add(1)
            drain(device, self.time)
            self.assertEqual(self.service.records(), [(1, stored)], said)

    def test_a_time_that_stays_unknown_is_0(self):
        self.time = Time(0)
        self.start().add(1)
        # Another start has another uptime.
        self.time.uptime = 20
        device = self.start()
        device.add(2)
        self.time.set(NOW)
        drain(device, self.time)
        self.assertEqual(self.service.records(), [(1, 0), (2, NOW)])

    def test_a_batch_does_not_change_when_the_clock_is_set(self):
        self.time = Time(0)
        self.service.script = ["lost"]
        device = self.start()
        device.add(1)
        self.time.uptime += device.step()
        device.add(2)
        self.time.set(NOW)
        drain(device, self.time)
        self.assertEqual(self.service.records(), [(1, 0), (2, NOW)])

    def test_a_counter_that_begins_again_makes_earlier_times_unknown_not_wrong(self):
        self.time = Time(0)
        device = self.start()
        device.add(1)
        self.time.uptime = 1
        device.add(2)
        self.time.set(NOW)
        drain(device, self.time)
        self.assertEqual(self.service.records(), [(1, 0), (2, NOW)])

    def test_times_survive_a_rewritten_file(self):
        slack, error_codes.SLACK = error_codes.SLACK, 0
        try:
            self.time = Time(0)
            self.start().add(1)
            device = self.start()
            device.add(2)
            self.time.uptime += 10
            device.add(3)
            self.time.set(NOW)
            device.add(4)
            self.start().add(5)
        finally:
            error_codes.SLACK = slack
        drain(self.start(), self.time)
        self.assertEqual(self.service.records(), [(1, 0), (2, NOW - 10), (3, NOW), (4, NOW), (5, NOW)])


if __name__ == "__main__":
    unittest.main()
