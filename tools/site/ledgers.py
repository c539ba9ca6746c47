"""Two pages of the site that no one writes: the list of all equations, with the check of each and what that
measured, and the mistakes that real code made, with what each does. Written into _proc/ as notebooks, from
the notebooks of nbs/ (tools/equations.py, tools/mistakes.py), each time proc.py fills that folder."""
import re
import equations, mistakes
from common import NBS, PROC, page_nb, read_nb, source, write_nb

PAGES = ['equations.ipynb', 'mistakes.ipynb']
# Characters of TeX that still make a line of a table
SHORT = 110

# ---------------------------------------------------------------- notebooks as nbdev prepares them
def markdown(text, name): return dict(cell_type='markdown', id=name, metadata={}, source=text)

def anchors(order):
    "Gives each cell that a page links to a place before it: an empty block with an id"
    shown = mistakes.places([NBS/o for o in order])
    for name in order:
        checks = {c['id']: f"check-{c['id']}" for c in equations.checks(read_nb(NBS/name))}
        here = [(p.cell['id'], tag) for tag, ps in shown.items() for p in ps if p.file.name == name]
        tags = {cell: f'mistake-{tag}' for cell, tag in here}
        if not checks and not tags: continue
        nb, cells = read_nb(PROC/name), []
        for c in nb['cells']:
            ids = [o[c['id']] for o in (checks, tags) if c.get('id') in o]
            cells += [markdown(f'::: {{#{i}}}\n:::', f"at-{i}") for i in ids] + [c]
        write_nb(nb | dict(cells=cells), PROC/name)

def title(name):
    "What a notebook is called: its title without the `#`"
    return source(read_nb(NBS/name)['cells'][0]).splitlines()[0].lstrip('# ')

# ---------------------------------------------------------------- equations
def balanced(tex):
    "Can this piece of TeX stand alone?"
    pairs = ((r'\{', r'\}'), (r'\(', r'\)'), (r'\[', r'\]'), (r'\\left\b', r'\\right\b'),
             (r'\\begin', r'\\end'))
    return all(len(re.findall(a, tex)) == len(re.findall(b, tex)) for a, b in pairs)

def beginning(line):
    "What can be read of a long line: up to a sign between two of its parts"
    parts = re.split(r'(=|\\(?:le|ge|approx|sim|propto)(?![a-z])|,\\qquad)', line)
    starts = [''.join(parts[:i]) for i in range(2, len(parts), 2)]
    return next((s for s in reversed(starts) if len(s) <= SHORT and balanced(s)), '')

def one_line(tex):
    "An equation for a table: whole if it is short, else its beginning and dots"
    body = re.sub(r'\\(begin|end)\{(aligned|gathered)\}', '', tex).strip()
    first, *more = re.split(r'\\\\(?:\[[^]]*\])?', body)
    whole = ' '.join(first.split('&&')[0].replace('&', '').split()).rstrip(',. ')
    line = whole if len(whole) <= SHORT and balanced(whole) else beginning(whole)
    if not line: return ''
    dots = r'\;\dots' if more or line != whole else ''
    line = line.replace(r'\|', r'\Vert ').replace('|', r'\vert ')     # a bar would end a cell of the table
    return f'${line}{dots}$'

def number(x): return re.sub(r'e([+-])0*(\d)', lambda m: f"e{m[1].strip('+')}{m[2]}", f'{x:.2g}')

def found(cell, measured):
    "What a check measured, in words"
    if measured is None: return 'not measured'
    if measured['n']: return f"{number(measured['error'])} of {number(measured['allowed'])}"
    n = equations.assertions(source(cell))
    return f"an assertion holds{f' ({n})' if n > 1 else ''}"

def equation_row(e, nb, name):
    cells, said = [nb['cells'][i] for i in e.checks], equations.measured(nb)
    told = [f"[{found(c, said.get(c['id']))}]({name}#check-{c['id']})" for c in cells]
    if equations.definition(e.label): told.insert(0, 'a definition')
    link = f"[{e.label.removeprefix('eq-').removeprefix('def-')}]({name}#{e.label})"
    return f"| {link} | {'; '.join(told)} | {one_line(e.tex)} |"

def equation_table(name):
    "The equations of a chapter"
    nb = read_nb(NBS/name)
    rows = [equation_row(e, nb, name) for e in equations.equations(nb)]
    head = ['| name | difference | equation |', '|----|----|---------|']
    return '\n'.join([f'## [{title(name)}]({name})', '', *head, *rows]) if rows else ''

WORDS = """This page lists the {n} labelled equations of all chapters, in the order of reading. \
{defined} of them define something; \
each of the others is checked where it stands, and the second column leads to the cell \
that does it.

`3e-8 of 1e-6` means: the two sides of the comparisons in that cell differ by 3e-8 at most, where 1e-6 was \
allowed, in the run whose outputs this site shows. A check by simulation has a large allowance, of a few \
standard errors, and a check of algebra a small one. Where a cell compares in another way, an assertion \
holds in it, or as many as the number in brackets. One cell can check several equations. Of a long equation \
only the beginning stands here."""

def write_equations(order):
    tables = [t for t in map(equation_table, order) if t]
    every = [e for name in order for e in equations.equations(read_nb(NBS/name))]
    intro = WORDS.format(n=len(every), defined=sum(equations.definition(e.label) for e in every))
    cells = [markdown(t, f'part-{i}') for i, t in enumerate([intro, *tables])]
    about = 'Every equation, the check that holds it, and how close that came'
    write_nb(page_nb('equations.ipynb', 'Equations', about, cells), PROC/'equations.ipynb')

# ---------------------------------------------------------------- mistakes
def mistake_text(name, entry, places):
    "What goes wrong, whose code did it, where it is shown"
    links = [f'[{title(p.file.name)}]({p.file.name}#mistake-{name})' for p in places]
    where = 'Made on purpose in ' + links[0] + (f"; also in {', '.join(links[1:])}" if links[1:] else '')
    return f"## {entry['title']} {{#{name}}}\n\n{entry['what']} (Seen in: {entry['seen']}.)\n\n" \
           f"{where}. The cell there shows {entry['shows']}:"

def evidence(name, place):
    "The stored output of the cell that shows a mistake, without its source"
    alt = [o for o in source(place.cell).splitlines() if re.match(r'#\| fig-alt', o)]
    src = '\n'.join(['#| echo: false', *alt])
    return dict(cell_type='code', id=f'shows-{name}', metadata={}, source=src, execution_count=None,
                outputs=place.cell['outputs'])

INTRO = """Each of these mistakes was made in code that people use: in tutorials, in courses, in libraries, \
and in implementations of the papers that this course derives. Nearly all of them run, and most look right. \
The chapters make them on purpose, show the damage, and name the check that catches it; this page collects \
what they show."""

def write_mistakes(order):
    shown, cells = mistakes.places([NBS/o for o in order]), [markdown(INTRO, 'intro')]
    ledger = mistakes.entries()
    for name in shown:
        places = list({p.file: p for p in reversed(shown[name])}.values())[::-1]
        told = markdown(mistake_text(name, ledger[name], places), f'tells-{name}')
        cells += [told, evidence(name, places[0])]
    about = 'What goes wrong, the number or picture that shows it'
    page = page_nb('mistakes.ipynb', 'Mistakes that real code made', about, cells)
    write_nb(page, PROC/'mistakes.ipynb')

# ---------------------------------------------------------------- both
def problems(fns): return [*equations.problems(fns), *mistakes.problems(fns)]

def write_all(order):
    "The pages, and the places in the chapters that they lead to; `order` are notebooks in reading order"
    anchors(order)
    write_equations(order)
    write_mistakes(order)
