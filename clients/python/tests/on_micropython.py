"""Runs the tests of this folder on MicroPython, which has no `unittest`: what they need of it stands here."""

import os
import sys


class TestCase:
    def setUp(self):
        pass

    def tearDown(self):
        pass

    def assertTrue(self, value, what=None):
        assert value, what

    def assertFalse(self, value, what=None):
        assert not value, what

    def assertEqual(self, one, other, what=None):
        assert one == other, "%r is not %r: %r" % (one, other, what)

    def assertIs(self, one, other, what=None):
        assert one is other, "%r is not %r: %r" % (one, other, what)

    def assertIn(self, one, many, what=None):
        assert one in many, "%r is not in %r: %r" % (one, many, what)

    def assertGreater(self, one, other, what=None):
        assert one > other, "%r is not more than %r: %r" % (one, other, what)

    def assertGreaterEqual(self, one, other, what=None):
        assert one >= other, "%r is less than %r: %r" % (one, other, what)

    def assertLessEqual(self, one, other, what=None):
        assert one <= other, "%r is more than %r: %r" % (one, other, what)

    def assertIsInstance(self, one, kind, what=None):
        assert isinstance(one, kind), "%r is not of %r: %r" % (one, kind, what)

    def assertRaises(self, kind, call=None, *arguments):
        if not call:
            return Raised(kind)
        with Raised(kind):
            call(*arguments)


class Raised:
    def __init__(self, kind):
        self._kind = kind

    def __enter__(self):
        pass

    def __exit__(self, kind, error, traceback):
        assert kind is not None and issubclass(kind, self._kind), "%r was expected, not %r" % (self._kind, error)
        return True


class unittest:
    TestCase = TestCase


def main():
    folder = sys.argv[0].rsplit("/", 1)[0]
    sys.path[:0] = [folder, folder + "/.."]
    sys.modules["unittest"] = unittest
    count = 0
    for name in sorted(os.listdir(folder)):
        if not name.startswith("test_") or name == "test_logging.py":  # MicroPython has no logging.
            continue
        module = __import__(name[:-3])
        module.STEP = 5  # The power cuts at every byte take a minute.
        for kind in cases_of(module):
            for test in [test for test in dir(kind) if test.startswith("test_")]:
                case = kind()
                case.setUp()
                try:
                    getattr(case, test)()
                except Exception as error:
                    print("%s of %s failed" % (test, name))
                    raise error
                finally:
                    case.tearDown()
                count += 1
    print("%d tests passed" % count)


def cases_of(module):
    """The test cases of a module."""
    members = [getattr(module, name) for name in dir(module)]
    return [kind for kind in members if isinstance(kind, type) and issubclass(kind, TestCase) and kind is not TestCase]


main()
