"""The built site in a real browser, with the network cut: every page on desktop and phone, light and dark. Skipped where
there is no Chromium, except in CI."""
import functools, http.server, os, re, shutil, subprocess, sys, threading
import html5lib, pytest
from common import read_nb
from conftest import ROOT

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
pytestmark = pytest.mark.skipif(not CHROMIUM and not os.environ.get('CI'), reason='needs Chromium (apt install chromium)')
SITE = ROOT/'_site'
DESKTOP, PHONE = dict(width=1280, height=800), dict(width=390, height=844)

def names():
    "The pages, which `make test` has just built; built here where they are missing"
    if not (SITE/'index.html').is_file():
        for o in ('proc', 'build'): subprocess.run([sys.executable, ROOT/f'tools/site/{o}.py'], cwd=ROOT, check=True)
    return sorted(f.name for f in SITE.glob('*.html'))

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass

@pytest.fixture(scope='module')
def base():
    "The site on this machine's own loopback address"
    names()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}/'
    server.shutdown()

@pytest.fixture(scope='module')
def browser():
    from playwright.sync_api import sync_playwright
    assert CHROMIUM, 'CI needs Chromium: apt-get install chromium'
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox', '--disable-gpu'])
        yield b
        b.close()

class Visit:
    "A page that can reach nothing but the site itself, and what went wrong on it"
    def __init__(self, browser, base, name, size=DESKTOP, scheme='light'):
        self.page = browser.new_page(viewport=size, color_scheme=scheme)
        self.wrong, self.bytes = [], 0
        self.page.route('**/*', lambda r: r.continue_() if r.request.url.startswith((base, 'data:')) else r.abort())
        self.page.on('console', lambda m: self.wrong.append(m.text) if m.type == 'error' else None)
        self.page.on('pageerror', lambda e: self.wrong.append(str(e)))
        self.page.on('requestfailed', lambda r: self.wrong.append(f'failed: {r.url}'))
        self.page.on('response', self.weigh)
        self.page.goto(base + name)

    def weigh(self, r):
        if r.status >= 400: self.wrong.append(f'{r.status}: {r.url}')
        self.bytes += int(r.headers.get('content-length', 0))

    def __enter__(self): return self
    def __exit__(self, *args): self.page.close()

AXE = """what => axe.run({exclude: what}, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then(r =>
    r.violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v =>
        `${v.id}: ${v.nodes.length} times, first ${v.nodes[0].html.slice(0, 120)}`))"""

def findings(page, without):
    "What axe-core calls serious or critical on a page"
    from axe_playwright_python.base import AXE_FILE_PATH
    page.evaluate(AXE_FILE_PATH.read_text(encoding='utf-8'))
    return page.evaluate(AXE, without)

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
PAGES = pytest.mark.parametrize('name', names() if CHROMIUM else [])

@PAGES
def test_a_page_is_valid_html(name):
    html5lib.HTMLParser(strict=True).parse((SITE/name).read_text(encoding='utf-8'))

@PAGES
def test_a_page(browser, base, name):
    "Light, at 1280 px: nothing fails or asks another host, axe is content, it is painted soon and weighs little"
    with Visit(browser, base, name) as v:
        assert v.wrong == []
        assert v.bytes < 1.5e6, f'{v.bytes/1e6:.1f} MB before anything is scrolled'
        paints = []
        while not paints or paints[-1] >= 1000 and len(paints) < 3:       # the machine may be busy with something else
            if paints: v.page.reload()
            paints.append(v.page.wait_for_function(PAINTED).json_value())
        assert paints[-1] < 1000, f'first painted after {min(paints):.0f} ms'
        assert findings(v.page, ['math', 'pre'] if name != 'denoise.html' else ['math']) == []

@PAGES
def test_a_page_in_the_dark(browser, base, name):
    with Visit(browser, base, name, scheme='dark') as v:
        background = v.page.evaluate('getComputedStyle(document.body).backgroundColor')
        assert max(map(int, background[4:-1].split(','))) < 60, background      # follows the system
        assert findings(v.page, ['math', 'pre'] if name != 'denoise.html' else ['math']) == []

EQUATIONS = """[...document.querySelectorAll('.equation')].filter(o => o.offsetParent).map(o => {
    const body = o.querySelector('.equation-body'), math = body.querySelector('math').getBoundingClientRect()
    const box = body.getBoundingClientRect(), number = o.querySelector('.equation-number')?.getBoundingClientRect()
    const off = Math.abs(math.left + math.right - box.left - box.right)/2
    return {id: o.id, scrolls: body.scrollWidth > body.clientWidth + 1, off, seen: !number || number.right <= innerWidth}})"""

@PAGES
def test_a_page_on_a_phone(browser, base, name):
    "At 390 px nothing makes the page scroll sideways; equations are centred or scroll inside themselves, numbers in view"
    with Visit(browser, base, name, PHONE) as v:
        assert v.page.evaluate('document.documentElement.scrollWidth') <= 390
        for o in v.page.evaluate(EQUATIONS): assert o['seen'] and (o['scrolls'] or o['off'] < 3), o
        v.page.set_viewport_size(DESKTOP)
        for o in v.page.evaluate(EQUATIONS): assert o['seen'] and (o['scrolls'] or o['off'] < 3), o

def test_references_lead_to_equations(browser, base):
    "From the text and from a comment in the code"
    with Visit(browser, base, 'ddpm.html') as v:
        for link in ('p a.ref[href^="#eq-"]', 'code a.code-eq'):
            a = v.page.locator(link).first
            a.evaluate('o => { for (let d = o.closest("details"); d; d = d.parentElement.closest("details")) d.open = true }')
            target = a.get_attribute('href')
            a.click()
            top = v.page.locator(target).evaluate('o => o.getBoundingClientRect().top')
            assert 0 <= top < 800, (link, target, top)
        assert v.page.locator('code a.code-eq').first.inner_text().strip('()').isdigit()

@pytest.mark.parametrize('word, page', [('ELBO', 'elbo.html'), ('KL', 'gauss.html'), ('Langevin', 'score.html')])
def test_search(browser, base, word, page):
    with Visit(browser, base, 'index.html') as v:
        v.page.keyboard.press('/')
        v.page.keyboard.type(word, delay=20)
        v.page.wait_for_selector('#found a')
        found = v.page.locator('#found a').evaluate_all('a => a.map(o => o.getAttribute("href"))')
        assert any(o.startswith(page) for o in found), found
        v.page.keyboard.press('Enter')
        v.page.wait_for_url('**/*.html*')
        assert word.lower() in v.page.inner_text('main').lower()

def test_search_finds_nothing(browser, base):
    with Visit(browser, base, 'index.html') as v:
        v.page.fill('#search', 'xylophone <b>')
        v.page.wait_for_selector('#found p')
        assert v.page.inner_text('#found') == 'Nothing found.'
        v.page.press('#search', 'Escape')
        assert v.page.inner_text('#found') == ''

def test_the_theme_is_kept(browser, base):
    context = browser.new_context(color_scheme='light')
    page = context.new_page()
    page.goto(base + 'index.html')
    page.click('#theme')
    assert page.evaluate('document.documentElement.dataset.theme') == 'dark'
    page.goto(base + 'vae.html')
    assert page.evaluate('document.documentElement.dataset.theme') == 'dark'
    plot, digits = page.locator('.plot img').first, page.locator('.cell-figure:not(.plot) img').first
    assert 'invert' in plot.evaluate('o => getComputedStyle(o).filter')
    assert digits.evaluate('o => getComputedStyle(o).filter') == 'none'
    context.close()

def test_code_can_be_hidden(browser, base):
    "Folded as the page has it, all, none; the choice holds on the next page"
    context = browser.new_context()
    page = context.new_page()
    page.goto(base + 'vae.html')
    def seen(): return page.locator('main pre:visible').count()
    folded = seen()
    page.get_by_role('button', name='all', exact=True).click()
    every = seen()
    page.get_by_role('button', name='none', exact=True).click()
    assert page.locator('main div.sourceCode:visible').count() == 0 and folded < every
    page.goto(base + 'elbo.html')
    assert page.locator('main div.sourceCode:visible').count() == 0
    page.get_by_role('button', name='as folded', exact=True).click()
    assert page.locator('main div.sourceCode:visible').count() > 0
    context.close()

def test_a_film(browser, base):
    "It plays once it is seen, and button, space bar and slider stop, start and lead it"
    with Visit(browser, base, 'vae.html') as v:
        film = v.page.locator('.film').first
        film.scroll_into_view_if_needed()
        button, slider = film.get_by_role('button'), film.get_by_role('slider')
        at = lambda: int(slider.input_value())
        v.page.wait_for_function('o => o.value > 2', arg=slider.element_handle())
        button.click()
        stopped = at()
        v.page.wait_for_timeout(500)
        assert at() == stopped
        button.focus()
        v.page.keyboard.press('Space')
        v.page.wait_for_function(f'o => o.value != {stopped}', arg=slider.element_handle())
        assert film.get_by_role('img').get_attribute('alt') or film.get_by_role('img').get_attribute('aria-label')
        assert button.inner_text() or button.get_attribute('aria-label')

def test_a_film_waits_where_motion_is_unwelcome(browser, base):
    context = browser.new_context(reduced_motion='reduce')
    page = context.new_page()
    page.goto(base + 'vae.html')
    film = page.locator('.film').first
    film.scroll_into_view_if_needed()
    before = film.get_by_role('slider').input_value()
    page.wait_for_timeout(800)
    assert film.get_by_role('slider').input_value() == before
    context.close()

def test_nothing_makes_quarto_ask_other_hosts():
    "It loads two libraries for a notebook with HTML outputs; nor may a page of ours name another host to load from"
    for f in sorted((ROOT/'_proc').glob('*.ipynb')):
        kinds = {k for c in read_nb(f)['cells'] for o in c.get('outputs', []) for k in o.get('data', {})}
        assert not kinds & {'text/html', 'application/javascript', 'application/vnd.jupyter.widget-view+json'}, f.name
    for f in SITE.glob('*.html'):
        assert not re.findall(r'<(?:script|img|link|iframe)\b[^>]*(?:src|href)="https?:[^"]*"', f.read_text(encoding='utf-8'))

def test_without_scripts(browser, base):
    "All is there to read, and the menu works"
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(base + 'elbo.html')
    assert page.locator('.equation').count() > 5 and not page.locator('nav.chapters').is_visible()
    page.click('label.menu')
    assert page.locator('nav.chapters').is_visible()
    context.close()
