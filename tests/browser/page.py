"""Drives the dashboard page in a real browser, as a person would. Each scenario is a function; the test in
tests/http/browser.rs starts the service and names one.

Arguments: the scenario, the address of the page, the get API's key, the post API's address, its key, chromium, and a
folder for pictures. A message of the console, an uncaught error or a breach of the page's policy fails every scenario.
"""

import time

import trouble
from playwright.sync_api import expect, sync_playwright
from steps import (
    LIMIT,
    chromium,
    csv,
    enter_key,
    key,
    look_for_barriers,
    open_page,
    picture,
    post,
    record,
    rows,
    scenario,
    show_codes,
    url,
)


def a_wrong_key_is_refused_and_the_right_one_is_kept_for_the_tab(page):
    post(record())
    page.goto(url)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    picture(page, "key-dialog")
    enter_key(page, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("refused")
    enter_key(page, "schlüssel")
    expect(page.get_by_role("alert")).to_contain_text("ASCII")
    enter_key(page)
    expect(dialog).to_be_hidden()
    expect(rows(page)).to_have_count(1)
    page.reload()
    expect(rows(page)).to_have_count(1)
    expect(dialog).to_be_hidden()
    assert page.evaluate("localStorage.length") == 0, "only for the tab"
    page.get_by_role("button", name="Forget key").click()
    expect(dialog).to_be_visible()
    expect(rows(page)).to_have_count(0)
    page.get_by_label("Keep it in this browser").check()
    enter_key(page)
    expect(rows(page)).to_have_count(1)
    assert page.evaluate("localStorage.length + sessionStorage.length") == 1
    assert key not in page.url


def a_new_code_appears_by_itself_and_is_marked(page):
    post(record("old"))
    open_page(page)
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#logs tr.fresh")).to_have_count(0)
    post(record("new", -5))
    fresh = page.locator("#logs tr.fresh")
    expect(fresh).to_have_count(1)
    expect(fresh).to_contain_text("new")
    expect(fresh).to_contain_text("-5")
    expect(page.locator("#announcement")).to_have_text("1 new code")


def a_code_and_a_device_lead_to_their_logs_and_the_address_can_be_shared(page):
    post(*[record("pump-1", 107 if number % 2 else 12) for number in range(130)])
    open_page(page)
    expect(rows(page)).to_have_count(10)
    page.locator("#logs").get_by_role("link", name="pump-1").first.click()
    expect(page.get_by_role("heading", name="Logs of device pump-1")).to_be_focused()
    expect(rows(page)).to_have_count(50)
    more = page.get_by_role("button", name="More")
    more.click()
    expect(rows(page)).to_have_count(100)
    more.click()
    expect(rows(page)).to_have_count(130)
    expect(more).to_be_hidden()
    picture(page, "device")
    page.locator("#logs").get_by_role("link", name="107").first.click()
    expect(page.get_by_role("heading", name="Logs of code 107")).to_be_visible()
    assert page.url == url + "?code=107", page.url
    page.go_back()
    expect(page.get_by_role("heading", name="Logs of device pump-1")).to_be_visible()
    page.reload()
    expect(rows(page)).to_have_count(50)
    page.go_back()
    expect(page.get_by_role("heading", name="Most recent")).to_be_visible()
    expect(rows(page)).to_have_count(10)


def the_codes_of_a_day_and_a_week_are_counted(page):
    post(*[record(f"pump-{number}") for number in range(7)], record("pump-1", 12), record("pump-2", 12))
    open_page(page)
    codes = show_codes(page, 2)
    expect(codes.first).to_contain_text("107")
    expect(codes.first).to_contain_text("NEW")
    expect(codes.first.locator("td").nth(0)).to_have_text("7")
    expect(codes.nth(1).locator("td").nth(1)).to_have_text("2")
    expect(codes.first.get_by_role("img")).to_have_attribute("aria-label", "Codes an hour, oldest first; at most 7, last 7")
    expect(page.locator("#news")).to_have_text("NEW 107 12")
    picture(page, "overview")
    lines = csv(page)
    table = lines.index('"error_code","name","count","devices","first_seen","last_seen","new"')
    assert [line.split(",")[:4] for line in lines[table + 1 :]] == [
        ['"107"', '""', '"7"', '"7"'],
        ['"12"', '""', '"2"', '"2"'],
    ], lines
    page.get_by_role("link", name="7 days").click()
    expect(page.locator("#week")).to_have_attribute("aria-current", "page")
    expect(codes).to_have_count(2)
    assert page.url == url + "?hours=168", page.url
    codes.first.get_by_role("link", name="107").click()
    expect(page.get_by_role("heading", name="Logs of code 107")).to_be_visible()
    expect(page.locator("#codes-section")).to_be_hidden()


def a_fleet_at_a_glance(page):
    """The picture of the README: cp target/pictures/page.png docs/page.png"""
    page.set_viewport_size({"width": 1200, "height": 680})
    open_page(page)
    codes = page.locator("#codes tr")
    expect(codes.filter(has_text="451")).to_contain_text("NEW")
    expect(codes.filter(has_text="107")).not_to_contain_text("NEW")
    expect(codes.filter(has_text="107")).to_contain_text("Motor overheated")
    shift = """() => new Promise(resolve => new PerformanceObserver(list => resolve(
        list.getEntries().reduce((sum, entry) => sum + entry.value, 0))).observe({type: 'layout-shift', buffered: true})
        || setTimeout(() => resolve(0), 500))"""
    assert page.evaluate(shift) < 0.1, "something moves while a person reads"
    picture(page, "page")


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "\"><svg/onload=alert(1)><script>document.title='taken'</script>",
    "javascript:alert(1)",
    "${7*7}#{7*7}{{7*7}}",
    "😀" * 255,
    "مضخة (7) <b>",
    "\u202egpj.exe",
    "a\u0000b\u200bc",
    "?device=other&code=1#hash",
    "=cmd|'/c calc'!A1",
]


def the_name_of_a_device_is_only_text(page):
    post(*[record(device, 1) for device in HOSTILE])
    open_page(page)
    expect(rows(page)).to_have_count(10)
    assert page.locator("#logs img, #logs script, #logs svg").count() == 0
    text = page.locator("#logs").inner_text()
    for shown in [*HOSTILE[:6], "\\u202egpj.exe", "a\\u0000b\\u200bc", *HOSTILE[8:]]:
        assert shown in text, shown
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, "a long name makes the page wider than the window"
    for device in HOSTILE:
        page.goto(url)
        shown = "".join(f"\\u{ord(sign):04x}" if sign in "\u202e\u0000\u200b" else sign for sign in device)
        page.locator("#logs").get_by_role("link", name=shown, exact=True).click()
        expect(page.get_by_role("heading", name="Logs of device " + shown, exact=True)).to_be_visible()
        expect(rows(page)).to_have_count(1)
    assert page.title() != "taken"
    assert any("\"'=cmd|'" in line for line in csv(page)), "a spreadsheet would run it"


def devices_without_a_clock_and_with_a_wrong_one_are_marked(page):
    now = int(time.time())
    post(record("none", timestamp=0), record("ahead", timestamp=now + 9000), record("behind", timestamp=now - 90_000))
    open_page(page)
    for device, mark in [("none", "no clock"), ("ahead", "2 h ahead"), ("behind", "1 d behind")]:
        expect(rows(page).filter(has_text=device).locator(".badge")).to_have_text(mark)


def it_asks_once_a_poll_and_sends_the_tag_of_the_answer_that_it_has(page):
    post(record())
    asked = []
    page.on("request", lambda request: asked.append(request) if "/logs" in request.url else None)
    open_page(page)
    with page.expect_response(lambda answer: answer.status == 304):
        pass
    assert all(request.url == url + "logs" for request in asked), [request.url for request in asked]
    assert len(asked) == 2, "one for each poll"
    assert asked[1].headers["if-none-match"]
    assert all("key" not in request.url for request in asked)


def nobody_is_kept_out(page):
    post(record(), record("other", 12, 0))
    open_page(page)
    show_codes(page, 2)
    page.get_by_role("button", name="Forget key").click()
    for scheme in ["light", "dark"]:
        page.emulate_media(color_scheme=scheme)
        page.goto(url)
        look_for_barriers(page)
        enter_key(page)
        expect(rows(page)).to_have_count(2)
        expect(page.locator("#codes tr")).to_have_count(2)
        look_for_barriers(page)
        page.goto(url + "?code=107")
        expect(rows(page)).to_have_count(1)
        look_for_barriers(page)
        page.set_viewport_size({"width": 360, "height": 640})
        page.goto(url)
        expect(rows(page)).to_have_count(2)
        picture(page, f"phone-{scheme}")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, width
        page.set_viewport_size({"width": 1000, "height": 700})
        page.get_by_role("button", name="Forget key").click()
    page.goto(url)
    enter_key(page)
    page.goto(url)
    page.keyboard.press("Tab")
    expect(page.locator("#skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def main():
    # axe is a script that the page's policy would not run.
    bypass = scenario == "nobody_is_kept_out"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 700}, bypass_csp=bypass)
        page.set_default_timeout(LIMIT)
        said = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append("a dialog: " + dialog.message), dialog.dismiss()))
        try:
            (globals().get(scenario) or getattr(trouble, scenario))(page)
        except BaseException:
            picture(page, "failed-" + scenario)
            raise
        browser.close()
    # The browser itself writes a line for each answer that is an error, and for each request that fails.
    said = [line for line in said if not line.startswith("Failed to load resource")]
    assert not said, said


main()
