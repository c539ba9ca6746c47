"""The package as a user gets it: `python -m build` on the sources, the wheel installed into an environment without any
development package, and used there under fastcore 1 and under fastcore 2.

The environment (.wheel-env, about a minute and 1.1 GB the first time) is kept; a stamp renews it when requirements,
constraints or Python change."""
import hashlib, os, shutil, subprocess, sys, zipfile
from configparser import ConfigParser
import pytest
from conftest import ROOT
from common import as_python, source
import copies

WHEEL_ENV = ROOT/'.wheel-env'
PY, FASTCORE2 = WHEEL_ENV/'bin'/'python', WHEEL_ENV/'fastcore2'
SOURCES = ['settings.ini', 'setup.py', 'MANIFEST.in', 'README.md', 'LICENSE', 'CHANGELOG.md', 'CITATION.cff']
DEV = 'nbdev execnb IPython jupyterlab ghapi pytest pypandoc build'.split()

SMOKE = ROOT/'tools'/'smoke.py'

def run(*cmd, env=None, **kw):
    "Run without this tree on the path; its output is the message if it fails"
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'} | {'MPLBACKEND': 'agg'} | (env or {})
    r = subprocess.run([str(o) for o in cmd], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       stdin=subprocess.DEVNULL, **kw)
    assert r.returncode == 0, f"{' '.join(map(str, cmd[:6]))} ...\n{r.stdout[-4000:]}"
    return r.stdout

@pytest.fixture(scope='module')
def settings():
    cp = ConfigParser(delimiters=['='])
    cp.read(ROOT/'settings.ini', encoding='utf-8')
    return cp['DEFAULT']

@pytest.fixture(scope='module')
def built(tmp_path_factory):
    "(sdist, wheel) of a copy of the sources, so that nothing stale gets in"
    src, out = tmp_path_factory.mktemp('src'), tmp_path_factory.mktemp('dist')
    for o in SOURCES: shutil.copy(ROOT/o, src)
    shutil.copytree(ROOT/'genmodels', src/'genmodels', ignore=shutil.ignore_patterns('__pycache__'))
    run(sys.executable, '-m', 'build', '--no-isolation', '--outdir', out, src)
    return next(out.glob('*.tar.gz')), next(out.glob('*.whl'))

@pytest.fixture(scope='module')
def clean_env(settings, built):
    "The environment of a user, with the wheel just built"
    requirements, constraints = settings['requirements'].split(), (ROOT/'constraints.txt').read_text()
    stamp = hashlib.sha256(repr((requirements, constraints, sys.version)).encode()).hexdigest()
    ready = WHEEL_ENV/'.ready'
    if not ready.exists() or ready.read_text() != stamp:
        shutil.rmtree(WHEEL_ENV, ignore_errors=True)
        pip = [PY, '-m', 'pip', 'install', '-q', '--disable-pip-version-check']
        run(sys.executable, '-m', 'venv', WHEEL_ENV)
        run(*pip, *requirements, '-c', ROOT/'constraints.txt', cwd=ROOT)
        run(*pip, '--no-deps', '--target', FASTCORE2, 'fastcore>=2,<3')
        ready.write_text(stamp)
    run(PY, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-index', '--force-reinstall', '--no-deps', built[1])
    return WHEEL_ENV

def modules(wheel):
    names = [n for n in zipfile.ZipFile(wheel).namelist() if n.startswith('genmodels/') and n.endswith('.py')]
    return sorted(n[:-3].replace('/', '.').removesuffix('.__init__') for n in names)

def test_contents(built, settings):
    "The wheel holds the package, its mark of being typed, its licence and its run-time requirements, and nothing else"
    names = zipfile.ZipFile(built[1]).namelist()
    assert {n.split('/')[0] for n in names} == {'genmodels', f"genmodels-{settings['version']}.dist-info"}
    assert any(n.endswith('LICENSE') for n in names) and 'genmodels/py.typed' in names
    exported = {f'genmodels.{p.stem}' for p in (ROOT/'genmodels').glob('*.py') if p.stem != '__init__'}
    assert exported <= set(modules(built[1]))
    meta = next(zipfile.ZipFile(built[1]).read(n).decode() for n in names if n.endswith('METADATA'))
    needs = {o.split(': ')[1] for o in meta.splitlines() if o.startswith('Requires-Dist') and 'extra ==' not in o}
    assert needs == set(settings['requirements'].split())

def test_metadata(built):
    "What the package's page on the index is made of is in order"
    run(sys.executable, '-m', 'twine', 'check', '--strict', *built)

@pytest.mark.parametrize('major', ['1', '2'])
def test_works_alone(clean_env, built, tmp_path, major):
    "Every module imports and a model trains, saves and loads, with no development package and either fastcore"
    env = {'PYTHONPATH': str(FASTCORE2)} if major == '2' else None
    shutil.copy(SMOKE, tmp_path)
    assert 'works' in run(PY, 'smoke.py', '--fastcore', major, '--absent', *DEV, env=env, cwd=tmp_path)

def test_command(clean_env, tmp_path):
    "The console script of settings.ini"
    assert 'usage' in run(clean_env/'bin'/'genmodels', '--help', cwd=tmp_path).lower()

def test_a_chapter_runs_alone(clean_env, tmp_path):
    "The code of a reader's copy, in an empty folder: nothing is installed, no file of the repository is missed"
    nb, _, problems = copies.copy(ROOT/'nbs'/'00_files.ipynb')
    assert problems == []
    (tmp_path/'chapter.py').write_text('\n'.join(as_python(source(c)) for c in nb['cells'] if c['cell_type'] == 'code'))
    said = run(PY, 'chapter.py', cwd=tmp_path)
    assert 'is there' in said and [f.name for f in tmp_path.iterdir()] == ['chapter.py'], said

def test_requirements_agree(clean_env):
    run(PY, '-m', 'pip', 'check')
