"""Prefect's UI as a person uses it."""

from playwright.sync_api import Browser, BrowserContext, Page, expect

from infra.local.stack import LocalStack


def open_prefect(browser: Browser | BrowserContext, stack: LocalStack) -> Page:
    """Open Prefect's UI and log in with what ``darkroom up`` prints."""
    page = browser.new_page()
    page.set_viewport_size({"width": 1300, "height": 950})
    page.goto(stack.prefect_url)
    page.get_by_placeholder("admin:pass").fill(stack.prefect_login)
    page.get_by_role("button", name="Login").click()
    expect(page.get_by_placeholder("admin:pass")).to_be_hidden()
    return page
