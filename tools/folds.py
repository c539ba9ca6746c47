"""What is folded on the site (`#| code-fold: true`) is folded in JupyterLab, too, and the line that stays
visible says what it is: `#| code-summary` comes first. Of a solution the answer is folded as well. So are
exported imports, which the site does not show. tools/sync.py sets it, tools/check.py sees where
it is missing."""
import ast, re
from common import directives, notebooks, parsed, read_nb, show, source

SUMMARY = re.compile(r'code-summary\s*:\s*["\']?(.*?)["\']?$')
FOLDED = re.compile(r'code-fold\s*:\s*true$')

def summary(cell):
    "The line that stands for a folded cell on the site, or an empty string"
    return next((m[1] for m in map(SUMMARY.match, directives(source(cell))) if m), '')

def imports(cell):
    "Is there nothing in this cell but exported imports, which the site does not show?"
    if 'export' not in directives(source(cell)): return False
    body = parsed(source(cell)).body
    return bool(body) and all(isinstance(o, (ast.Import, ast.ImportFrom)) for o in body)

def hidden(cell):
    "JupyterLab's marks of a cell, empty where nothing is folded"
    if cell['cell_type'] != 'code': return {}
    folded = any(map(FOLDED.match, directives(source(cell))))
    if not folded and not imports(cell): return {}
    is_solution = summary(cell).startswith('Solution')
    return {'source_hidden': True} | ({'outputs_hidden': True} if is_solution else {})

def summary_first(src):
    "A cell's source with the line of its summary before all others"
    lines = src.splitlines(keepends=True)
    at = next((i for i, o in enumerate(lines) if re.match(r'\s*#\s*\|\s*code-summary\s*:', o)), 0)
    return ''.join([lines[at].rstrip('\n') + '\n', *lines[:at], *lines[at+1:]]) if at else src

def fold(nb):
    "Set the marks of all cells of `nb`; has it changed?"
    changed = False
    for c in nb['cells']:
        marks = hidden(c)
        src = summary_first(source(c)) if marks else source(c)
        if c['metadata'].get('jupyter', {}) == marks and src == source(c): continue
        c['metadata'].pop('jupyter', None)
        if marks: c['metadata']['jupyter'] = marks
        c['source'], changed = src.splitlines(keepends=True), True
    return changed

def write():
    "Fold every notebook of nbs/; how many have changed"
    from execnb.nbio import dict2nb, write_nb
    changed = [(f, nb) for f, nb in ((f, read_nb(f)) for f in notebooks()) if fold(nb)]
    for f, nb in changed: write_nb(dict2nb(nb), f)
    return len(changed)

def problems(fns):
    "Notebooks in which something is folded on the site and not in JupyterLab, or the other way round"
    for f in fns:
        if fold(read_nb(f)): yield f'{show(f)} is not folded in JupyterLab as on the site: make sync'
