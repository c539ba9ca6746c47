"""A chapter's exercises, taken apart: what is asked, what is given, what the reader writes, what checks it.

A solution cell holds the answer and its check. They are told apart by form:

- Functions and classes are the answer, and the reader gets their first lines. What follows is the check.
- Without any, the answer is what stands above the first statement that asserts something. The reader
  gets the names in it that the check reads.
- Plain data above are given: numbers, tensors of them, random draws.

Where that is not what is meant, comments of one word divide the cell: `# given`, `# answer`, `# check`."""
import ast, re
from collections import namedtuple
from common import directives, read_nb, settings, show, skipped, source
from needs import DEFS, Unit, needed, units

# `question` is Markdown, the others are code, but `written`: is there a solution in words or algebra? and
# `names`, which the answer defines for the check
Exercise = namedtuple('Exercise', 'number question written given answer blank check names')
# `imports` and `setup` are code
Chapter = namedtuple('Chapter', 'file title imports setup exercises')

HEAD = re.compile(r'^(?:\*\*(\d+)\.|(\d+)\.\s+\*\*)', re.M)
CALLOUT = re.compile(r'^::: \{\.callout.*?title="([^"]*)".*?^:::$', re.M | re.S)
TURN = "raise NotImplementedError('your turn')"

# ---------------------------------------------------------------- what stands where
def section(cells):
    "The cells of the exercises: from that heading to the next"
    inside = False
    for c in cells:
        text = source(c)
        if c['cell_type'] == 'markdown':
            parts = re.split(r'^##\s+Exercises.*$', text, flags=re.M)
            if len(parts) > 1: inside, text = True, parts[1]
            elif inside and re.search(r'^## ', text, re.M): return
        if inside: yield c['cell_type'], text

def told(text):
    "The exercises of a Markdown text: number -> question"
    heads = [*HEAD.finditer(text)]
    ends = [m.start() for m in heads[1:]] + [len(text)]
    return {int(m[1] or m[2]): text[m.start():end].strip() for m, end in zip(heads, ends)}

def option(src, name):
    "The value of a cell's option, such as code-summary, or None"
    found = [d.split(':', 1)[1].strip(' "') for d in directives(src) if d.startswith(f'{name}:')]
    return found[0] if found else None

def collected(cells):
    "number -> [question, was there a written solution?, the solution's code]"
    res, at = {}, None
    def the(title): return int((re.search(r'exercise (\d+)', title) or [0, at])[1])
    for kind, text in section(cells):
        summary = kind == 'code' and option(text, 'code-summary') or ''
        if summary.startswith('Solution'): res[the(summary)][2].append(text)
        if kind == 'code': continue
        questions = told(CALLOUT.sub('', text))
        res |= {n: [q, False, []] for n, q in questions.items()}
        at = max(questions, default=at)
        for m in CALLOUT.finditer(text): res[the(m[1])][1] = True
    return res

# ---------------------------------------------------------------- one solution, divided
def code_of(us): return '\n'.join(u.src for u in us)

def without_options(src):
    "A cell without its options, the empty lines after them, and comments on what is checked"
    src = re.sub(r'^# checks? @.*\n', '', src + '\n', flags=re.M)
    return re.sub(r'\A(?:[ \t]*(?:#\s*\|.*)?\n)+', '', src)

def is_function(unit):
    "A function, a class, or a lambda that has a name; not a signature alone, which is all that was asked for"
    node = unit.nodes[0]
    if isinstance(node, ast.FunctionDef) and len(node.body) == 1 and ast.get_docstring(node): return False
    return isinstance(node, DEFS) or isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)

MAKERS = re.compile(r'torch\.(tensor|arange|\w*space|zeros|ones|full|eye|randn?|randint|Generator)$')

def is_plain(node, known):
    "Is an expression data that need no thought: literals, tensors and draws made of them?"
    def plain(*nodes): return all(is_plain(n, known) for n in nodes)
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)): return plain(*node.elts)
    if isinstance(node, ast.Dict): return plain(*node.values)
    if isinstance(node, ast.Constant): return True
    if isinstance(node, ast.UnaryOp): return plain(node.operand)
    if isinstance(node, ast.Name): return node.id in known
    if isinstance(node, ast.Attribute): return ast.unparse(node).startswith('torch.float')
    if isinstance(node, ast.BinOp):      # numbers alone are an answer
        return plain(node.left, node.right) and any(isinstance(n, ast.Call) for n in ast.walk(node))
    if isinstance(node, ast.Compare): return plain(node.left, *node.comparators)
    if not isinstance(node, ast.Call): return False
    of_plain = isinstance(node.func, ast.Attribute) and is_plain(node.func.value, known)
    made = MAKERS.match(ast.unparse(node.func)) or of_plain
    return bool(made) and plain(*node.args, *(k.value for k in node.keywords))

def given_of(us, known=()):
    "Those of some units that bind plain data"
    res, known = [], {'f64', *known}
    for u in us:
        if all(isinstance(n, ast.Assign) and is_plain(n.value, known) for n in u.nodes):
            res.append(u)
            known |= u.binds
    return res

def marked(src):
    "A cell divided by its comments `# given`, `# answer`, `# check`: units of each; None without one"
    parts = re.split(r'^# (given|answer|check)$\n?', src, flags=re.M)
    if len(parts) == 1: return None
    res = dict(given=[], answer=[], check=[])
    for name, text in zip(['answer', *parts[1::2]], parts[::2]): res[name] += units(text)
    return tuple(res.values())

def divided(src):
    "(given, answer, check), each a list of units"
    us = units(src)
    if any(map(is_function, us)):
        start = next(i for i, u in enumerate(us) if is_function(u))
        given = given_of(us[:start])
        answer = [u for i, u in enumerate(us) if is_function(u) or i < start and u not in given]
        return given, answer, [u for u in us[start:] if not is_function(u)]
    start = next((i for i, u in enumerate(us) if u.is_check), len(us))
    given = given_of(us[:start])
    return given, [u for u in us[:start] if u not in given], us[start:]

def stub(unit):
    "The first lines of a function or of a class's methods, and a line that says: your turn"
    node, lines = unit.nodes[0], unit.src.splitlines()
    if isinstance(node, ast.Assign):
        return f'def {ast.unparse(node.targets[0])}({ast.unparse(node.value.args)}):\n    {TURN}'
    res, methods = [], [n for n in node.body if isinstance(n, DEFS)] if isinstance(node, ast.ClassDef) else []
    start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    def head(f, start):
        body = f.body[0]
        res.extend([*lines[start-1:body.lineno-1], lines[body.lineno-1][:body.col_offset].rstrip()])
        if ast.get_docstring(f): res.append(' '*(f.col_offset+4) + ast.get_source_segment(unit.src, body))
    head(node, start)
    for m in methods: head(m, m.lineno); res.append(' '*(m.col_offset+4) + TURN)
    return '\n'.join(o for o in res + ([] if methods else [f'    {TURN}']) if o.strip())

def blank_of(answer, names):
    "What stands in place of the answer"
    stubs = [stub(u) for u in answer if is_function(u) and u.binds & names]
    values = names - {n for u in answer if is_function(u) for n in u.binds}
    lines = [f'{n} = ...' for n in in_order(answer) if n in values]
    return '\n\n'.join([*stubs, '\n'.join(lines)]).strip()

def in_order(us):
    "The names that some units bind, as they stand there"
    return list(dict.fromkeys(n for u in us for n in sorted(u.binds, key=u.src.find)))

def exercise(number, question, written, cells):
    "An exercise with its solution divided"
    if not cells: return Exercise(number, question, True, '', '', '', '', [])
    src = '\n'.join(map(without_options, cells))
    given, answer, check = marked(src) or divided(src)
    made = {n for u in answer for n in u.binds}
    reads = {n for u in [*given, *check] for n in u.reads | u.later}
    names = [n for n in in_order(answer) if n in made & reads]
    blank = blank_of(answer, set(names))
    return Exercise(number, question, written, code_of(given), code_of(answer), blank, code_of(check), names)

# ---------------------------------------------------------------- what the exercises need of the chapter
def module_of(cells):
    found = [d.split()[1] for c in cells for d in directives(source(c)) if d.startswith('default_exp ')]
    return found[0] if found else None

def exported(unit, module):
    "What stands for an exported unit: the import of what it binds"
    patched = any('patch' in ast.unparse(d) for n in unit.nodes for d in getattr(n, 'decorator_list', []))
    if patched or not unit.binds: return []
    start = f'from {settings()["lib_name"]}.{module} import'
    return [Unit(f'{start} {n}') for n in sorted(unit.binds)]

def program(cells):
    "What a chapter runs before its exercises, as units; what it exports is imported"
    res, module, flags = [], module_of(cells), settings()['tst_flags'].split()
    for c in cells:
        if re.search(r'^##\s+Exercises', source(c), re.M): break
        if c['cell_type'] != 'code' or skipped(c, flags): continue
        kinds = {d.split()[0] for d in directives(source(c)) if d}
        for u in units(without_options(source(c))):
            res += exported(u, module) if kinds & {'export', 'exports'} and not u.is_import else [u]
    return res

def wanted(e):
    "Names that an exercise reads and does not make before"
    made, res = set(), set()
    for u in units('\n'.join([e.given, e.answer, e.check])):
        res |= (u.reads | u.later) - made
        made |= u.binds
    return res

def lent(exercises, known):
    "Exercises that have what an earlier one was given, where they need it"
    given = []
    for e in exercises:
        units_lent = [given[i] for i in needed(given, wanted(e) - known)]
        given += units(e.given)
        yield e._replace(given=code_of([*units_lent, *units(e.given)]))

def refusal(e, known, changed):
    "What is wrong with a code exercise, or None; `changed` are names that earlier exercises bind"
    if not e.check and not e.answer: return None
    unknown, other = sorted(wanted(e) - known), sorted(wanted(e) & known & changed)
    if unknown: return f'needs {", ".join(unknown)}, which nothing before the exercises defines'
    if other: return f'needs {", ".join(other)} of the chapter, which an earlier exercise binds: rename it'
    if not any(u.is_check for u in units(e.check)): return 'has no check: assert what its answer must fulfil'
    if not e.names: return 'has a check that needs nothing of its answer: give the answer a name'

def refuse(file, exercises, known):
    "SystemExit for an exercise that can't be graded"
    changed = set()
    for e in exercises:
        why = refusal(e, known, changed)
        if why: raise SystemExit(f'{show(file)}, exercise {e.number} {why}')
        changed |= {n for u in units('\n'.join([e.given, e.blank, e.check])) for n in u.binds}

def joined(imports):
    "Imports as lines of code, those of one name each from the same module in one"
    lines, ours = [], {}
    for u in imports:
        m = re.fullmatch(r'(from \S+ import )(\w+)', u.src)
        if m: ours.setdefault(m[1], set()).add(m[2])
        else: lines.append(u.src)
    return '\n'.join(lines + [start + ', '.join(sorted(names)) for start, names in ours.items()])

def without_repeats(us):
    return [u for u, after in zip(us, [*us[1:], None]) if not after or u.src != after.src]

def chapter(file):
    "A chapter's exercises and what they need; SystemExit for one that can't be graded"
    try: return taken_apart(file, read_nb(file)['cells'])
    except SyntaxError as e:
        raise SystemExit(f'{show(file)}: a cell is no Python, {e.msg}: {(e.text or "").strip()}') from None

def taken_apart(file, cells):
    before = program(cells)
    known = {n for u in before for n in u.binds}
    exercises = [*lent([exercise(n, *o) for n, o in sorted(collected(cells).items())], known)]
    refuse(file, exercises, known)
    need = [before[i] for i in needed(before, {n for e in exercises for n in wanted(e)})]
    title = re.match(r'# ([^\n]+)', source(cells[0]) if cells else '')
    if not title: raise SystemExit(f'{show(file)}: the first cell must be `# Title` and one `> line`')
    imports, setup = [u for u in need if u.is_import], [u for u in need if not u.is_import]
    return Chapter(file, title[1], joined(imports), code_of(without_repeats(setup)), exercises)
