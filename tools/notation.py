"""Does the ledger of symbols, nbs/notation.yml, know every letter of the notebooks' formulas and every Greek
argument of the library? A guard, not a parser of TeX. Changes nothing.

    python tools/notation.py [NOTEBOOK...]

A symbol is a Greek letter, a Latin letter or a letter in a face of its own (`\\mathcal L`), without its
indices and accents. An entry holds in the chapters that it names, or everywhere."""
import ast, re, sys
import yaml
from common import LIB, NBS, cell_name, notebooks, read_nb, show, source

LEDGER, PAGE = NBS/'notation.yml', NBS/'notation.ipynb'
GREEK = ('alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon '
         'phi chi psi omega').split()
LETTERS = {rf'\{o}' for g in GREEK for o in (g, f'var{g}', g.title(), f'var{g.title()}')} | {r'\ell'}
# Words of an argument's name that make it a symbol: a Greek letter, our short form of one, more than one.
NAMES = {f'{g}{s}' for g in (*GREEK, 'eps', 'lam', 'sig') for s in ('', 's')}

def entries(file):
    "The entries of a ledger, of all its parts"
    parts = yaml.safe_load(file.read_text(encoding='utf-8'))
    return [e for part in parts.values() for e in part]

def chapter(file):
    "What the ledger calls a notebook: its name without the number"
    return re.sub(r'^\d+_', '', file.stem)

# ---------------------------------------------------------------- the symbols of a text
CODE = re.compile(r'^(```|~~~).*?^\1|`[^`\n]+`', re.M | re.S)
MATH = re.compile(r'\$\$(.+?)\$\$|(?<![\\$])\$(?!\s)([^$\n]+?)\$', re.S)
# No symbols: a line break, and what stands behind one of these commands, in braces or one letter of it
NAMED = r'text\w*|math(?:rm|it|tt)|operatorname\*?|label|tag|begin|end|[hv]space|phantom'
WORDS = re.compile(rf'\\\\|\\(?:{NAMED})(?:\s*\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}|\s+[A-Za-z])')
FACE = re.compile(r'\\(mathcal|mathbb|mathbf|mathsf|mathfrak|boldsymbol|bm)(?![A-Za-z])'
                  r'\s*(?:\{\s*(\\?[A-Za-z]+)\s*\}|(\\[A-Za-z]+|[A-Za-z]))')
TOKEN = re.compile(r'\\[A-Za-z]+|[A-Za-z]')

def formulas(text):
    "The formulas of a Markdown text"
    return [a or b for a, b in MATH.findall(CODE.sub(' ', text))]

def symbols(formula):
    "The symbols of a formula, each once"
    formula = WORDS.sub(' ', formula)
    faced = [f'\\{face} {a or b}' for face, a, b in FACE.findall(formula)]
    plain = [o for o in TOKEN.findall(FACE.sub(' ', formula)) if len(o) == 1 or o in LETTERS]
    return list(dict.fromkeys(faced + plain))

def known(ledger, name):
    "The symbols that have an entry for a chapter"
    return {s for e in ledger if e['chapters'] == 'everywhere' or name in e['chapters'] for s in e['tex']}

def in_formulas(file, ledger):
    "The symbols of a notebook that the ledger lacks"
    ours = known(ledger, chapter(file))
    for i, c in enumerate(read_nb(file)['cells']):
        if c['cell_type'] != 'markdown': continue
        found = dict.fromkeys(s for f in formulas(source(c)) for s in symbols(f))
        for s in found:
            if s in ours: continue
            yield f'{show(file)}, {cell_name(i, c)}: the symbol {s} has no entry for ' \
                  f'{chapter(file)!r} in {LEDGER.name}'

# ---------------------------------------------------------------- the arguments of the library
def public(tree):
    "Public functions of a module and methods of its classes, with `__init__`"
    owners = [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name[0] != '_')]
    return [n for o in owners for n in o.body if isinstance(n, ast.FunctionDef)
            and (n.name[0] != '_' or n.name == '__init__')]

def in_arguments(file, ledger):
    "The Greek arguments of a module that the ledger has under no symbol"
    ours = {c for e in ledger for c in e.get('code', [])}
    for f in public(ast.parse(file.read_text(encoding='utf-8'))):
        for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs):
            if a.arg in ours or not NAMES & set(a.arg.split('_')): continue
            yield f'{show(file)}, {f.name}: the argument {a.arg} is the code of no entry in {LEDGER.name}'

# ---------------------------------------------------------------- the page
def stale(ledger):
    "Was the page made of this ledger? Its stored tables have one row for each entry"
    data = [o.get('data', {}) for c in read_nb(PAGE)['cells'] for o in c.get('outputs', [])]
    rows = '\n'.join(''.join(d.get('text/markdown', '')) for d in data).splitlines()
    made = [r for r in rows if re.match(r'\| \$.*\| .*\| .*\| .*\|', r)]
    return len(made) != len(ledger) or any(e['meaning'] not in '\n'.join(made) for e in ledger)

def problems(fns, everything=True):
    "What is wrong, in words; a project without a ledger has nothing to compare with"
    if not LEDGER.exists(): return
    ledger = entries(LEDGER)
    for f in fns: yield from in_formulas(f, ledger)
    if not everything: return
    for f in sorted(LIB.glob('[!_]*.py')): yield from in_arguments(f, ledger)
    if stale(ledger):
        yield f'{show(PAGE)} was not made of {LEDGER.name}: make execute FORCE=1 NB={show(PAGE)}'

def main():
    fns = notebooks(sys.argv[1:])
    bad = list(problems(fns, not sys.argv[1:]))
    for o in bad: print('  PROBLEM', o)
    print(f'notation: {len(fns)} notebooks, {len(bad)} problems')
    return bool(bad)

if __name__ == '__main__': sys.exit(main())
