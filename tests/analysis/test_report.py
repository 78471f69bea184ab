"""The report of a real small study, in a real browser, by hand and by keyboard."""

import base64
import functools
import http.server
import json
import math
import re
import shutil
import subprocess
import threading
import time
from collections import Counter
from html.parser import HTMLParser

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys

from pgstudy.analysis.charts.specs import LIBRARY
from pgstudy.analysis.common.numbers import DASH
from tests.workflow.project import smoke_study

pytest.importorskip("pygame")
pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="chromium or its chromedriver is not installed",
)

WIDTHS = 390, 768, 1200
RUN = "http://127.0.0.1:5000/#/experiments/1/runs/"
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
]


class Browser:
    """The system's Chromium, driven by its own chromedriver; nothing is downloaded."""

    def __init__(self, profile):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in (*QUIET, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        logs = {"browser": "ALL", "performance": "ALL"}
        options.set_capability("goog:loggingPrefs", logs)
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options, service)

    def __call__(self, method, **values):
        """One command of the DevTools and its result."""
        return self.driver.execute_cdp_cmd(method, values)

    def open(self, address, width=1200, scripts=True, **features):
        """A page, loaded, at a width and with media features such as dark mode."""
        media = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self("Emulation.setEmulatedMedia", media="", features=media)
        self("Emulation.setScriptExecutionDisabled", value=not scripts)
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self("Emulation.setDeviceMetricsOverride", **size)
        self.driver.get("about:blank")
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(address)

    def run(self, code, promised=False):
        """The value of an expression, or what a promise comes to, given scripts."""
        wanted = {"awaitPromise": promised, "returnByValue": True}
        answer = self("Runtime.evaluate", expression=code, **wanted)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def key(self, key):
        """Press and release a key."""
        ActionChains(self.driver).send_keys(key).perform()

    def complaints(self):
        """What the console holds, and what went wrong without a word in it."""
        time.sleep(0.3)
        return self.driver.get_log("browser")

    def requests(self):
        """The addresses that were asked for."""
        log = self.driver.get_log("performance")
        events = [json.loads(entry["message"])["message"] for entry in log]
        sent = [e for e in events if e["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Elements(HTMLParser):
    """Tags with their attributes, as written."""

    def __init__(self, text):
        super().__init__()
        self.all = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))

    def of(self, *tags):
        return [attributes for tag, attributes in self.all if tag in tags]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """results/smoke: gradients measured, recorded, its runs linked to MLflow."""
    return smoke_study(tmp_path_factory).results / "smoke"


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def elements(text):
    return Elements(text)


@pytest.fixture(scope="module")
def address(folder):
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/report.html"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


PICTURES = """Promise.all([...document.images].map(async image => {
  image.loading = "eager";
  await image.decode();
  return [image.src.slice(0, 15), image.naturalWidth, image.getClientRects().length];
}))"""


def test_the_console_stays_empty(browser, address):
    """No error, no warning, and nothing fetched but the page."""
    browser.open(address)
    browser.run(PICTURES, promised=True)
    assert browser.complaints() == []
    assert {u for u in browser.requests() if not u.startswith("data:")} == {address}
    browser.run("console.warn('seen')")
    assert "seen" in str(browser.complaints())


def test_every_picture_loads(browser, address, elements):
    """The figures and the recordings."""
    browser.open(address)
    found = browser.run(PICTURES, promised=True)
    assert len(found) == len(elements.of("img"))
    assert all(width > 0 for _, width, _ in found)
    assert Counter(kind for kind, _, _ in found)["data:image/webp"] == 8
    assert Counter(kind for kind, _, _ in found)["data:image/png;"] >= 8


# What each column of each sortable table holds after one and after two clicks.
CLICKS = """[...document.querySelectorAll("table.sortable")].flatMap(table =>
  [...table.tHead.rows[0].cells].map((head, column) => {
    const look = () => ({
      sort: [...table.tHead.rows[0].cells].map(cell => cell.getAttribute("aria-sort")),
      cells: [...table.tBodies[0].rows].map(row => row.cells[column].textContent),
      rows: [...table.tBodies[0].rows].map(row => row.textContent).sort(),
    });
    const before = look(), button = head.querySelector("button");
    button.click();
    const once = look();
    button.click();
    return {name: head.textContent, column, text: head.classList.contains("text"),
            before, once, twice: look()};
  }))"""


def amount(cell):
    """The number that a cell starts with: never is after all, None for a dash."""
    if cell.startswith("never"):
        return math.inf
    return None if cell == DASH else float(re.split(" to | of |, ", cell)[0])


def test_tables_sort_by_click(browser, address, elements):
    """Numbers as numbers, up and then down, dashes last in both."""
    browser.open(address)
    found = browser.run(CLICKS)
    tables = [t for t in elements.of("table") if t.get("class") == "sortable"]
    assert len({column["column"] for column in found}) > 10 and len(tables) == 8
    dashes = separators = 0
    for column in found:
        place = column["column"]
        for state, sort in (("once", "ascending"), ("twice", "descending")):
            after = column[state]
            assert after["sort"].pop(place) == sort
            assert not any(after["sort"])
            assert after["rows"] == column["before"]["rows"]
            if column["text"]:
                continue
            cells = [re.sub(r",(?=\d{3})", "", cell) for cell in after["cells"]]
            separators += sum(one != two for one, two in zip(cells, after["cells"]))  # noqa: B905
            values = [amount(cell) for cell in cells]
            known = [value for value in values if value is not None]
            dashes += len(known) < len(values) and bool(known)
            assert values[len(known) :] == [None] * (len(values) - len(known))
            assert known == sorted(known, reverse=state == "twice"), column["name"]
    assert dashes and separators


def test_words_sort_with_their_numbers(browser, address):
    """'total-return, 4' comes before 'total-return, 16'; keys are no numbers."""
    browser.open(address)
    code = """(() => {
      const [table] = [...document.querySelectorAll("table.sortable")].filter(
        table => [...table.tHead.rows[0].cells].some(c => c.textContent === "key"));
      const heads = [...table.tHead.rows[0].cells], last = heads.length - 1;
      ["b, 16", "9e9f", "b, 4", "1000a", "a, 1"].forEach(
        (words, i) => table.tBodies[0].rows[i].cells[last].textContent = words);
      while (table.tBodies[0].rows.length > 5) table.tBodies[0].rows[5].remove();
      heads[last].querySelector("button").click();
      return [...table.tBodies[0].rows].map(row => row.cells[last].textContent);
    })()"""
    assert browser.run(code) == ["9e9f", "1000a", "a, 1", "b, 4", "b, 16"]


def test_tables_sort_by_keyboard(browser, address):
    """Tab leads from one head to the next; Enter and the space bar sort."""
    browser.open(address)
    browser.run("document.querySelector('table.sortable button').focus()")
    sorted_ = "document.activeElement.parentElement.getAttribute('aria-sort')"
    name = "document.activeElement.parentElement.tagName"
    browser.key(Keys.ENTER)
    assert browser.run(sorted_) == "ascending"
    browser.key(Keys.ENTER)
    assert browser.run(sorted_) == "descending"
    browser.key(Keys.TAB)
    assert (browser.run(name), browser.run(sorted_)) == ("TH", None)
    browser.key(Keys.SPACE)
    assert browser.run(sorted_) == "ascending"
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    assert browser.run(ring) == "solid"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_its_window(browser, address, width):
    """What is wider than a phone scrolls in its own box, never the page."""
    browser.open(address, width)
    browser.run(PICTURES, promised=True)
    root = "document.documentElement"
    assert browser.run("innerWidth") == width
    assert browser.run(f"{root}.scrollWidth") <= width
    browser.run("scrollTo(500, 0)")
    assert browser.run("scrollX") == 0
    boxes = "[...document.querySelectorAll('.scroll')].filter(b => b.tabIndex !== 0)"
    assert browser.run(f"{boxes}.length") == 0


def test_the_structure_serves_a_screen_reader(elements):
    """Language, alternative texts, scopes, unique ids, links with a target, names."""
    assert [e.get("lang") for e in elements.of("html")] == ["en"]
    assert all(e.get("alt", "").strip() for e in elements.of("img"))
    assert {e.get("scope") for e in elements.of("th")} == {"col", "row"}
    ids = Counter(e["id"] for _, e in elements.all if "id" in e)
    assert max(ids.values()) == 1
    links = {e["href"][1:] for e in elements.of("a") if e["href"].startswith("#")}
    assert len(links) > 10
    assert links <= set(ids)
    assert all(e.get("aria-label") for _, e in elements.all if e.get("role"))
    assert {e["for"] for e in elements.of("label")} <= set(ids)


def test_no_address_leads_outside(text, elements):
    """data:, # and the local MLflow; the file stays small."""
    found = [e[k] for _, e in elements.all for k in ("src", "href", "srcset") if k in e]
    local = [a for a in found if not a.startswith(("data:", "#"))]
    assert local
    assert all(a.startswith(RUN) for a in local)
    own = text.replace(LIBRARY.read_text("utf-8"), "")
    assert len(own) < len(text)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", own)
    assert len(text.encode()) < 8_000_000


def test_it_can_be_read_without_scripts(browser, address, text):
    """Every table and picture is there; there is nothing to click in the heads.

    Claims open without scripts, too; of a film there is one of two pictures.
    """
    browser.open(address, scripts=False)
    browser.run("document.querySelectorAll('details').forEach(e => { e.open = true })")
    code = "[...document.querySelectorAll('{}')].filter(e => {}).length"
    assert browser.run(code.format("button", "true")) == 0
    boxes = "e.getClientRects().length && e.tBodies[0].rows.length"
    own = text.replace(LIBRARY.read_text("utf-8"), "")
    assert browser.run(code.format("table", boxes)) == own.count("<table")
    pictures = own.count("<img") - own.count('class="still"')
    assert browser.run(code.format("img", "e.getClientRects().length")) == pictures
    names = [f'<h2 id="{n}"' for n in ("learned", "gradients", "recordings", "ledger")]
    assert all(name in text for name in names)
    assert browser.complaints() == []


# Colours of all elements with words of their own, each with what lies behind it.
COLOURS = """(() => {
  const found = {};
  for (const element of document.body.querySelectorAll("*")) {
    const words = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!words || !element.getClientRects().length) continue;
    let behind = element;
    const see = () => getComputedStyle(behind).backgroundColor;
    while (see() === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    found[getComputedStyle(element).color + " on " + see()] = element.outerHTML;
  }
  return found;
})()"""
VARIABLES = """["ink", "soft", "good", "bad", "link", "page", "card"].map(
  name => getComputedStyle(document.documentElement).getPropertyValue("--" + name))"""


def luminance(channels):
    """WCAG's relative luminance of 8-bit channels."""
    parts = [c / 255 for c in channels]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


def channels(colour):
    """Of #rgb, #rrggbb or rgb(r, g, b)."""
    digits = colour.strip().removeprefix("#")
    if digits == colour.strip():
        return [int(c) for c in re.findall(r"\d+", colour)[:3]]
    digits = "".join(d * (2 if len(digits) == 3 else 1) for d in digits)
    return list(bytes.fromhex(digits))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out(browser, address, scheme):
    """WCAG AA, for every colour in use and every colour that could be."""
    assert contrast([0, 0, 0], [255, 255, 255]) == pytest.approx(21)
    browser.open(address, prefers_color_scheme=scheme)
    *inks, page, card = map(channels, browser.run(VARIABLES))
    assert (luminance(page) < 0.1) == (scheme == "dark")
    assert min(contrast(ink, back) for ink in inks for back in (page, card)) >= 4.5
    for pair, where in browser.run(COLOURS).items():
        assert contrast(*map(channels, pair.split(" on "))) >= 4.5, where


def test_recordings_stand_still_for_who_wants_it(browser, address):
    """With reduced motion stills, until films are asked for; else the reverse."""
    pictures = "[...document.querySelectorAll('.recordings .{}')]"
    code = pictures + ".map(i => i.checkVisibility())"
    for motion, shown in (("reduce", False), ("no-preference", True)):
        for scripts in (True, False):
            browser.open(address, scripts=scripts, prefers_reduced_motion=motion)
            assert set(browser.run(code.format("film"))) == {shown}
            assert set(browser.run(code.format("still"))) == {not shown}
            browser.run("document.getElementById('switch').focus()")
            browser.key(Keys.SPACE)
            assert set(browser.run(code.format("film"))) == {not shown}
            assert set(browser.run(code.format("still"))) == {shown}
            label = "document.querySelector('label[for=switch]').innerText.trim()"
            verb = "Stop" if motion == "no-preference" else "Play"
            assert browser.run(label).startswith(f"{verb} the recordings")


MARKS = """[...document.querySelectorAll("figure.live .chart")].map(chart =>
  chart.querySelectorAll("svg .mark-symbol path, svg .mark-line path").length)"""
# The opacity of every line of the first chart of learning curves.
LINES = """[...document.querySelector("figure[id^=learning_curves] .chart")
  .querySelectorAll("g.mark-line path")].map(line => line.getAttribute("opacity"))"""
ENTRY = """(() => {
  const svg = document.querySelector("figure[id^=learning_curves] svg");
  const entry = [...svg.querySelectorAll(".role-legend-entry text")].find(
    text => text.textContent === "4");
  entry.scrollIntoView({ block: "center" });
  const box = entry.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})()"""


def test_charts_stand_in_for_pictures_and_answer_to_a_click(browser, address, text):
    """Each has marks; N = 4 alone after a click on it in the legend, then all again."""
    browser.open(address)
    browser.complaints()
    marks = browser.run(MARKS)
    assert len(marks) == text.count(" data-chart>") >= 5
    assert all(marks)
    assert set(browser.run(LINES)) <= {None, "1"}
    for shown in ({"1", "0.06"}, {"1"}):
        x, y = browser.run(ENTRY)
        for kind in ("mousePressed", "mouseReleased"):
            event = {"x": x, "y": y, "button": "left", "clickCount": 1}
            browser("Input.dispatchMouseEvent", type=kind, **event)
        assert browser.complaints() == []
        assert {line or "1" for line in browser.run(LINES)} == shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_prints(browser, address, tmp_path, scheme):
    """More than one page, light, no word beyond the paper, no table cut."""
    browser.open(address, prefers_color_scheme=scheme)
    browser.run(PICTURES, promised=True)
    browser("Emulation.setEmulatedMedia", media="print")
    seen = """[...document.querySelectorAll("figure.live")].map(figure =>
      [...figure.querySelectorAll("img, .chart")].map(e => e.checkVisibility()))"""
    assert browser.run(seen)
    assert all(shown == [True, False] for shown in browser.run(seen))
    browser("Emulation.setEmulatedMedia", media="")
    printed = browser("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
    content = base64.b64decode(printed["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", content)) > 1
    if not shutil.which("pdftotext"):
        return
    file = tmp_path / "report.pdf"
    file.write_bytes(content)
    command = ["pdftotext", "-bbox", str(file), "-"]
    boxes = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    words = set()
    for page in boxes.split("<page ")[1:]:
        width = float(re.search(r'width="([\d.]+)"', page)[1])
        for right, word in re.findall(r'xMax="([\d.]+)"[^>]*>([^<]*)<', page):
            assert float(right) <= width - 20, word
            words.add(word)
    last = """[...document.querySelectorAll("tbody tr")].flatMap(
      row => [...row.cells].at(-1).innerText.split(/[^\\w.]+/)).filter(w => w)"""
    printed_words = re.split(r"[^\w.]+", " ".join(words))
    assert set(browser.run(last)) <= set(printed_words)
