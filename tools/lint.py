"""Can the code be read? What ruff finds (its rules are in ruff.toml), lines that are too wide, functions
that are too long, cells that import and compute at once. Changes nothing.

    python tools/lint.py [FILE...]          notebooks and scripts; none named: all of them

A notebook's cells are one program for ruff: a name may come from any earlier cell. A line of an
exported module is reported where it is written, in its notebook."""
import ast, json, re, subprocess, sys
from collections import namedtuple
from pathlib import Path
from common import LIB, NBS, ROOT, as_python, cell_name, notebooks, read_nb, show, source

# Characters. Lines of a `def` up to its body may be wider: a docment is as wide as it must be. Tests are
# not measured: they are lists of cases, and one case a line, with the phrase it is refused with, reads best.
WIDE = 110
# Lines of a function's body, without its docstring.
LONG = 20
# Longer ones, 'file:function', and why they may be. A network's `forward` may always: it is a list of layers.
LONGER = {}
TESTS, OTHERS = ROOT/'tests', ('tools', 'tests', 'benchmarks')

# `line` is the source: by it a line is recognised that a module has from its notebook
Problem = namedtuple('Problem', 'file place code text line')

def told(p): return f'{show(p.file)}, {p.place}: {p.code} {p.text}'

def sources():
    "Everything that is held by the rules"
    scripts = [f for d in OTHERS for f in sorted((ROOT/d).rglob('*.py')) if 'fixtures' not in f.parts]
    return notebooks() + sorted(f for f in LIB.rglob('*.py') if f.name != '_modidx.py') + scripts

# ---------------------------------------------------------------- pieces of code: (place, source) of a file
def pieces(file):
    "Name and Python source of each code cell, or of the whole file"
    if file.suffix == '.py': return [('', file.read_text(encoding='utf-8'))]
    cells = read_nb(file)['cells']
    return [(cell_name(i, c), as_python(source(c))) for i, c in enumerate(cells) if c['cell_type'] == 'code']

def at(place, line): return f'{place}, line {line}' if place else f'line {line}'

# ---------------------------------------------------------------- the looks
def ruff(files):
    "What ruff says of `files`"
    cmd = [sys.executable, '-m', 'ruff', 'check', '--no-cache', '--output-format', 'json']
    r = subprocess.run([*cmd, '--config', ROOT/'ruff.toml', *files], cwd=ROOT, text=True, capture_output=True)
    if r.returncode not in (0, 1): raise SystemExit(f'ruff failed:\n{r.stderr}')
    for o in json.loads(r.stdout):
        file, row = Path(o['filename']), o['location']['row']
        code, text = o['code'] or 'syntax', o['message']
        if code == 'F811' and text.split('`')[1] in patches(file): continue
        place, src = pieces(file)[0] if not o.get('cell') else cell(file, o['cell'] - 1)
        yield Problem(file, at(place, row), code, text, line_of(src, row))

def cell(file, i):
    "Place and source of cell `i`, of any kind"
    c = read_nb(file)['cells'][i]
    return cell_name(i, c), source(c)

def line_of(src, row): return ''.join(src.splitlines()[row-1:row])

def patches(file):
    "Methods that `@patch` has put into their class: their name is free again, though ruff can't know"
    return {n.name for _, src in pieces(file) for n in functions(parse(src))
            if any(ast.unparse(d).startswith('patch') for d in n.decorator_list)}

def parse(src):
    try: return ast.parse(src)
    except SyntaxError: return ast.Module(body=[], type_ignores=[])     # ruff tells of it

DEFS = (ast.FunctionDef, ast.AsyncFunctionDef)

def functions(tree): return [n for n in ast.walk(tree) if isinstance(n, DEFS)]

def may_be_wide(tree):
    "Numbers of the lines of signatures, and of `__all__`, which nbdev writes as wide as it likes"
    lists = [n for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == '__all__']
    return {i for f in functions(tree) for i in range(f.lineno, f.body[0].lineno)} | \
           {i for n in lists for i in range(n.lineno, n.end_lineno + 1)}

def wide(file):
    "Lines that are too wide, but for those above and for cell options such as a figure's caption"
    if file.parent == TESTS: return
    for place, src in pieces(file):
        free = may_be_wide(parse(src))
        for i, line in enumerate(src.splitlines(), 1):
            if len(line) <= WIDE or i in free or re.match(r'\s*#\s*\|', line): continue
            origin = ' (the `> line` of its notebook)' if i == 1 and written_in(file) else ''
            yield Problem(file, at(place, i), 'wide', f'{len(line)} characters, {WIDE} at most{origin}', line)

def body_lines(f):
    "Lines of a function without its signature and docstring"
    body = f.body[1:] if ast.get_docstring(f) else f.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0

def long(file):
    "Functions that are too long; a test may be as long as its cases, a module's are its notebook's"
    if file.parent == TESTS or written_in(file): return
    for place, src in pieces(file):
        for f in functions(parse(src)):
            n, name = body_lines(f), f'{file.stem}:{f.name}'
            if n <= LONG or f.name == 'forward' or name in LONGER: continue
            text = f'{f.name} has {n} lines, {LONG} at most'
            yield Problem(file, at(place, f.lineno), 'long', text, line_of(src, f.lineno))

IMPORTS = (ast.Import, ast.ImportFrom)

def mixed(file):
    "Cells that import and compute: nbdev runs them again for the site and replaces their stored outputs"
    if file.suffix != '.ipynb': return
    for place, src in pieces(file):
        kinds = {isinstance(n, IMPORTS) for n in parse(src).body}
        if kinds != {True, False} or 'nbdev_export(' in src: continue
        yield Problem(file, place, 'mixed', 'it imports and computes: imports get a cell of their own', src)

def written_in(module):
    "The notebook that a module is exported from, or None"
    if not module.is_relative_to(LIB): return None
    m = re.search(r'File to edit: (\S+\.ipynb)', module.read_text(encoding='utf-8'))
    return (module.parent/m[1]).resolve() if m else None

def problems(files):
    "What is wrong, in words; what a module has from its notebook is said of the notebook only"
    found = [*ruff(files), *(p for f in files for p in (*wide(f), *long(f), *mixed(f)))]
    in_notebooks = {(p.file, p.code, p.line) for p in found if p.file.is_relative_to(NBS)}
    origin = {f: written_in(f) for f in files}
    found.sort(key=lambda p: files.index(p.file))
    return [told(p) for p in found if (origin[p.file], p.code, p.line) not in in_notebooks]

def main():
    files = [Path(o).resolve() for o in sys.argv[1:]] or sources()
    bad = problems([f for f in files if f.suffix in ('.py', '.ipynb') and f.name != '_modidx.py'])
    for o in bad: print('  PROBLEM', o)
    print(f'lint: {len(files)} files, {len(bad)} problems')
    return bool(bad)

if __name__ == '__main__': sys.exit(main())
