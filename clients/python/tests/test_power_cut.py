"""Power fails at every byte of everything that is written."""

import unittest

import error_codes
from testbed import CutFiles, PowerCut, Service, Time, client, drain, new_path, problem

# In bytes. More where one run is slow.
STEP = 1
SCRIPT = ["passed", "lost", "half", problem(503), "taken", "lost", "passed", "too large", "half"]


def scenario(path, service, noted, **settings):
    """Codes are noted and sent, with failures on the way, until power fails. Returns whether it did not."""
    time = Time(0)
    try:
        device = client(path, service, time, files=CutFiles, **settings)
        for err in range(14):
            if err == 5:
                time.set(1800000000)
            if device.add(err):
                noted.append(err)
            if err % 2:
                time.uptime += device.step() or 0
        drain(device, time)
    except PowerCut:
        return False
    return True


class PowerCuts(unittest.TestCase):
    def setUp(self):
        self.slack, error_codes.SLACK = error_codes.SLACK, 200

    def tearDown(self):
        error_codes.SLACK, CutFiles.garbage, CutFiles.is_fat = self.slack, b"", False

    def cut_everywhere(self, check, step=None, **settings):
        cut, done = 0, False
        while not done:
            path, service, noted = new_path(), Service(SCRIPT), []
            CutFiles.budget = cut
            done = scenario(path, service, noted, **settings)
            # While the first start sends again, power fails once more.
            CutFiles.budget = cut // 3
            time = Time()
            try:
                drain(client(path, service, time, files=CutFiles, **settings), time)
            except PowerCut:
                pass
            drain(client(path, service, time, **settings), time)
            check(noted, service.codes(), "cut at %d" % cut)
            cut += step or STEP
        self.assertGreaterEqual(cut, 500)

    def once(self, noted, stored, where):
        self.assertEqual(sorted(set(stored)), stored, where)
        # The code that was being noted may be stored or not.
        unnoted = [err for err in stored if err not in noted]
        self.assertEqual(sorted(noted + unnoted), stored, where)
        self.assertLessEqual(len(unnoted), 1, where)

    def test_every_code_is_stored_once_wherever_power_fails(self):
        self.cut_everywhere(self.once, batch_size=4)

    def test_every_code_is_stored_once_where_the_end_of_the_file_is_garbage(self):
        for garbage in (b"\0" * 40, b'\n\nffffffff ["c",1,2]\n\xff\xfe', b"\n"):
            CutFiles.garbage = garbage
            self.cut_everywhere(self.once, step=7, batch_size=4)

    def test_every_code_is_stored_once_where_a_rename_is_not_atomic(self):
        CutFiles.is_fat = True
        self.cut_everywhere(self.once, batch_size=4)

    def test_every_dropped_code_is_counted_wherever_power_fails(self):
        def check(noted, stored, where):
            codes = [err for err in stored if err < 1000000]
            dropped = sum(err - 1000000 for err in stored if err > 1000000)
            self.assertEqual(sorted(set(codes)), codes, where)
            unnoted = len([err for err in codes if err not in noted])
            self.assertLessEqual(unnoted, 1, where)
            missing = len([err for err in noted if err not in codes])
            # The oldest is dropped, and counted, before the new one is on storage.
            self.assertIn(dropped - missing, (0, 1) , where)

        self.cut_everywhere(check, batch_size=2, max_codes=4, dropped_base=1000000)
