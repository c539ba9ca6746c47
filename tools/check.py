"""Do the notebooks, the library, README.md and the stored outputs belong together? Can the code be read
(tools/lint.py), are all symbols explained (tools/notation.py), all equations checked (tools/equations.py),
all mistakes shown (tools/mistakes.py)? Changes nothing.

    python tools/check.py [NOTEBOOK...]

The notebooks are cleaned and exported in a copy, and the copy is compared with what is here. On a build
server (CI set) git must have nothing to say about them either."""
import os, re, shutil, subprocess, sys, tempfile
from pathlib import Path
import equations, folds, lint, mistakes, notation, readme, stamp
from common import ENV, LIB, NBS, ROOT, notebooks, read_nb, show, source

def nbdev(tool, folder):
    "Run one of nbdev's tools in `folder`: what went wrong, or None"
    program, env = Path(sys.executable).parent/tool, dict(ENV, PYTHONPATH='')
    r = subprocess.run([program], cwd=folder, env=env, text=True, capture_output=True)
    said = '\n'.join(o for o in (r.stdout+r.stderr).splitlines() if o.strip())
    if r.returncode or 'Failed to clean' in said: return f'{tool} failed:\n{said}'

def in_a_copy(fns):
    "What nbdev_clean and nbdev_export would change"
    ignore = shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints', '.*.tmp')
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp).resolve()
        shutil.copy(ROOT/'settings.ini', tmp)
        for d in (NBS, LIB): shutil.copytree(d, tmp/d.name, ignore=ignore, symlinks=True)
        yield from filter(None, [nbdev(tool, tmp/NBS.name) for tool in ('nbdev_clean', 'nbdev_export')])
        for f in fns:
            cleaned = tmp/f.relative_to(ROOT)
            if f.read_bytes() != cleaned.read_bytes(): yield f'{show(f)} is not clean: make sync'
        for f in sorted({p.relative_to(base) for base in (ROOT, tmp) for p in (base/LIB.name).rglob('*.py')}):
            here, there = ROOT/f, tmp/f
            if not here.exists(): yield f'{f} is missing: make sync'
            elif here.read_bytes() != there.read_bytes():
                yield f'{f} is not what its notebook exports (edited by hand, or not exported): ' \
                      'make sync writes it from the notebook'

def modules():
    "Every module but __init__ comes from a notebook that is still there; nbdev never deletes one"
    for f in sorted(LIB.rglob('*.py')):
        if f.name in ('__init__.py', '_modidx.py'): continue
        m = re.search(r'File to edit: (\S+\.ipynb)', f.read_text(encoding='utf-8'))
        if not m: yield f'{show(f)} is not exported from a notebook'
        elif not (f.parent/m[1]).resolve().exists():
            yield f'{show(f)}: its notebook {m[1]} is gone; delete the module'

def ids(fns):
    "Every cell has an id, unique across the notebooks"
    seen = {}
    for f in fns:
        for c in read_nb(f)['cells']:
            i = c.get('id')
            if i is None: yield f'{show(f)}: a cell without id'
            elif i in seen: yield f'{show(f)}: the cell id {i} is also in {seen[i]}'
            seen[i] = show(f)

def titles(fns):
    "The title cell: a heading and one line"
    for f in fns:
        cells = read_nb(f)['cells']
        first = source(cells[0]).strip() if cells and cells[0]['cell_type'] == 'markdown' else ''
        if not re.fullmatch(r'# [^\n]+(\n+> [^\n]+)?', first):
            yield f'{show(f)}: the first cell must be `# Title` and one `> line`, nothing else'

def listed():
    "The index names every chapter"
    text = ''.join(source(c) for c in read_nb(NBS/'index.ipynb')['cells'])
    for f in notebooks():
        name = f.relative_to(NBS).as_posix()
        if f.stem == 'index' or f']({name}' in text: continue
        yield f'{show(f)} is not in the list of nbs/index.ipynb'

def git():
    "What git has not seen of the notebooks and what is made of them"
    cmd = ['git', 'status', '--porcelain', '--', 'nbs', LIB.name, 'README.md']
    r = subprocess.run(cmd, cwd=ROOT, text=True, capture_output=True)
    if r.returncode == 0: yield from (f'not committed: {o}' for o in r.stdout.splitlines())

def of_the_whole():
    "What can be asked of all notebooks together only"
    yield from modules()
    yield from listed()
    link = NBS/'_quarto.yml'
    if not (link.is_symlink() and link.resolve() == ROOT/'_quarto.yml'):
        yield 'nbs/_quarto.yml must be a symbolic link to ../_quarto.yml'
    if readme.stale(): yield 'README.md is not what nbs/index.ipynb says: make sync'
    if os.environ.get('CI'): yield from git()

def problems(fns):
    everything = set(fns) == set(notebooks())
    yield from in_a_copy(fns)
    yield from titles(fns)
    yield from folds.problems(fns)
    yield from ids(notebooks())
    for f in fns:
        nb = read_nb(f)
        why = stamp.stale(nb) or equations.unmeasured(nb)
        if why: yield f'{show(f)}: {why}: make execute NB={show(f)}'
    yield from lint.problems(lint.sources() if everything else fns)
    yield from notation.problems(fns, everything)
    yield from equations.problems(fns)
    yield from [*mistakes.problems(fns, everything), *mistakes.unshown(fns)]
    if everything: yield from of_the_whole()

def main():
    fns = notebooks(sys.argv[1:])
    bad = list(problems(fns))
    for o in bad: print('  PROBLEM', o)
    verdict = f'{len(bad)} problems' if bad else 'clean, in sync and up to date'
    print(f'check: {len(fns)} notebooks, {verdict}')
    return bool(bad)

if __name__ == '__main__': sys.exit(main())
