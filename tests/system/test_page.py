"""The page in a browser (Debian's chromium): live, no outside request, keyboard, dark, and acts only by intent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from running.controller import Controller, controller

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller(tmp_path_factory.mktemp("page")) as up:
        yield up


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.fail("no chromium on this machine: apt-get install chromium (`make test-tools`)")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(running: Controller, browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def sign_in(running: Controller, page: Page) -> None:
    page.goto(running.ready["page"])
    page.get_by_label("Token").fill((running.operator / "token").read_text().strip())
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#live")).to_have_class("live on")


def test_a_stranger_is_asked_for_a_token_and_a_wrong_one_says_so(running: Controller, page: Page) -> None:
    page.goto(running.ready["page"])
    page.get_by_label("Token").fill("pyvapi1.nope")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not known")


def test_it_shows_what_happens_without_a_reload_and_asks_nobody_else(running: Controller, page: Page) -> None:
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    sign_in(running, page)
    row = page.locator("#channels tbody tr", has_text="beta")
    expect(row).to_have_count(0)
    said.clear()
    running.cli("channel", "set", "beta")
    expect(row).to_have_count(1)
    expect(page.locator("#audit")).to_contain_text("channel.create")
    assert [url for url in asked if not url.startswith(running.ready["page"])] == []
    assert said == []


def test_it_is_live_also_where_the_network_brings_its_scripts_late(running: Controller, page: Page) -> None:
    def late(route: Route) -> None:
        page.wait_for_timeout(700)
        route.continue_()

    page.route("**/hx-sse.min.js", late)
    sign_in(running, page)


def test_a_device_appears_and_the_filter_is_kept_while_the_page_lives(
    running: Controller, page: Page, tmp_path: Path
) -> None:
    sign_in(running, page)
    page.get_by_label("Filter").fill("kind=real")
    expect(page.locator("#devices .cli")).to_contain_text("--label kind=real")
    for number, kind in enumerate(("real", "other")):
        state = tmp_path / str(number)
        running.cli("device", "provision", "--serial", f"page-{number}", "--out", str(state), "--label", f"kind={kind}")
    expect(page.locator(".devices tbody th")).to_have_count(1)
    expect(page.locator("#summary dd").first).to_have_text("2")
    expect(page.get_by_label("Filter")).to_have_value("kind=real")


def test_it_is_dark_where_the_reader_wants_it_dark(running: Controller, browser: Browser) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(running.ready["page"])
        grounds.add(page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))
        context.close()
    assert len(grounds) == 2


def test_on_a_phone_nothing_sticks_out(running: Controller, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 860})
    page = context.new_page()
    sign_in(running, page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    context.close()


def test_it_can_be_walked_by_keyboard_and_no_act_is_one_key_away(running: Controller, page: Page) -> None:
    sign_in(running, page)
    page.locator("body").press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Tab")
    for _ in range(30):
        if page.locator("#q").evaluate("input => input === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(page.locator("#q")).to_be_focused()
    assert page.get_by_role("main").get_by_role("button").count() == 0


def test_without_scripts_it_is_a_whole_page_still(running: Controller, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(running.ready["page"])
    page.get_by_label("Token").fill((running.operator / "token").read_text().strip())
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#channels")).to_contain_text("stable")
    page.get_by_label("Filter").fill("offline")
    page.get_by_label("Filter").press("Enter")
    expect(page).to_have_url(f"{running.ready['page']}?q=offline")
    context.close()


@pytest.fixture(scope="module")
def released(running: Controller, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("release")
    config = place / "config.toml"
    config.write_text("[windows]\ndefault_size = 60\n")
    running.cli("release", "create", "--version", "1.0", "--config", str(config))
    running.cli("channel", "set", "quiet", "--freeze", "2026-01-01T00:00Z/2036-01-01T00:00Z counting the tills")
    running.cli("device", "provision", "--serial", "quiet-1", "--out", str(place / "state"), "--channel", "quiet")


def say(page: Page, word: str, reason: str) -> None:
    """By keyboard alone: to the link, to the reason, enter."""
    page.locator(f"#verb-{word}").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Why?").fill(reason)
    page.keyboard.press("Enter")
    expect(page.locator("#rollout")).to_be_visible()


@pytest.mark.usefixtures("released")
def test_a_rollout_is_planned_made_moved_and_ended_on_the_page_by_keyboard(running: Controller, page: Page) -> None:
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    sign_in(running, page)
    said.clear()
    page.goto(f"{running.ready['page']}rollouts/new")
    page.get_by_label("Channel", exact=True).select_option("quiet")
    page.get_by_label("Release, by version").fill("1.0")
    page.get_by_label("Waves").fill("100% approve")
    page.get_by_label("wait for").check()
    page.get_by_role("button", name="Show the plan").click()
    expect(page.locator("#plan")).to_contain_text("counting the tills")
    page.get_by_label("Why?").fill("</section><script>alert(1)</script>")
    page.keyboard.press("Enter")
    state, because = page.locator("#rollout .lead .chip"), page.locator("#rollout .because")
    expect(state).to_have_text("ready")
    expect(page.locator("#rollout .facts")).to_contain_text("<script>alert(1)</script>")
    say(page, "start", "now")
    expect(because).to_contain_text("a person must approve")
    say(page, "pause", "lunch")
    expect(state).to_have_text("paused")
    say(page, "resume", "eaten")
    say(page, "approve", "read it")
    expect(because).to_contain_text("frozen until")
    running.cli("rollout", "abort", page.url.rpartition("/")[2], "--stay", "--reason", "from the command line")
    expect(state).to_have_text("aborted")
    expect(page.locator("#events")).to_contain_text("from the command line")
    expect(page.locator(".verbs")).to_have_count(0)
    assert [url for url in asked if not url.startswith(running.ready["page"])] == []
    assert said == []


@pytest.mark.usefixtures("released")
def test_an_emergency_stands_on_every_page_until_it_is_acknowledged(running: Controller, page: Page) -> None:
    sign_in(running, page)
    banner = page.get_by_role("alert")
    expect(banner).to_have_count(0)
    words = ("--channel", "quiet", "--release", "1.0", "--wave", "100%", "--emergency", "--hold", "--no-wait")
    running.cli("rollout", "create", *words, "--reason", "zero day")
    expect(banner).to_contain_text("zero day")
    for path in ("rollouts", "rollouts/new", "rollbacks"):
        page.goto(f"{running.ready['page']}{path}")
        expect(banner).to_contain_text("without a canary: zero day")
    page.get_by_role("link", name="Acknowledge").click()
    page.get_by_label("What was done").fill("seen by two of us")
    page.keyboard.press("Enter")
    expect(page.locator("#audit")).to_contain_text("seen by two of us")
    expect(banner).to_have_count(0)
