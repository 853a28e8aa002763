"""Scenarios in which the service or the network fails; see page.py."""

from playwright.sync_api import expect
from steps import harness, open_page, picture, post, record, rows, url


def trouble_cannot_be_mistaken_for_quiet(page):
    post(record())
    open_page(page)
    expect(rows(page)).to_have_count(1)
    page.route("**/logs*", lambda route: route.fulfill(status=429, headers={"retry-after": "17"}, body="{}"))
    status = page.locator("#status")
    expect(status).to_have_attribute("data-state", "waiting")
    expect(status).to_contain_text("waiting 17 s")
    expect(page.locator("body")).to_have_class("overview stale")
    page.unroute("**/logs*")
    page.route("**/logs*", lambda route: route.fulfill(status=503, headers={"retry-after": "1"}, body="not JSON"))
    page.reload()
    expect(status).to_have_attribute("data-state", "failing")
    expect(status).to_contain_text("503")
    page.unroute("**/logs*")
    page.route("**/logs*", lambda route: route.abort())
    page.reload()
    expect(status).to_have_attribute("data-state", "offline")
    picture(page, "offline")
    page.unroute("**/logs*")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(status).to_have_attribute("data-state", "live")
    page.context.set_offline(True)
    expect(status).to_have_attribute("data-state", "offline")
    page.context.set_offline(False)
    expect(status).to_have_attribute("data-state", "live")


def a_server_that_is_killed_is_offline_and_the_page_goes_on_with_the_next_one(page):
    open_page(page)
    expect(rows(page)).to_have_count(1)
    harness("kill")
    expect(page.locator("#status")).to_have_attribute("data-state", "offline")
    expect(rows(page)).to_have_count(1)
    harness("start")
    # Between two tries it waits for longer each time.
    expect(page.locator("#status")).to_have_attribute("data-state", "live", timeout=120_000)
    expect(rows(page)).to_have_count(2)
    expect(page.locator("#logs tr.fresh")).to_contain_text("meanwhile")


def it_asks_less_and_less_while_it_is_refused(page):
    post(record())
    page.clock.install()
    open_page(page)
    page.clock.run_for(1000)
    expect(page.locator("#codes-section .news")).not_to_be_empty()
    for status, retry_after, expected in [(429, "40", range(3, 5)), (503, "40", range(3, 5)), (503, None, range(3, 7))]:
        asked = []

        def refuse(route):
            asked.append(route.request.url)
            route.fulfill(status=status, headers={"retry-after": retry_after} if retry_after else {}, body="{}")

        page.route(url + "logs", refuse)
        page.route(url + "codes*", refuse)
        # Two minutes: 24 polls if nothing was refused. The clock stops for each answer.
        for _ in range(120):
            page.clock.run_for(1000)
            page.wait_for_timeout(20)
        assert len(asked) in expected, f"{len(asked)} requests while {status} was answered, Retry-After {retry_after}"
        page.unroute(url + "logs")
        page.unroute(url + "codes*")
        page.reload()
        page.clock.run_for(1000)
        expect(page.locator("#status")).to_have_attribute("data-state", "live")


def a_store_without_a_summary_shows_its_logs_and_says_what_it_cannot_answer(page):
    post(record(), record("other", 12))
    open_page(page)
    expect(rows(page)).to_have_count(2)
    with page.expect_response(lambda answer: "/codes" in answer.url) as codes:
        page.reload()
    assert codes.value.status == 501
    expect(page.locator("#codes-section")).to_be_hidden()
    expect(page.locator("#status")).to_have_attribute("data-state", "live")
    rows(page).get_by_role("link", name="107").click()
    status = page.locator("#status")
    expect(status).to_have_attribute("data-state", "failing")
    expect(status).to_contain_text("of all devices only")
    page.get_by_role("link", name="All error codes").click()
    expect(status).to_have_attribute("data-state", "live")
    expect(rows(page)).to_have_count(2)
