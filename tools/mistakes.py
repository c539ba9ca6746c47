"""Are the mistakes that real code made, nbs/mistakes.yml, those that the chapters show? Changes nothing.

    python tools/mistakes.py [NOTEBOOK...]

A comment on a line of its own, `# mistake: mean-over-pixels`, marks a cell that shows one; the name is its
entry in the file. The site's page of mistakes is made of both (tools/site/ledgers.py)."""
import re, sys
from collections import Counter, namedtuple
import yaml
from common import NBS, cell_name, notebooks, read_nb, show, source

LEDGER = NBS/'mistakes.yml'
TAG = re.compile(r'^# mistake: (\S+)$', re.M)
FIELDS = {'title', 'what', 'seen', 'shows'}

Place = namedtuple('Place', 'file i cell')

def entries():
    "The ledger: name -> fields; SystemExit where it can't be read"
    try: ledger = yaml.safe_load(LEDGER.read_text(encoding='utf-8')) if LEDGER.exists() else {}
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise SystemExit(f"{show(LEDGER)} is not YAML: {' '.join(str(e).split())}") from None
    if not isinstance(ledger or {}, dict):
        raise SystemExit(f'{show(LEDGER)}: expected `name:` and its fields')
    return ledger or {}

def repeated():
    "Names that the ledger has more than once: YAML keeps the last"
    text = LEDGER.read_text(encoding='utf-8') if LEDGER.exists() else ''
    return [name for name, n in Counter(re.findall(r'^([^\s#].*?):', text, re.M)).items() if n > 1]

def misfit(entry):
    "What is wrong with the fields of an entry, or None"
    if not isinstance(entry, dict): return 'no fields'
    if set(entry) != FIELDS: return f'the fields {sorted(map(str, entry))}'
    if not all(entry.values()): return 'an empty field'

def places(fns):
    "The cells of `fns` that show a mistake, by its name, in the order of `fns`"
    res = {}
    for f in fns:
        for i, c in enumerate(read_nb(f)['cells']):
            if c['cell_type'] != 'code': continue
            for name in TAG.findall(source(c)): res.setdefault(name, []).append(Place(f, i, c))
    return res

def where(place): return f'{show(place.file)}, {cell_name(place.i, place.cell)}'

def unshown(fns):
    "The cells that ought to show a mistake, and have no output (yet)"
    for name, found in places(fns).items():
        for p in found:
            if p.cell['outputs']: continue
            yield f'{where(p)}: it shows the mistake {name}, and has no stored output: make execute'

def problems(fns, everything=True):
    "What is wrong with the ledger or the marks, in words"
    ledger, shown = entries(), places(fns)
    for name in set(shown) - set(ledger):
        for p in shown[name]: yield f'{where(p)}: the mistake {name} has no entry in {show(LEDGER)}'
    for name in repeated(): yield f'{show(LEDGER)}: {name} is there more than once'
    for name, entry in ledger.items():
        why = misfit(entry)
        if why: yield f'{show(LEDGER)}: {name} has {why}, expected {sorted(FIELDS)}'
        if everything and name not in shown:
            yield f'{show(LEDGER)}: no cell shows {name}; mark one with a line `# mistake: {name}`'

def main():
    fns = notebooks(sys.argv[1:])
    bad = [*problems(fns, not sys.argv[1:]), *unshown(fns)]
    for o in bad: print('  PROBLEM', o)
    print(f'mistakes: {len(entries())}, {len(bad)} problems')
    return bool(bad)

if __name__ == '__main__': sys.exit(main())
