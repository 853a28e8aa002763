"""What the scenarios of page.py and trouble.py have in common. The arguments are those of page.py."""

import json
import sys
import time
import urllib.request
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

scenario, url, key, post_url, post_key, chromium, pictures = sys.argv[1:]
LIMIT = 20_000
expect.set_options(timeout=LIMIT)


def post(*records):
    headers = {"x-api-key": post_key}
    request = urllib.request.Request(post_url, json.dumps(records).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.load(answer)["rejected"] == 0


def record(device="pump-1", err=107, timestamp=None):
    return {"deviceID": device, "err": err, "timestamp": int(time.time()) if timestamp is None else timestamp}


def enter_key(page, value=key):
    page.get_by_role("textbox", name="Key").fill(value)
    page.get_by_role("button", name="Show the codes").click()


def open_page(page, address=""):
    page.goto(url + address)
    enter_key(page)
    expect(page.locator("#status")).to_have_attribute("data-state", "live")


def picture(page, name):
    page.screenshot(path=Path(pictures) / f"{name}.png")


def rows(page):
    return page.locator("#logs tr")


def show_codes(page, number):
    """The table of the codes: counted within seconds, and the page asks for it once a minute."""
    codes = page.locator("#codes tr")
    for _ in range(20):
        if codes.count() == number:
            break
        page.wait_for_timeout(1000)
        page.reload()
    expect(codes).to_have_count(number)
    return codes


def csv(page):
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    return Path(download.value.path()).read_text("utf-8-sig").splitlines()


def harness(step):
    """Asks the test around this process to do something, and waits until it is done."""
    print(step, flush=True)
    sys.stdin.readline()


def look_for_barriers(page):
    found = [each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    assert not found, json.dumps(found, indent=1)
