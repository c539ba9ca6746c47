"The scripts of tools/ and the Makefile, on small projects made here: what they must refuse, they refuse by name."
import json, os, re, shutil, subprocess, sys
import pytest, yaml
import lint, readme, release, stamp
from conftest import ROOT

# ---------------------------------------------------------------- small notebooks and projects
def cell(kind, src, i, outputs=()):
    c = dict(cell_type=kind, id=i, metadata={}, source=src.splitlines(keepends=True))
    return c | dict(execution_count=None, outputs=list(outputs)) if kind == 'code' else c

def notebook(name, *cells):
    "A notebook from strings (prose), tuples (code, outputs...) and dicts"
    def made(i, c): return cell('markdown', c, i) if isinstance(c, str) else cell('code', c[0], i, c[1:])
    res = [made(f'{name}-{i}', c) for i, c in enumerate(cells)]
    kernel = dict(display_name='python3', language='python', name='python3')
    return dict(cells=res, metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)

def write(path, nb):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(nb, indent=1, ensure_ascii=False)+'\n')

def stream(text, name='stdout'): return dict(output_type='stream', name=name, text=text)

TITLE = '# {}\n\n> One line'
CHAPTER = notebook('a', TITLE.format('First'), ('#| default_exp first',), ('#| export\nimport math',), '$$ y = 2x $$ {#eq-twice}',
    ('#| exports\ndef twice(x):\n    "Twice `x`"\n    return 2*x  # a comment',), ('# checks @eq-twice\nassert twice(2) == 4\ntwice(3)',),
    ('#| export\nturn = 2*math.pi',), ('import sys',), ('print("bar", file=sys.stderr)',),
    ('#| slow\nraise SystemExit("never run")', stream('kept\n')), ('#| hide\nimport nbdev; nbdev.nbdev_export()',))
USER = notebook('b', TITLE.format('Second'), ('from genmodels.first import twice',), ('twice(21)',))
INDEX = notebook('i', '# small\n\n> One line', 'See [the first](00_first.ipynb#eq-twice) and [the second](01_second.ipynb).')

SHARED = ('styles.css', 'page.html', 'math.lua', 'favicon.svg')        # with Quarto's pages

@pytest.fixture
def project(tmp_path):
    "A project of two chapters with this tree's tools"
    (tmp_path/'genmodels').mkdir()
    shutil.copytree(ROOT/'tools', tmp_path/'tools', ignore=shutil.ignore_patterns('__pycache__'))
    for o in ('settings.ini', '_quarto.yml', 'ruff.toml'): shutil.copy(ROOT/o, tmp_path)
    (tmp_path/'genmodels'/'__init__.py').write_text('__version__ = "0.0.1"\n')
    for name, nb in (('index', INDEX), ('00_first', CHAPTER), ('01_second', USER)): write(tmp_path/f'nbs/{name}.ipynb', nb)
    (tmp_path/'nbs/_quarto.yml').symlink_to('../_quarto.yml')
    (tmp_path/'nbs/references.bib').write_text('@misc{known2020, author={Known, A.}, title={T}, year={2020}}\n')
    for o in SHARED: shutil.copy(ROOT/'nbs'/o, tmp_path/'nbs')
    return tmp_path

def tool(project, name, *args, env=None):
    env = {**os.environ, 'PYTHONPATH': str(project), **(env or {})}
    env.pop('CI', None)
    cmd = [sys.executable, f'tools/{name}.py', *map(str, args)]
    r = subprocess.run(cmd, cwd=project, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return r.returncode, r.stdout

def edit(path, old, new):
    text = path.read_text()
    assert old in text, f'{old!r} is not in {path}'
    path.write_text(text.replace(old, new))

# ---------------------------------------------------------------- make sync, execute, check
def test_the_cycle(project):
    "sync, execute, check; and what each later change makes check say"
    nb = project/'nbs/00_first.ipynb'
    assert tool(project, 'sync')[0] == 0
    assert 'def twice' in (project/'genmodels/first.py').read_text()
    code, out = tool(project, 'execute')
    assert code == 0 and '2 of 3 notebooks' in out, out
    text = nb.read_text()
    assert '"6"' in text and 'kept' in text and '"bar\\n"' not in text
    assert tool(project, 'check')[0] == 0, tool(project, 'check')
    code, out = tool(project, 'execute', '--force')
    assert code == 0 and nb.read_text() == text, 'a second run must store the same bytes'

    edit(project/'genmodels/first.py', '# a comment', '# by hand')
    code, out = tool(project, 'check')
    assert code == 1 and 'genmodels/first.py is not what its notebook exports' in out and '3 notebooks, 1 problems' in out, out
    edit(project/'genmodels/first.py', '# by hand', '# a comment')

    edit(nb, '\\"6\\"' if '\\"6\\"' in text else '"6"', '"7"')
    edit(project/'README.md', 'One line', 'Another')
    edit(project/'nbs/index.ipynb', '01_second.ipynb', '00_first.ipynb')
    (project/'genmodels/orphan.py').write_text('# File to edit: ../nbs/07_gone.ipynb\n')
    code, out = tool(project, 'check')
    for o in ('nbs/00_first.ipynb: its stored outputs are not those', 'README.md is not what', '07_gone.ipynb is gone',
              'nbs/01_second.ipynb is not in the list', 'make execute NB=nbs/00_first.ipynb'): assert o in out, (o, out)
    (project/'genmodels/orphan.py').unlink()

    edit(nb, 'return 2*x', 'return 2.0*x')
    assert tool(project, 'sync')[0] == 0
    code, out = tool(project, 'check')
    assert code == 1 and 'nbs/00_first.ipynb: its code' in out and 'nbs/01_second.ipynb: its code, or a module it imports' in out, out

def test_a_failing_notebook_is_left_alone(project):
    nb = project/'nbs/01_second.ipynb'
    assert tool(project, 'sync')[0] == 0
    edit(nb, 'twice(21)', 'y = 1\\ntwice(21)/0')
    before = nb.read_bytes()
    code, out = tool(project, 'execute', nb)
    assert code == 1 and 'FAILED nbs/01_second.ipynb, cell 2 (b-2): y = 1' in out and 'ZeroDivisionError' in out, out
    assert nb.read_bytes() == before

def test_notebooks_are_tests(project):
    "Every failure is named at the end; a hanging notebook is stopped"
    assert tool(project, 'sync')[0] == 0
    edit(project/'nbs/01_second.ipynb', 'twice(21)', 'assert twice(21) == 43')
    write(project/'nbs/02_hang.ipynb', notebook('c', TITLE.format('Third'), ('while True: pass',)))
    code, out = tool(project, 'test_notebooks', '00_first', '01_second')
    assert code == 1 and out.splitlines()[-1].strip() == 'nbs/01_second.ipynb: exit code 1', out
    assert 'AssertionError' in out and '1 of 2 passed' in out
    code, out = tool(project, 'test_notebooks', '02_hang', env={'NB_TIMEOUT': '6'})
    assert code == 1 and 'nbs/02_hang.ipynb: still running after 6 s' in out

# ---------------------------------------------------------------- lint
def found(folder, nb):
    "What lint says of a notebook"
    write(folder/'00_x.ipynb', nb)
    return [o.removeprefix(f'{folder}/') for o in lint.problems([folder/'00_x.ipynb'])]

def test_a_readable_notebook_passes(tmp_path):
    "Signatures and captions may be wide, methods patched into classes may share a name, a star brings names along"
    wide = 'x'*120
    nb = notebook('l', TITLE.format('Fine'), (f'def f(\n    x, # {wide}\n)->int: # {wide}\n    return x',), (f'#| fig-cap: {wide}\nf(1)',),
        ('from fastcore.basics import patch',), ('class A: pass',), ('@patch\ndef f(self:A): return 1',), ('f = 2',), ('%time f',),
        ('from math import *',), ('cos(pi)',), ('import nbdev; nbdev.nbdev_export()',))
    assert found(tmp_path, nb) == []

@pytest.mark.parametrize('src, says', {
    'import os': 'line 1: F401 `os` imported but unused',
    'print(y)': 'line 1: F821 Undefined name `y`',
    'def f():\n    x = 1\n    return 2': 'line 2: F841 Local variable `x` is assigned to but never used',
    'def f(a=[]): return a': 'line 1: B006',
    'def f(): return 1\n\ndef f(): return 2': 'line 3: F811 Redefinition of unused `f`',
    'try: f = 1\nexcept: f = 2': 'line 2: E722',
    'try: f = 1\nexcept OSError: raise ValueError("no")': 'line 2: B904',
    '1 is 1': 'line 1: F632',
    'x = 1\nx = "' + 'y'*120 + '"': 'line 2: wide 126 characters, 110 at most',
    'def f(x):\n    "Doc"\n' + '    x += 1\n'*21: 'line 1: long f has 21 lines, 20 at most',
    'import math\nmath.pi': 'mixed it imports and computes',
    'x = ': 'line 1: ',
}.items())
def test_lint_names_notebook_cell_and_line(tmp_path, src, says):
    said, = found(tmp_path, notebook('l', TITLE.format('Bad'), ('x = 0',), (src,)))
    assert said.startswith('00_x.ipynb, cell 2 (l-2)') and says in said, said

def test_lint_says_a_line_once(project):
    "A module repeats its notebook's lines: they are named where they are written; what only the module lacks is named there"
    assert tool(project, 'sync')[0] == 0
    edit(project/'nbs/00_first.ipynb', 'turn = 2*math.pi', 'turn = 1 + ' + '1*'*60 + 'math.pi')
    edit(project/'nbs/00_first.ipynb', '"import math"', '"import math, sys"')
    edit(project/'nbs/00_first.ipynb', '"import sys"', '"pass"')      # the lesson still uses sys, the module does not
    assert tool(project, 'sync')[0] == 0
    code, out = tool(project, 'lint')
    assert code == 1 and out.count('PROBLEM') == 2 and out.rstrip().endswith('files, 2 problems'), out
    for o in ('nbs/00_first.ipynb, cell 6 (a-6), line 2: wide 138 characters', 'genmodels/first.py, line 9: F401 `sys`'):
        assert o in out, (o, out)

# ---------------------------------------------------------------- release
def test_a_release_needs_one_version_everywhere(project):
    "Tag, settings, package, citation and changelog agree, and the placeholders are gone"
    assert len({version for _, version in release.stated()}) == 1, 'this tree contradicts itself'
    for o in ('CITATION.cff', 'CHANGELOG.md'): shutil.copy(ROOT/o, project)
    code, out = tool(project, 'release', 'v0.0.2')
    for o in ('settings.ini says 0.0.1, the tag says v0.0.2', 'CITATION.cff says 0.0.1', 'genmodels/__init__.py says',
              'CHANGELOG.md has no heading "## 0.0.2', 'git_url is still a placeholder'): assert code == 1 and o in out, (o, out)
    edit(project/'settings.ini', 'example', 'somebody')
    edit(project/'CHANGELOG.md', '## 0.0.1 (unreleased)', '## 0.0.1 (2026-12-01)')
    assert tool(project, 'release', 'v0.0.1') == (0, 'release: v0.0.1, may go out\n')

def test_what_github_and_git_read_is_there():
    "YAML that parses; hooks and workflows call scripts that exist"
    files = [ROOT/'.pre-commit-config.yaml', ROOT/'CITATION.cff', *sorted((ROOT/'.github').rglob('*.yml'))]
    for f in files: assert isinstance(yaml.safe_load(f.read_text()), dict), f
    called = {o for f in files for o in re.findall(r'(?<![\w/])(?:tools|\.ci)/\w+(?:\.py)?', f.read_text())}
    assert called >= {'tools/check.py', 'tools/lint.py', 'tools/release.py', 'tools/smoke.py', '.ci/run'}
    for o in called: assert (ROOT/o).is_file(), f'{o} is called and not there'

# ---------------------------------------------------------------- the stamp
def test_stamp(tmp_path, monkeypatch):
    "Comments, captions and prose don't make outputs stale; code, and modules imported at any distance, do"
    lib = tmp_path/'genmodels'
    lib.mkdir()
    monkeypatch.setattr(stamp, 'LIB', lib)
    (lib/'near.py').write_text('__all__ = ["near"]\nfrom .far import far\ndef near(): return far()\n')
    (lib/'far.py').write_text('__all__ = ["far"]\ndef far(): return 1\n')
    (lib/'other.py').write_text('__all__ = ["other"]\nother = 1\n')
    def code(src): return stamp.code_hash(notebook('s', ('#| fig-cap: a\nfrom genmodels import near',), (src,)))
    first = code('x = "#1"')
    assert stamp.needed('from genmodels import near') == ['far', 'near']
    assert stamp.needed('import genmodels.other') == ['other']
    assert code('#| fig-alt: b\n\nx = "#1"  # why') == first
    assert code('x = "#2"') != first
    (lib/'other.py').write_text('other = 2\n')
    assert code('x = "#1"') == first
    (lib/'far.py').write_text('__all__ = ["far"]\ndef far(): return 2\n')
    assert code('x = "#1"') != first

def test_sync_writes_nothing_of_a_broken_chapter(project):
    "nbdev alone would stop half-way, with modules and index lost"
    assert tool(project, 'sync')[0] == 0
    made = {f: f.read_bytes() for f in (project/'genmodels').iterdir() if f.is_file()}
    edit(project/'nbs/00_first.ipynb', 'return 2*x', 'return 2*(x')
    code, out = tool(project, 'sync')
    assert code == 1 and 'nbs/00_first.ipynb, cell' in out and 'nothing written' in out and 'Traceback' not in out, out
    assert made == {f: f.read_bytes() for f in (project/'genmodels').iterdir() if f.is_file()}

# ---------------------------------------------------------------- the site
def page(project, name, *cells):
    "A notebook as nbdev prepares it"
    nb = notebook(name, *cells)
    front = f'---\ntitle: {name}\ndescription: d\noutput-file: {name}.html\n---'
    nb['cells'].insert(0, cell('raw', front, f'{name}-r'))
    write(project/f'_proc/{name}.ipynb', nb)

def site(project, **pages):
    pages = {'index': ['Home.'], **pages}
    proc = project/'_proc'
    shutil.rmtree(proc, ignore_errors=True)
    for name, cells in pages.items(): page(project, name, *cells)
    for o in ('_quarto.yml', 'nbs/references.bib', *(f'nbs/{o}' for o in SHARED)): shutil.copy(project/o, proc)
    (proc/'nbdev.yml').write_text('website: {title: t, site-url: "https://e.org/t"}\n')
    part = dict(section='Part', contents=[f'{o}.ipynb' for o in pages])
    (proc/'sidebar.yml').write_text(json.dumps(dict(website=dict(sidebar=dict(contents=[part])))))
    code, out = tool(project, 'site/build')
    return code, out, {o: (project/f'_site/{o}.html').read_text() for o in pages}

PNG = dict(output_type='display_data', metadata={}, data={'image/png': 'iVBORw0KGgo=', 'text/plain': ['<Figure>']})

def test_site(project):
    "Equations, figures, references between pages, citations, callouts and folded code come out as Quarto shows them"
    code, out, html = site(project,
        one=['$$ a $$ {#eq-one}\n\nand $$ b $$ {#eq-two}', 'By @eq-two, [-@eq-one] and [@known2020].',
             ('#| label: fig-x\n#| fig-cap: "Cap: $a$"\n#| fig-alt: "Alt <text>"\nplot()', PNG), 'In @fig-x.',
             '::: {.callout-tip collapse="true"}\n## Solution\nIt is 1.\n:::',
             ('#| code-fold: true\n#| code-summary: Show\n1', stream('<b>\n')),
            ('#| echo: false\nhidden()',), ('#| include: false\ngone()', stream('gone'))],
        two=['[The first](one.ipynb#eq-two), [its page](https://e.org/t/one.html).'])
    assert code == 0 and '3 pages' in out, out
    one, two = html['one'], html['two']
    for o in ('id="eq-two"', '(2)', 'href="#eq-two"', 'Equation\u00a02', 'id="fig-x"', 'alt="Alt &lt;text&gt;"', 'Figure\u00a01:',
              'href="#fig-x"', '<details class="callout callout-tip">', '<summary>', 'Solution', '<details class="code-fold">',
              '&lt;b&gt;', 'References', 'href="two.html"'): assert o in one, o
    assert 'hidden()' not in one and 'gone' not in one
    assert 'href="one.html#eq-two"' in two and 'href="one.html"' in two and 'https://e.org' not in two

def test_site_refuses(project):
    "Each mistake is told with its page"
    bad = dict(output_type='error', ename='ValueError', evalue='oops', traceback=[])
    code, out, _ = site(project, cite=['[@unknown1999]'], ref=['@eq-none'], twice=['$$ a $$ {#eq-a}\n\n$$ b $$ {#eq-a}'],
        tex=['$\\frac{1$'], link=['[x](gone.ipynb)'], anchor=['[x](cite.ipynb#eq-gone)'], image=['![x](gone.png)'],
        error=[('1/0', bad)], alt=[('plot()', PNG)], comment=[('# checks @eq-lost\n1',)],
        empty=[('#| label: fig-e\n#| fig-cap: c\nplot()',)])
    assert code == 1
    for o in ('cite.ipynb: Citeproc: citation unknown1999 not found', 'ref.ipynb: unresolved reference @eq-none',
              'twice.ipynb: the label eq-a is given twice', 'tex.ipynb: Could not convert TeX',
              'link.html: broken link gone.ipynb', 'anchor.html: no such anchor cite.html#eq-gone',
              'image.html: broken link gone.png', 'error.ipynb: stored error output in cell 1: ValueError: oops',
              'alt.ipynb: a figure without', 'comment.ipynb: a code comment names @eq-lost',
              'empty.ipynb: fig-e has no stored figure'): assert o in out, (o, out)

def test_readme(project, monkeypatch):
    monkeypatch.setattr(readme, 'NBS', project/'nbs')
    links = '[a]({}00_first.ipynb#x) [b](https://e.org/c.ipynb)'
    write(project/'nbs/index.ipynb', notebook('i', '# small\n\n> One line', links.format(''), ('1+1', stream('2\n')),
        ('#| label: fig-x\n#| fig-alt: "A curve."\nplot()', PNG), ('#| hide\nx()',)))
    blocks = '```python\n1+1\n```', '```\n2\n```', '```python\nplot()\n```', '![A curve.](nbs/images/fig-x.png)\n'
    assert readme.render() == '\n\n'.join(['# small', '> One line', links.format('nbs/'), *blocks])

# ---------------------------------------------------------------- the Makefile's set-up
FAKE = '''#!/bin/sh
# stands for python3: `-m venv DIR` makes an environment whose pip does what $PIP says
case "$*" in
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; echo venv >> log;;
  *"pip install"*) echo "pip $PIP" >> log; test "$PIP" = works;;
esac
'''

def test_setup_is_done_once_and_repairs_itself(tmp_path):
    for o in ('Makefile', 'settings.ini', 'setup.py', 'constraints.txt'): shutil.copy(ROOT/o, tmp_path)
    fake = tmp_path/'python'
    fake.write_text(FAKE)
    fake.chmod(0o755)
    def make(pip):
        env = {k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL')}
        (tmp_path/'log').write_text('')
        r = subprocess.run(['make', 'setup', f'PYTHON={fake}'], cwd=tmp_path, env={**env, 'PIP': pip}, text=True, capture_output=True)
        return r.returncode, (tmp_path/'log').read_text().split('\n')[:-1]
    code, log = make('fails')
    assert code != 0 and log == ['venv', 'pip fails'] and not (tmp_path/'.venv/.ready').exists()
    assert make('works') == (0, ['venv', 'pip works']), 'after an interruption, start over'
    assert make('works') == (0, []), 'once'
    later = (tmp_path/'.venv/.ready').stat().st_mtime + 10
    os.utime(tmp_path/'settings.ini', (later, later))
    assert make('works') == (0, ['pip works']), 'a changed settings.ini installs again, into the same environment'
