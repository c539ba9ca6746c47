"""The notebooks as places to read: what JupyterLab folds (tools/folds.py), the readers' copies (tools/site/copies.py),
the links that open them (tools/site/proc.py, .binder/). JupyterLab itself: test_jupyterlab.py."""
import ast, json, re
from base64 import b64encode
import nbformat, pytest
import copies, folds, lab, notation, test_tools
from common import NBS, as_python, kernel_metadata, notebooks, read_nb, settings, source
from conftest import ROOT
from test_tools import PNG, TITLE, edit, notebook, stream, tool, write

project = test_tools.project

def fold(*lines): return '\n'.join(('#| code-fold: true', *lines))

DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
SOLUTION = fold('#| code-summary: "Solution"', '6*7')
CHAPTER = notebook('c', TITLE.format('Third'), ('#| default_exp third',), ('#| export\nimport math',),
    '## A *double* heading\n\nFirst\n\n$$ a\n= b $$ {#eq-a}\n\nand @eq-a by [@known2020].',
    (fold('#| code-summary: "Imports"', 'import sys'),),
    ('#| label: fig-b\n#| echo: false\n#| fig-cap: "Cap: $c$"\n#| fig-alt: "Alt"\nplot = 1', PNG),
    ('# checks @eq-a, mail@eq.org\nprint(math.pi)', stream('3.14\n')),
    'In @fig-b. ![Dot](images/dot.svg) [first](00_first.ipynb#eq-twice), [here](#a-double-heading), [far](https://e.org).',
    '::: {.callout-tip title="A tip"}\n$$ x\n= y $$\n:::\n\n::: {.callout-note collapse="true" title="Solution of $d$"}\nIt is *one*.\n:::',
    (SOLUTION, stream('42\n')), ('#| slow\nlong()', stream('kept\n')), ('#| export\n#| eval: false\nmain()',),
    ('open("ledger.yml").read()',), ('#| hide\nimport nbdev; nbdev.nbdev_export()',))

# ---------------------------------------------------------------- folds
@pytest.mark.parametrize('src, marks', {
    SOLUTION: ['source_hidden', 'outputs_hidden'], fold('#| code-summary: "Solution, checked"'): ['source_hidden', 'outputs_hidden'],
    fold('#| code-summary: "Imports"'): ['source_hidden'], fold(): ['source_hidden'], '#| code-fold: false': [], '6*7': [],
    '#| code-summary: "Solution"': [], 'x = 1\n#| code-fold: true': []}.items())
def test_folds(src, marks):
    nb = notebook('f', (src,))
    assert folds.fold(nb) == bool(marks)
    assert nb['cells'][0]['metadata'].get('jupyter', {}) == dict.fromkeys(marks, True)
    assert not folds.fold(nb), 'a second time there is nothing to do'
    if 'summary' in src and marks: assert source(nb['cells'][0]).startswith('#| code-summary')
    assert sorted(source(nb['cells'][0]).splitlines()) == sorted(src.splitlines())

def test_sync_folds_and_check_sees_it(project):
    "Cleaning keeps the marks, the stamp doesn't see them, and what a reader has unfolded and saved is folded again"
    nb = project/'nbs/01_second.ipynb'
    write(nb, notebook('b', TITLE.format('Second'), (SOLUTION,)))
    assert tool(project, 'sync')[0] == 0 and tool(project, 'execute')[0] == 0
    code, out = tool(project, 'check')
    assert code == 0 and nb.read_text().count('_hidden') == 2, out
    edit(nb, '"source_hidden": true', '"source_hidden": false')
    code, out = tool(project, 'check')
    assert code == 1 and 'nbs/01_second.ipynb is not folded in JupyterLab as on the site: make sync' in out and '1 problems' in out, out
    assert tool(project, 'sync')[0] == 0 and tool(project, 'check')[0] == 0

def test_every_solution_is_folded():
    assert list(folds.problems(notebooks())) == []
    cells = [c for f in notebooks() for c in read_nb(f)['cells']]
    assert sum('outputs_hidden' in c['metadata'].get('jupyter', {}) for c in cells) > 100

# ---------------------------------------------------------------- copies
@pytest.fixture
def copied(project):
    "The copy of CHAPTER: its cells by id"
    write(project/'nbs/02_third.ipynb', CHAPTER)
    (project/'nbs/images').mkdir()
    (project/'nbs/images/dot.svg').write_text(DOT)
    (project/'nbs/ledger.yml').write_text('a: 1\n')
    code, out = tool(project, 'site/copies')
    assert code == 0 and '4 copies in notebooks/, 0 problems' in out, out
    nb = nbformat.read(project/'notebooks/02_third.ipynb', 4)
    nbformat.validate(nb)
    assert nb.metadata == kernel_metadata() and (nb.nbformat, nb.nbformat_minor) == (4, 5)
    return {c.id: c for c in nb.cells}

def test_a_copy(copied):
    "Numbers, references, captions, callouts and links are resolved; directives are gone; outputs and folds stay"
    text = {k: c.source.replace('\xa0', ' ') for k, c in copied.items()}
    assert list(text) == ['c-0', 'install', 'file-ledger', *(f'c-{i}' for i in (2,3,4,5)), 'c-5-0',
                          *(f'c-{i}' for i in range(6, 13)), 'references']
    assert text['c-3'] == '## A *double* heading\n\nFirst\n\n$$ a\n= b \\tag{1}$$\n\nand Equation 1 by (Known 2020).'
    assert text['c-4'] == '# Imports\nimport sys' and text['c-5'] == 'plot = 1' and text['c-5-0'] == '**Figure 1:** Cap: $c$'
    assert text['c-6'] == '# checks (1), mail@eq.org\nprint(math.pi)' and copied['c-6'].outputs[0].text == '3.14\n'
    assert text['c-7'] == f'In Figure 1. ![Dot](data:image/svg+xml;base64,{b64encode(DOT.encode()).decode()}) [first](00_first.ipynb#cell-id=a-3), ' \
                          '[here](#A-double-heading), [far](https://e.org).'
    assert text['c-8'] == '> **A tip**\n>\n> $$ x = y $$\n\n' \
        '<details><summary>Solution of <span class="math inline">\\(d\\)</span></summary>\n\nIt is *one*.\n\n</details>'
    assert text['c-9'] == '# Solution\n6*7' and copied['c-9'].metadata.jupyter == dict(source_hidden=True, outputs_hidden=True)
    assert copied['c-5'].metadata.jupyter == dict(source_hidden=True) and copied['c-6'].metadata == {}
    assert text['c-10'].splitlines()[1:] == ['# long()'] and copied['c-10'].outputs[0].text == 'kept\n'
    assert text['c-11'] == '``` python\nmain()\n```' and text['file-ledger'] == '%%writefile ledger.yml\na: 1\n'
    assert text['references'].startswith('## References\n\nKnown, A. 2020.')

def test_copies_say_what_they_cannot_resolve(project):
    write(project/'nbs/02_third.ipynb', notebook('c', TITLE.format('Third'), 'By @eq-none and [@nobody1999].'))
    code, out = tool(project, 'site/copies')
    assert code == 1, out
    for o in ('02_third.ipynb: unresolved reference @eq-none', 'nobody1999 not found', '2 problems'): assert o in out, (o, out)

def test_the_first_cell_installs_what_is_missing(monkeypatch):
    "Nothing where all is there; the package, and what a chapter needs beside it, where not"
    def installed(nb, there):
        src, ran = copies.install(nb)['source'], []
        src = re.sub(r'%pip install -q "(.*)"', r'ran.append("\1")', src).replace('from importlib.util import find_spec', '')
        exec(src, dict(ran=ran, find_spec=lambda m: m in there))
        return ran
    nb = notebook('x', ('import torch, yaml\nfrom genmodels import DDPM\nfrom sklearn import datasets\nimport os',))
    assert installed(nb, ['genmodels', 'yaml']) == []
    assert installed(nb, []) == ['git+https://github.com/example/genmodels@main', 'pyyaml>=6']

@pytest.mark.parametrize('name', ['00_checks', '23_ddpm', 'notation'])
def test_pandoc_leaves_formulas_and_code_alone(name):
    nb, _, problems = copies.copy(NBS/f'{name}.ipynb')
    assert problems == []
    def formulas(cell):
        found = notation.formulas(source(cell).replace('\n> ', '\n'))
        return [' '.join(re.sub(r'\\tag\{\d+\}', '', f).split()) for f in found]
    new = {c['id']: c for c in nb['cells']}
    for c in read_nb(NBS/f'{name}.ipynb')['cells']:
        if c['cell_type'] == 'markdown': assert formulas(new[c['id']]) == formulas(c), c['id']
    for c in nb['cells']:
        if c['cell_type'] == 'code' and c['id'] not in ('install', 'file-notation'): ast.parse(as_python(source(c)))
        else: assert not re.search(r'^:::|\{#[a-z]+-|\{=\w+\}|\[@\w', source(c), re.M), source(c)

def test_no_copy_reads_a_file_of_the_repository():
    "Neither a path of the repository nor a file that lies beside the notebooks, unless the copy writes it first"
    beside = {f.name for f in NBS.iterdir() if f.is_file() and f.suffix != '.ipynb'}
    for f in notebooks():
        nb = read_nb(f)
        cells = [c for c in copies.prepared(nb) if c['cell_type'] == 'code']
        written = {re.match(r'%%writefile (\S+)', source(c))[1] for c in copies.beside(nb)}
        for c in cells:
            code = ast.parse(as_python(source(c)))
            words = {n.value for n in ast.walk(code) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
            bad = [w for w in words if w in beside - written or re.match(r'\.\./|(\./)?(images|nbs|tools|tests|genmodels|benchmarks)/', w)]
            assert not bad, f'{f.name}, {c["id"]}: {bad}'

# ---------------------------------------------------------------- ways in
def test_the_site_offers_every_chapter(project):
    "Under the title: Colab, Binder and the copy itself, which the site holds; what JupyterLab folds is not there"
    write(project/'nbs/01_second.ipynb', notebook('b', TITLE.format('Second'), (SOLUTION,)))
    assert tool(project, 'sync')[0] == 0
    code, out = tool(project, 'site/proc')
    assert code == 0 and 'proc: 3 notebooks' in out and '3 copies' in out, out
    assert '"jupyter"' not in (project/'_proc/01_second.ipynb').read_text()
    code, out = tool(project, 'site/build')
    assert '0 problems' in out, out
    html = (project/'_site/second.html').read_text()
    for o in ('href="https://colab.research.google.com/github/example/genmodels/blob/notebooks/01_second.ipynb"',
              'href="https://mybinder.org/v2/gh/example/genmodels/main?urlpath=lab/tree/notebooks/01_second.ipynb"',
              'href="notebooks/01_second.ipynb" download="01_second.ipynb"'): assert o in html, (o, html)
    assert json.loads((project/'_site/notebooks/01_second.ipynb').read_text())['cells'][1]['id'] == 'install'
    (project/'_site/notebooks/01_second.ipynb').unlink()
    edit(project/'settings.ini', 'git_url = https://github.com/example', 'git_url = https://gitlab.com/example')
    code, out = tool(project, 'site/proc')
    assert code == 1 and 'git_url must begin with https://github.com/' in out, out

def test_binder_installs_what_settings_say():
    lines = (ROOT/'.binder/requirements.txt').read_text().splitlines()
    packages = [o for o in lines if o and o[0] not in '#-']
    assert packages[0] == '.' and set(packages[1:]) <= set(settings()['dev_requirements'].split())
    assert 'tools/site/copies.py' in (ROOT/'.binder/postBuild').read_text() and (ROOT/'.binder/postBuild').stat().st_mode & 0o111
    assert (ROOT/'.binder/runtime.txt').read_text().strip().removeprefix('python-') >= settings()['min_python']
    needs = {m for f in notebooks() for m in copies.wanted(read_nb(f))} - {'genmodels'}
    assert needs <= {'yaml', 'diffusers'}, 'add what else chapters import to .binder/requirements.txt'

def test_lab_refuses_a_folder_that_is_not_there(monkeypatch):
    monkeypatch.setattr('sys.argv', ['lab.py', 'nowhere'])
    with pytest.raises(SystemExit, match='no such folder'): lab.main()
