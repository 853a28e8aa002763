"""Measures the page in a browser: time to the first content, requests for each poll, layout shift, memory over 1,000 polls.

    ./dev up                                    # and ./dev demo in a second terminal, so that there is something to show
    target/tools/browser-*/bin/python tests/browser/figures.py .local/endpoints.json

The browser's clock is moved on, so 1,000 polls take minutes instead of hours. Nothing is asserted: figures of a busy
machine are no test.
"""

import json
import shutil
import statistics
import sys

from playwright.sync_api import sync_playwright

POLLS = 1000
OPENED = 20

endpoint = json.load(open(sys.argv[1]))["get"]
url, key = endpoint["url"].removesuffix("logs"), endpoint["api_key"]

FIRST_CONTENT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
FIRST_ROW = """() => new Promise((resolve) => {
    const poll = () => document.querySelector('[id=logs] tr') ? resolve(performance.now()) : setTimeout(poll, 1);
    poll();
})"""
SHIFT = """() => new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => sum += entry.value))
        .observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => resolve(sum), 500);
})"""


def opened(browser):
    context = browser.new_context()
    context.add_init_script(f"sessionStorage.setItem('get-api-key', {json.dumps(key)})")
    return context.new_page()


def first_content(browser):
    paints, rows, shifts = [], [], []
    for _ in range(OPENED):
        page = opened(browser)
        page.goto(url)
        rows.append(page.evaluate(FIRST_ROW))
        page.locator("#codes tr").first.wait_for()
        shifts.append(page.evaluate(SHIFT))
        paints.append(page.evaluate(FIRST_CONTENT))
        page.context.close()
    print(f"first content          {statistics.median(paints):6.0f} ms (median of {OPENED}, worst {max(paints):.0f})")
    print(f"first row              {statistics.median(rows):6.0f} ms (worst {max(rows):.0f})")
    print(f"layout shift           {max(shifts):6.3f}")


def memory(browser):
    page = opened(browser)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.install()
    page.goto(url)
    page.locator("#codes tr").first.wait_for()
    tools = page.context.new_cdp_session(page)

    def in_use():
        tools.send("HeapProfiler.collectGarbage")
        heap = tools.send("Runtime.getHeapUsage")["usedSize"]
        return heap / 1e6, tools.send("Memory.getDOMCounters")["nodes"]

    asked.clear()
    for poll in range(POLLS + 1):
        if poll in (100, POLLS):
            megabytes, nodes = in_use()
            print(f"after {poll:5} polls      {megabytes:6.2f} MB in use, {nodes} nodes, {len(asked)} requests")
        with page.expect_response(lambda answer: answer.url.startswith(url)):
            page.clock.run_for(5_000)


with sync_playwright() as playwright:
    chromium = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])))
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    first_content(browser)
    memory(browser)
    browser.close()
