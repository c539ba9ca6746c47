"""JupyterLab itself, once, in a headless browser: a chapter is opened, is unchanged, has its solutions folded, and runs.
Without Chromium or Chrome the test is skipped, but not on a build server (CI set)."""
import json, os, re, shutil, socket, subprocess, sys, time
from urllib.error import URLError
from urllib.request import urlopen
import pytest
from common import read_nb, source
from conftest import ROOT

CHAPTER, TOKEN = '00_files.ipynb', 'reader'
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome')
FLAGS = ['--no-sandbox', '--disable-gpu']
SECOND = 1000        # of Playwright, which counts in milliseconds

def browser():
    "The path of a browser"
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found: return found
    why = 'no browser: install Chromium (Debian: apt install chromium) or Chrome to try the notebooks in JupyterLab'
    if os.environ.get('CI') == 'true': pytest.fail(why)
    pytest.skip(why)

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]

def wait_for(url, process, log, seconds=60):
    "Until the server answers"
    end = time.time() + seconds
    while time.time() < end:
        assert process.poll() is None, log.read_text()
        try: return urlopen(url, timeout=5).read()
        except (URLError, OSError): time.sleep(.2)
    pytest.fail(f'JupyterLab did not start in {seconds} s:\n{log.read_text()}')

@pytest.fixture
def lab(tmp_path):
    "`make lab` on a copy of the project, with settings, runtime files and kernels of its own: the address of a notebook"
    browser()
    folder, log, port = tmp_path/'nbs', tmp_path/'log', free_port()
    ignore = shutil.ignore_patterns('.ipynb_checkpoints', '_quarto.yml', '__pycache__', 'models', 'data')
    for o in ('nbs', 'genmodels'): shutil.copytree(ROOT/o, tmp_path/o, ignore=ignore)
    shutil.copy(ROOT/'settings.ini', tmp_path)      # the last cell exports the module
    names = ('JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'JUPYTERLAB_SETTINGS_DIR', 'JUPYTERLAB_WORKSPACES_DIR', 'IPYTHONDIR')
    env = {**os.environ, 'PYTHONPATH': str(ROOT), **{o: str(tmp_path/o.lower()) for o in names}}
    options = ['--no-browser', '--allow-root', '--ServerApp.port_retries=0', f'--ServerApp.port={port}', f'--IdentityProvider.token={TOKEN}',
               '--LabApp.news_url=None', '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate',
               '--LabApp.expose_app_in_browser=True']
    with log.open('w') as f:
        process = subprocess.Popen([sys.executable, ROOT/'tools/lab.py', folder, *options], env=env, cwd=tmp_path, stdout=f, stderr=f)
    try:
        wait_for(f'http://127.0.0.1:{port}/api/status?token={TOKEN}', process, log)
        yield lambda name: f'http://127.0.0.1:{port}/lab/tree/{name}?token={TOKEN}'
    finally:
        process.terminate()
        try: process.wait(20)
        except subprocess.TimeoutExpired: process.kill()

@pytest.fixture
def page(lab):
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=browser(), args=FLAGS)
        page = b.new_page(viewport=dict(width=1200, height=900))
        page.goto(lab(CHAPTER))
        page.locator('.jp-Notebook-ExecutionIndicator[data-status=idle]').wait_for(timeout=60*SECOND)
        yield page
        b.close()

def is_changed(page): return page.locator('.lm-TabBar-tab.jp-mod-dirty').count() > 0

def model(page):
    "The notebook as JupyterLab has it"
    return page.evaluate('window.jupyterapp.shell.currentWidget.context.model.toJSON()')

def cells_of(page): return {c['id']: c for c in model(page)['cells']}

def errors(page):
    "What cells have raised, as 'id: Name: value'"
    found = [(i, o) for i, c in cells_of(page).items() for o in c.get('outputs', []) if o['output_type'] == 'error']
    return [f"{i}: {o['ename']}: {o['evalue']}" for i, o in found]

def solutions():
    "Ids of the chapter's solutions that have an answer"
    cells = [c for c in read_nb(ROOT/'nbs'/CHAPTER)['cells'] if c['cell_type'] == 'code' and c['outputs']]
    return [c['id'] for c in cells if re.match(r'#\| code-summary: "Solution', source(c))]

def run_all(page):
    "The menu's Run All Cells, until no cell waits"
    page.get_by_role('menuitem', name='Run', exact=True).click()
    page.get_by_role('menuitem', name='Run All Cells', exact=True).click()
    done = """() => { const w = jupyterapp.shell.currentWidget
        return w.context.sessionContext.session.kernel.status == 'idle' &&
            w.content.widgets.every(c => !c.promptNode || !c.promptNode.textContent.includes('*')) &&
            w.content.widgets.some(c => c.model.executionCount) }"""
    page.wait_for_function(done, timeout=60*SECOND)

def test_a_chapter_in_jupyterlab(page):
    "Unchanged when opened; solutions folded with their answers, and unfolded by a click; every cell runs"
    page.wait_for_timeout(2*SECOND)     # what JupyterLab adds on opening comes after the kernel is ready
    assert not is_changed(page), 'it is marked as changed although it was only opened: ' + json.dumps(model(page)['metadata'])

    first = solutions()[0]
    where = f'jupyterapp.shell.currentWidget.content.widgets.find(c => c.model.id == "{first}")'
    page.evaluate(f'async () => jupyterapp.shell.currentWidget.content.scrollToCell({where})')
    cell = page.locator('.jp-Notebook-cell').filter(has_text='#| code-summary: "Solution').first
    cell.wait_for()
    assert cell.locator('.cm-content:visible').count() == 0 and cell.locator('.jp-OutputArea-output:visible').count() == 0
    cell.locator('.jp-InputPlaceholder').click()
    cell.locator('.jp-OutputPlaceholder').click()
    cell.locator('.cm-content').wait_for()
    cell.locator('.jp-OutputArea-output').first.wait_for()

    run_all(page)
    assert errors(page) == []
    counts = [c['execution_count'] for c in cells_of(page).values() if c['cell_type'] == 'code' and ''.join(c['source']).strip()]
    assert all(counts), counts
