"""The reference: a page per module and an index of all names, made of docments, as notebooks in _proc/.

A page holds what its module exports and the public methods of its classes: signature, types, defaults, what
is said of each parameter and of the result, and the place in the chapter where it is derived."""
import ast, importlib, inspect, re
from collections import namedtuple
from functools import cache, partial
from pprint import pformat
from textwrap import dedent
from fastcore.docments import docments, empty
from nbdev.showdoc import NbdevLookup
import yaml
from common import LIB, NBS, PROC, page_nb, read_nb, settings, source, write_nb
from lint import written_in

# `name` is 'VAE' or 'VAE.loss'; `module` the short name of the module that defines it
Entry = namedtuple('Entry', 'name obj module')

def page_of(module): return f'reference_{module}.ipynb'

# ---------------------------------------------------------------- which names there are
@cache
def modules():
    "The modules by their chapters' order, and the notebook of each"
    found = {f.stem: written_in(f) for f in LIB.glob('*.py') if f.stem[0] != '_'}
    return {m: nb for m, nb in sorted(found.items(), key=lambda o: o[1]) if nb}

@cache
def module(name): return importlib.import_module(f'{LIB.name}.{name}')

def function(o):
    "What a method, property or cached function runs"
    for name in ('__func__', 'fget', 'func'): o = getattr(o, name, None) or o
    return inspect.unwrap(o) if callable(o) else o

def methods(cls, mod):
    "The public methods of `cls` that module `mod` defines, in the order of definition"
    for name, o in vars(cls).items():
        if name[0] == '_' and name != '__call__': continue
        f = function(o)
        here = inspect.isfunction(f) and f.__module__ == f'{LIB.name}.{mod}'
        if here: yield Entry(f'{cls.__name__}.{name}', o, mod)

def exported(mod): return {name: getattr(module(mod), name) for name in module(mod).__all__}

@cache
def entries(mod):
    "What module `mod` defines: its names, the methods of each class, and those it gives to others' classes"
    res = []
    for name, o in exported(mod).items():
        res.append(Entry(name, o, mod))
        if inspect.isclass(o): res += methods(o, mod)
    others = {o for m in modules() if m != mod for o in exported(m).values() if inspect.isclass(o)}
    return res + [e for cls in sorted(others, key=lambda o: o.__name__) for e in methods(cls, mod)]

def everything(): return [e for m in modules() for e in entries(m)]

# ---------------------------------------------------------------- where a name in back-ticks leads
@cache
def owners():
    "Of each name, the modules that define it"
    res = {}
    for e in everything(): res.setdefault(e.name, []).append(e.module)
    return res

def owner(name, here=None):
    """The module whose `name` a page about module `here` means: its own, else that of
    `from genmodels import`, else the only one. A lower-case word of another module may mean anything, and
    means nothing here."""
    found = owners().get(name, [])
    if here in found: return here
    public = getattr(importlib.import_module(LIB.name), '_module', {}).get(name)
    if public or len(found) != 1: return public
    return None if re.fullmatch('[a-z]+', name) else found[0]

def linked(text, here):
    "Names in back-ticks lead to their entries"
    def link(m):
        mod = owner(m[1], here)
        return f'[{m[0]}]({page_of(mod)}#{m[1]})' if mod else m[0]
    return re.sub(r'`([\w.]+)(?:\(\))?`', link, text)

def relinked(text, here):
    "The same for a chapter, where nbdev has linked names by guess; headings, links and code stay without"
    site = '/'.join(settings()[o].strip('/') for o in ('doc_host', 'doc_baseurl'))
    ours = rf'\[(`[^`\n]+`)\]\({re.escape(site)}/[^)\s]*\)'
    fence, lines = False, []
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith('```'): fence = not fence
        plain = fence or line.startswith('#')
        line = re.sub(rf'(?<=\[){ours}(?=\]\()', r'\1', line)
        lines.append(re.sub(ours, lambda m: m[1] if plain else linked(m[1], here), line))
    return ''.join(lines)

def published():
    "Has the project an owner? Until settings.ini names one, links to code on a server would lead nowhere"
    return 'example' not in settings()['git_url']

def resourced(text, here):
    "What `show_doc` shows, its link to the source leading to this module's name and not to another's"
    if not published(): return re.sub(r'\[source\]\([^)]*\)(?:\{[^}]*\})?\n', '', text)
    own = {e.name: e for e in (entries(here) if here else ())}
    def link(m): return code_link(own[m[2]]) + m[1] if m[2] in own else m[0]
    return re.sub(r'\[source\]\([^)]*\)([^\n]*\n+### ([\w.]+)\n)', link, text)

def relink(f):
    "`relinked` of the prose of the prepared notebook `f`, and of what its cells show"
    nb, here = read_nb(f), {n.name: m for m, n in modules().items()}.get(f.name)
    for c in nb['cells']:
        if c['cell_type'] == 'markdown': c['source'] = relinked(source(c), here)
        for o in c.get('outputs', []):
            if 'text/markdown' not in o.get('data', {}): continue
            text = relinked(''.join(o['data']['text/markdown']), here)
            o['data']['text/markdown'] = resourced(text, here)
    write_nb(nb, f)

# ---------------------------------------------------------------- where a name is derived
def plain(heading):
    "A heading's text without links and attributes"
    return re.sub(r'\[((?:[^\[\]]|`[^`]*`)*)\]\([^)]*\)', r'\1', re.sub(r'\s*\{[#.].*?\}\s*$', '', heading))

@cache
def shown(mod):
    "For each name that the chapter of module `mod` shows, the heading above it"
    res, section = {}, None
    for c in read_nb(PROC/modules()[mod].name)['cells']:
        if c['cell_type'] == 'markdown':
            for h in re.findall(r'^##+ (.+)$', source(c), flags=re.M): section = plain(h)
        for o in c.get('outputs', []):
            text = ''.join(o.get('data', {}).get('text/markdown', ''))
            for name in re.findall(r'^### ([\w.]+)$', text, flags=re.M): res.setdefault(name, section)
    return res

@cache
def title(nb):
    "A prepared notebook's title"
    return yaml.safe_load(source(read_nb(PROC/nb)['cells'][0]).strip().strip('-'))['title']

def place(e):
    "A link to the place where an entry is derived: itself, or its class, or the chapter"
    nb = modules()[e.module].name
    for name in (e.name, e.name.split('.')[0]):
        section = shown(e.module).get(name)
        if section: return f'[{section}]({nb}#{name.lower()})'
    return f'[{title(nb)}]({nb})'

# ---------------------------------------------------------------- one entry
def escaped(text):
    "Text in which only back-ticks mean something"
    marks = r'([\\*_$<>\[\]^~@#|{}\'"])'
    parts = re.split(r'(`[^`]*`)', text)
    return ''.join(p if i % 2 else re.sub(marks, r'\\\1', p) for i, p in enumerate(parts))

def is_constant(o):
    "Has it no words of its own?"
    return isinstance(o, partial) or not (callable(o) or hasattr(o, 'fget'))

def doc(o):
    "What the code itself says of `o`, nothing that it inherits"
    return inspect.cleandoc(getattr(o if inspect.isclass(o) else function(o), '__doc__', None) or '')

def one_line(e):
    "The first paragraph of what is said of an entry; of a constant, its kind"
    if isinstance(e.obj, partial): return constant(e)
    if is_constant(e.obj): return f'A constant, `{type(e.obj).__name__}`'
    return escaped(doc(e.obj).split('\n\n')[0].replace('\n', ' '))

class Shown(str):
    "A value that is shown as this text"
    __repr__ = str.__str__

def value(o): return getattr(o, '__name__', None) or repr(o)

def kind(anno):
    "An annotation as it is written: without the modules of its types; a function by its name"
    if anno in (empty, None, type(None)): return ''
    if inspect.isfunction(anno):
        known = vars(inspect.getmodule(anno)).items()
        return next((name for name, o in known if o is anno), anno.__name__)
    text = anno if isinstance(anno, str) else inspect.formatannotation(anno)
    return re.sub(r'\b(?:[a-z_]\w*\.)+(?=[A-Z])', '', text).replace("'", '')

def signature(e, width=84):
    "Name, parameters and defaults; the types stand below"
    sig = inspect.signature(e.obj if inspect.isclass(e.obj) else function(e.obj))
    def shown(p): return p.default if p.default is empty else Shown(value(p.default))
    params = [p.replace(annotation=empty, default=shown(p)) for p in sig.parameters.values()
              if p.name not in ('self', 'cls')]
    name = e.name.removesuffix('.__call__')
    line = name + str(sig.replace(parameters=params, return_annotation=empty))
    if len(line) <= width or not params: return line
    words, rows = line[len(name)+1:-1].split(', '), ['   ']
    for w in words:
        if len(rows[-1]) + len(w) + 2 > width: rows.append('   ')
        rows[-1] += f' {w},'
    return '\n'.join([f'{name}(', *rows]).rstrip(',') + ')'

def described(o):
    "The docments of `o`; a parameter without one takes that of the classes it is inherited from"
    f = o if inspect.isclass(o) else function(o)
    res = docments(f, full=True, args_kwargs=True)
    for base in inspect.getmro(o)[1:-1] if inspect.isclass(o) else ():
        if not base.__module__.startswith(LIB.name): continue
        for name, d in docments(base, full=True, args_kwargs=True).items():
            if name in res and not res[name].docment: res[name].docment = d.docment
    return {k: v for k, v in res.items() if k not in ('self', 'cls')}

STARS = {inspect.Parameter.VAR_POSITIONAL: r'\*', inspect.Parameter.VAR_KEYWORD: r'\*\*'}

def item(name, d, here):
    "A line for a parameter, or for what is returned"
    facts = [f'`{kind(d.anno)}`'] if kind(d.anno) else []
    if d.default is not empty: facts.append(f'default `{value(d.default)}`')
    brackets = f" ({', '.join(facts)})" if facts else ''
    said = f': {escaped(d.docment)}' if d.docment else ''
    return f"- **{STARS.get(d.get('kind'), '')}{name}**" + linked(brackets + said, here)

def parameters(e):
    "Every parameter, and the result where something is said of it"
    d = described(e.obj)
    back = d.pop('return', None)
    rows = [item(name, v, e.module) for name, v in d.items()]
    if back and not inspect.isclass(e.obj) and (back.docment or kind(back.anno)):
        rows.append(item('returns', back, e.module))
    return '\n'.join(rows)

def constant(e):
    "What a constant holds: its keys, or its value; of a function made from another, the arguments given"
    if isinstance(e.obj, partial):
        given = [*map(repr, e.obj.args), *(f'{k}={v!r}' for k, v in e.obj.keywords.items())]
        return f'`{value(e.obj.func)}` with ' + ', '.join(f'`{o}`' for o in given)
    if isinstance(e.obj, dict): return 'Keys: ' + ', '.join(f'`{o}`' for o in e.obj)
    return f'```python\n{pformat(e.obj, width=84)}\n```'

def code_link(e):
    "A link to the code of an entry, where it has a line of its own"
    known = NbdevLookup()[f'{LIB.name}.{e.module}.{e.name}']
    if not known or not published(): return ''
    code = e.obj if inspect.isclass(e.obj) else function(e.obj)
    return f'[source]({known[2]}#L{inspect.getsourcelines(code)[1]})'

def entry(e):
    "An entry as Markdown"
    head = f"{'###' if '.' in e.name else '##'} {escaped(e.name)} {{#{e.name}}}"
    where = ' · '.join(filter(None, [f'Derived in {place(e)}', code_link(e)]))
    if is_constant(e.obj): return '\n\n'.join([head, constant(e), where])
    is_read = not callable(e.obj)      # a property
    code = '' if is_read else f'```python\n{signature(e)}\n```'
    said = linked(escaped(doc(e.obj)), e.module)
    return '\n\n'.join(filter(None, [head, code, said, parameters(e), where]))

# torch calls these, and says what they take
TORCHS = 'forward', 'train'

def undocumented(e):
    "Parameters without a word; 'return' where it has neither type nor words; 'docstring' without one"
    if is_constant(e.obj) or e.name.split('.')[-1] in TORCHS: return []
    if not doc(e.obj): return ['docstring']
    d = described(e.obj)
    back = d.pop('return', None)
    tree = ast.parse(dedent(inspect.getsource(e.obj if inspect.isclass(e.obj) else function(e.obj))))
    gives = any(isinstance(o, (ast.Return, ast.Yield)) and o.value for o in ast.walk(tree))
    called = callable(e.obj) and not inspect.isclass(e.obj)      # a property's docstring says what it is
    mute = gives and back and called and not back.docment and not kind(back.anno)
    return [name for name, v in d.items() if not v.docment] + ['return']*bool(mute)

# ---------------------------------------------------------------- pages
def notebook(name, title, description, *cells):
    "A notebook of prose"
    cells = [dict(cell_type='markdown', id=f'reference-{i}', metadata={}, source=s)
             for i, s in enumerate(cells, 1)]
    return page_nb(name, title, description, cells)

def imports(mod):
    "How the names of a module are imported: those of the package, and the others"
    public = getattr(importlib.import_module(LIB.name), '_module', {})
    near = [o for o in exported(mod) if public.get(o) == mod]
    rest = [o for o in exported(mod) if o not in near]
    pairs = (LIB.name, near), (f'{LIB.name}.{mod}', rest)
    lines = [f"from {m} import {', '.join(names)}" for m, names in pairs if names]
    return '\n'.join(['```python', *lines, '```'])

def page(mod):
    "The page of a module: an overview, then each entry"
    nb, es = modules()[mod].name, entries(mod)
    rows = [f'| [`{e.name}`](#{e.name}) | {one_line(e)} |' for e in es if '.' not in e.name]
    intro = f'Derived, and shown at work, in [{title(nb)}]({nb}). [All names of the library](reference.ipynb)'
    table = '\n'.join(['| name | what it is |', '|---|-------|', *rows])
    names = [o for o, v in exported(mod).items() if not is_constant(v)]
    more = f' and {len(names) - 6} more' if len(names) > 7 else ''
    description = ', '.join(names[:6] if more else names) + more
    cells = [intro, imports(mod), table, *map(entry, es)]
    return notebook(page_of(mod), f'{LIB.name}.{mod}', description, *cells)

def indexed(e):
    "A name in the index"
    link, said = f'[`{e.name}`]({page_of(e.module)}#{e.name})', one_line(e)
    return f'- {link} of `{e.module}`' + (f': {said}' if said else '')

def index():
    "All names, by the alphabet"
    es = sorted(everything(), key=lambda e: (e.name.casefold(), e.module))
    cells = ['Every name that a module of the library exports, and every public method of its classes.']
    for letter in sorted({e.name[0].upper() for e in es}):
        rows = [indexed(e) for e in es if e.name[0].upper() == letter]
        cells.append(f'## {letter} {{#names-{letter.lower()}}}\n\n' + '\n'.join(rows))
    return notebook('reference.ipynb', 'All names', 'Every name of the library, by the alphabet', *cells)

def sidebar(parts):
    "The reference's part of the sidebar, its pages by the parts of their chapters"
    if not modules(): return []
    contents = ['reference.ipynb']
    for p in parts:
        pages = [page_of(m) for m, nb in modules().items() if nb.relative_to(NBS).as_posix() in p['contents']]
        if pages: contents.append(dict(section=p['section'], contents=pages))
    return [dict(section='Reference', contents=contents)]

def main():
    "Write the pages, and link the chapters to them: how many there are"
    chapters = sorted(PROC.rglob('*.ipynb'))
    for f in chapters: relink(f)
    for m in modules(): write_nb(page(m), PROC/page_of(m))
    if modules(): write_nb(index(), PROC/'reference.ipynb')
    return len(modules()) + bool(modules())
