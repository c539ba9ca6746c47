"""Which check holds which equation? Reads the notebooks' labelled equations and the cells that name them, and
refuses an equation that none names. Changes nothing.

    python tools/equations.py [NOTEBOOK...]

A check names its equation in a comment, `# checks @eq-elbo`, or in the last paragraph above it. An equation
called `eq-def-...` defines something and needs none. `make execute` measures in each check how far apart
the two sides of its comparisons are (tools/recorder.py), and stores it in the notebook's metadata, by cell,
beside the stamp. The site's list of equations is made of all this (tools/site/ledgers.py)."""
import ast, re, sys
from collections import namedtuple
from common import cell_name, directives, notebooks, parsed, read_nb, settings, show, skipped, source
import stamp

LABELLED = re.compile(r'\$\$((?:(?!\$\$).)+)\$\$\s*\{#(eq-[\w-]+)\}', re.S)
NAMED = re.compile(r'@(eq-[\w-]+)')
HOLDS = re.compile(r'(test|assert)(_\w+)?')     # calls that can fail, beside the statement `assert`

Equation = namedtuple('Equation', 'label tex checks')      # `checks`: the positions of cells

def definition(label): return label.startswith('eq-def-')

# ---------------------------------------------------------------- cells and what they name
def by_comment(src):
    "The equations that a cell's comments say it checks"
    return {label for line in re.findall(r'# checks (.*)', src) for label in NAMED.findall(line)}

def assertions(src):
    "How many statements of a cell can fail: `assert`, and calls such as `test_eq`"
    tree = parsed(src)
    lambdas = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda)]      # what test_fail tries
    tried = {id(n) for f in lambdas for n in ast.walk(f)}
    nodes = [n for n in ast.walk(tree) if id(n) not in tried]
    calls = [n.func for n in nodes if isinstance(n, ast.Call)]
    names = [getattr(f, 'id', getattr(f, 'attr', '')) for f in calls]
    return sum(isinstance(n, ast.Assert) for n in nodes) + sum(bool(HOLDS.fullmatch(o)) for o in names)

def by_prose(cells, i):
    "The equations named in the last paragraph above a cell that checks something and is not exported"
    if i == 0 or cells[i-1]['cell_type'] != 'markdown': return set()
    src = source(cells[i])
    if any(d.startswith('export') for d in directives(src)) or not assertions(src): return set()
    return set(NAMED.findall(source(cells[i-1]).strip().split('\n\n')[-1]))

def equations(nb):
    "The labelled equations of a notebook in its order; comments go before prose, of which the first counts"
    cells = nb['cells']
    code = [i for i, c in enumerate(cells) if c['cell_type'] == 'code']
    comment = {i: by_comment(source(cells[i])) for i in code}
    prose = {i: by_prose(cells, i) for i in code}
    for c in cells:
        if c['cell_type'] != 'markdown': continue
        for tex, label in LABELLED.findall(source(c)):
            told = [i for i in code if label in prose[i]][:1]
            yield Equation(label, tex.strip(), [i for i in code if label in comment[i]] or told)

# ---------------------------------------------------------------- what the checks measured
def checks(nb):
    "The cells that check an equation"
    return [nb['cells'][i] for i in sorted({i for e in equations(nb) for i in e.checks})]

def measured(nb):
    "What each check measured in the stored run, by the cell's id"
    return nb['metadata'].get(stamp.KEY, {}).get('checks', {})

def unmeasured(nb):
    "Why the list of equations would lack a number of `nb`, or None"
    flags = settings()['tst_flags'].split()
    if {c['id'] for c in checks(nb) if not skipped(c, flags)} - measured(nb).keys():
        return 'a check of an equation has not been measured'

# ---------------------------------------------------------------- what is wrong
def problems(fns):
    for f in fns:
        nb = read_nb(f)
        for e in equations(nb):
            if not e.checks and not definition(e.label):
                yield f'{show(f)}: no check names the equation {e.label}: write `# checks @{e.label}` into ' \
                      'the cell that checks it, or call it eq-def-... if it is a definition'
            for i in e.checks:
                cell = nb['cells'][i]
                if assertions(source(cell)) or measured(nb).get(cell['id'], {}).get('n'): continue
                yield f'{show(f)}, {cell_name(i, cell)}: it says that it checks {e.label}, and nothing in ' \
                      'it can fail: assert something'

def main():
    fns = notebooks(sys.argv[1:])
    bad = list(problems(fns))
    for o in bad: print('  PROBLEM', o)
    n = sum(1 for f in fns for _ in equations(read_nb(f)))
    print(f'equations: {n} in {len(fns)} notebooks, {len(bad)} problems')
    return bool(bad)

if __name__ == '__main__': sys.exit(main())
