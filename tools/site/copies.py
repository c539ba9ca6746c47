"""Writes reader's copies of all chapters into notebooks/. What only Quarto shows is resolved: numbers of
equations and figures, references, citations, callouts, captions. What only nbdev reads is gone. A first cell
installs the package where it is missing. Each copy runs alone, in any folder, in any notebook program.

    python tools/site/copies.py"""
import ast, json, re, shutil, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import pypandoc
HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
import folds
from common import (COPIES, NBS, kernel_metadata, notebooks, parsed, read_nb, settings, show, skipped,
                    source, write_nb)
from page import listed, options, special

# How pandoc reads a chapter, and what it may write: the Markdown that every notebook program shows.
READER = 'ipynb+citations+fenced_divs+fenced_code_attributes+raw_attribute+header_attributes' \
         '+link_attributes+table_captions'
WRITER = 'ipynb-raw_attribute'

# A module of another name than the package that has it.
PACKAGES = {'yaml': 'pyyaml', 'sklearn': 'scikit-learn', 'PIL': 'pillow'}
# Modules that only a cell imports which is not copied, or that come with scikit-learn.
BROUGHT = ('nbdev', 'scipy')
HIDDEN = {'source_hidden': True}
SLOW = 'This takes long: take the marks # away to run it.'

def cell(kind, id, src, hide=False):
    "A new cell"
    c = dict(cell_type=kind, id=id, metadata={}, source=src)
    if hide: c['metadata'] = {'jupyter': HIDDEN}
    return c | dict(execution_count=None, outputs=[]) if kind == 'code' else c

# ---------------------------------------------------------------- the first cells
def imported(nb):
    "The packages that a notebook's code imports"
    trees = [parsed(source(c)) for c in nb['cells'] if c['cell_type'] == 'code']
    nodes = [n for tree in trees for n in ast.walk(tree)]
    names = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names] + \
            [n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module]
    return {o.split('.')[0] for o in names}

def name(requirement): return re.split(r'[<>=~!]', requirement)[0].lower()

def wanted(nb):
    "What a chapter needs: module -> what pip installs. The package, and what it alone does not bring"
    s = settings()
    ours = {name(o) for o in s['requirements'].split()}
    others = {name(o): o for o in s['dev_requirements'].split()}
    found = {m: PACKAGES.get(m, m) for m in sorted(imported(nb))}
    extra = {m: others[p] for m, p in found.items() if p in others and p not in ours and m not in BROUGHT}
    return {s['lib_name']: f"git+{s['git_url']}@{s['branch']}"} | extra

def install(nb):
    "The first cell"
    lines = ['# Installs what is missing here and does nothing else', 'from importlib.util import find_spec']
    for module, what in wanted(nb).items():
        lines += [f"if not find_spec('{module}'):", f'    %pip install -q "{what}"']
    return cell('code', 'install', '\n'.join(lines), hide=True)

def beside(nb):
    "Cells that write the files of nbs/ which the code reads, so that the copy runs alone"
    code = '\n'.join(source(c) for c in nb['cells'] if c['cell_type'] == 'code')
    for f in sorted(o for o in NBS.iterdir() if o.suffix in ('.yml', '.bib', '.css') and o.name in code):
        src = f'%%writefile {f.name}\n' + f.read_text(encoding='utf-8')
        yield cell('code', f'file-{f.stem}', src, hide=True)

# ---------------------------------------------------------------- a chapter's cells, before pandoc
def commented(src, why): return '\n'.join([f'# {why}', *(f'# {o}'.rstrip() for o in src.splitlines())])

def code(c):
    "A code cell without directives, with the captions of its figures below"
    opts, src = options(source(c))
    if 'nbdev_export(' in src or not src.strip(): return
    if opts.get('eval') is False:
        yield cell('markdown', c['id'], f'```python\n{src}\n```')
        return
    if skipped(c, settings()['tst_flags'].split()): src = commented(src, SLOW)
    marks = folds.hidden(c) or (HIDDEN if opts.get('echo') is False else {})
    line = f"# {opts['code-summary']}\n" if marks and opts.get('code-summary') else ''
    yield c | dict(source=line + src, metadata={'jupyter': marks} if marks else {})
    for i, caption in enumerate(listed(opts.get('fig-cap'))):
        label = opts.get('label', '') if i == 0 else ''
        yield cell('markdown', f"{c['id']}-{i}", special(label=label, caption=str(caption), alt='', html=''))

def prepared(nb):
    for c in nb['cells']:
        if c['cell_type'] == 'code': yield from code(c)
        else: yield c

# ---------------------------------------------------------------- pandoc, and afterwards
def through_pandoc(nb):
    "Numbers, references and citations resolved; and pandoc's complaints"
    cmd = [pypandoc.get_pandoc_path(), '-f', READER, '-t', WRITER, '--wrap=none',
           '--lua-filter', HERE/'site.lua', '--citeproc', '--bibliography', NBS/'references.bib',
           '--lua-filter', HERE/'copies.lua']
    cells = [c | dict(outputs=[]) if c['cell_type'] == 'code' else c for c in nb['cells']]
    text = json.dumps(nb | dict(cells=cells, metadata={}))
    r = subprocess.run(cmd, input=text, text=True, encoding='utf-8', capture_output=True, cwd=NBS,
                       timeout=120)
    if r.returncode: raise SystemExit(f'pandoc failed:\n{r.stderr}')
    return json.loads(r.stdout), r.stderr.strip().splitlines()

def restored(cells, before):
    "Outputs as they were, and an id for the cell of references"
    outputs = {c['id']: c['outputs'] for c in before if c['cell_type'] == 'code'}
    for c in cells:
        if c['id'] not in {o['id'] for o in before}: c['id'] = 'references'
        if c['cell_type'] == 'code': c |= dict(outputs=outputs[c['id']], execution_count=None)
        yield c

def copy(fn):
    "A chapter's copy, what pandoc says of it"
    nb = read_nb(fn)
    before = list(prepared(nb))
    new, said = through_pandoc(nb | dict(cells=before))
    labels = new['metadata'].pop('labels', {})
    first = [install(nb), *beside(nb)]
    cells = list(restored(new['cells'], before))
    cells = cells[:1] + first + cells[1:]
    return dict(cells=cells, metadata=kernel_metadata(), nbformat=4, nbformat_minor=5), labels, said

def relinked(text, labels):
    "Links to labels of other chapters lead to the cells in which these are"
    def to(m):
        known = labels.get(m[1], {}).get(m[2])
        return f"]({m[1]}" + (f"#cell-id={known['cell']}" if known else '') + ')'
    return re.sub(r'\]\(([\w-]+\.ipynb)#([^)\s]+)\)', to, text)

def write(name, nb, labels):
    for c in nb['cells']:
        if c['cell_type'] == 'markdown': c['source'] = relinked(source(c), labels)
    write_nb(nb, COPIES/name)

def main():
    fns = notebooks()
    with ThreadPoolExecutor(2) as pool: made = {f.name: o for f, o in zip(fns, pool.map(copy, fns))}
    labels = {n: o[1] for n, o in made.items()}
    shutil.rmtree(COPIES, ignore_errors=True)
    COPIES.mkdir()
    for n, (nb, _, _) in made.items(): write(n, nb, labels)
    problems = [f'{n}: {o}' for n, (_, _, said) in made.items() for o in said]
    for o in problems: print('  PROBLEM', o)
    hint = '' if problems else f'; make lab DIR={show(COPIES)} opens them'
    print(f'notebooks: {len(made)} copies in {show(COPIES)}/, {len(problems)} problems{hint}')
    return bool(problems)

if __name__ == '__main__': sys.exit(main())
