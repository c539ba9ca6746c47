"""Which earlier statements of a program does a piece of it need? Found by names, without running anything.

A program is a list of units: top-level statements with their lines and comments. A unit that binds a name
is needed by those that read the name after it, with what it reads itself, and with every unit in between
that changes what it bound: a training, an append, an attribute set. What changes a value is told by its form,
so a program that hides it is not taken apart rightly; tests/test_exercises.py runs what comes out."""
import ast, builtins, re, symtable
from dataclasses import dataclass
from functools import cached_property

CHECKS = re.compile(r'test_\w+|assert_close')
# Called for what they do to the whole program: random numbers, the type of numbers
GLOBAL = re.compile(r'(torch|np\.random|random|warnings)\.(manual_seed|seed|set_\w+|\w+filter(warnings)?)\(')
# Calls that change what they are given, or what they belong to, also where their value is used or shown
CHANGES = re.compile(r'^(fit|train)|_$|\.(append|extend|update|add|step|backward|load_state_dict|write_\w+)$')
SHOWN = re.compile(r'(plt|fig|ax|axes|display|print|show_\w+)\b')
DEFS = (ast.FunctionDef, ast.ClassDef)
BUILTIN = set(dir(builtins))
AT_ONCE = {'listcomp', 'setcomp', 'dictcomp', 'genexpr'}      # scopes that are run where they stand

def name_of(node):
    "The name that an attribute, an index, a method's call or a path begins with: `a` of `a.b[0]`, `a/'b'`"
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Call): node = node.func
        elif isinstance(node, ast.BinOp): node = node.left
        elif isinstance(node, (ast.Attribute, ast.Subscript)): node = node.value
        else: return None
    return node.id

def outer(node):
    "The nodes that are run where they stand: not those inside a function or a lambda"
    yield node
    for o in ast.iter_child_nodes(node):
        if not isinstance(o, (ast.FunctionDef, ast.Lambda)): yield from outer(o)

@dataclass
class Unit:
    "Statements that stand on lines of their own"
    src: str
    last: bool = False      # is it the last of its cell, whose value is shown?

    @cached_property
    def nodes(self): return ast.parse(self.src).body

    @cached_property
    def table(self): return symtable.symtable(self.src, '<unit>', 'exec')

    @cached_property
    def binds(self):
        "Names that have a new value after it"
        return bound(self.table)

    @cached_property
    def reads(self):
        "Names that it reads when it is run, before it binds them"
        return read_first(self.nodes, set()) - BUILTIN

    @cached_property
    def later(self):
        "Names that its functions read when they are called"
        return used(self.table, True) - BUILTIN - self.binds

    @cached_property
    def is_check(self):
        "Does it assert something, in a loop or under a `with`, too?"
        return any(isinstance(n, ast.Assert) or isinstance(n, ast.Call) and CHECKS.fullmatch(name_of(n) or '')
                   for o in self.nodes for n in outer(o))

    @property
    def is_import(self): return all(isinstance(o, (ast.Import, ast.ImportFrom)) for o in self.nodes)

    @cached_property
    def changes(self):
        "Names whose values it changes without binding them, as far as its form tells"
        if self.is_check: return set()
        inside = [n for o in self.nodes for n in outer(o) if not (self.last and n is o and is_shown(n))]
        res = {name for n in inside for name in effects(n)}
        if not res & self.binds: return res
        # a loop's variable: what the loop goes through
        through = [n.iter for n in inside if isinstance(n, ast.For)]
        return res | {n.id for o in through for n in ast.walk(o) if isinstance(n, ast.Name)}

def is_shown(node):
    "Is it an expression, which a cell ends with for its value?"
    call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return isinstance(node, ast.Expr) and not (call and CHANGES.search(ast.unparse(node.value.func)))

def effects(node):
    "Names whose values a node changes: by setting a part, a call for its effect, training or `method_()`"
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Delete)):
        for t in getattr(node, 'targets', None) or [node.target]:
            if isinstance(t, (ast.Attribute, ast.Subscript)): yield name_of(t)
    call = node.value if isinstance(node, ast.Expr) else node
    if not isinstance(call, ast.Call) or SHOWN.match(ast.unparse(call.func)): return
    if not isinstance(node, ast.Expr) and not CHANGES.search(ast.unparse(call.func)): return
    if isinstance(call.func, ast.Attribute): yield name_of(call.func)
    for a in call.args[:1]:
        if not isinstance(a, ast.Call): yield name_of(a)
    for k in call.keywords:
        if k.arg == 'out': yield name_of(k.value)

def bound(table): return {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}

def used(table, later, inside=False):
    "Global names that a scope reads: now, or (`later`) in the functions that it defines"
    top = table.get_type() == 'module'
    res = set() if later and not inside else \
          {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    for child in table.get_children():
        is_function = child.get_type() == 'function' and child.get_name() not in AT_ONCE
        if later or not is_function: res |= used(child, later, inside or is_function)
    return res

def read_first(nodes, made):
    "Names that statements read before they bind them; `made` gets what they surely bind"
    res = set()
    for node in nodes:
        if isinstance(node, (ast.For, ast.While, ast.If, ast.Try)): res |= read_in_blocks(node, made)
        elif isinstance(node, ast.With):
            for o in node.items:
                res |= read_first([ast.Expr(o.context_expr)], made)
                made |= stored(o.optional_vars)
            res |= read_first(node.body, made)
        else:
            table = symtable.symtable(ast.unparse(node), '<statement>', 'exec')
            again = bound(table) if isinstance(node, ast.AugAssign) else set()
            res |= (used(table, False) | again) - made
            made |= bound(table)
    return res

def read_in_blocks(node, made):
    "The same for a statement whose blocks may be run or not"
    heads = [getattr(node, o) for o in ('iter', 'test') if hasattr(node, o)]
    inside = made | stored(getattr(node, 'target', None))
    handlers = [h.body for h in getattr(node, 'handlers', [])]
    blocks = [node.body, node.orelse, getattr(node, 'finalbody', []), *handlers]
    return read_first(map(ast.Expr, heads), made).union(*(read_first(b, set(inside)) for b in blocks))

def stored(target):
    "The names in a target"
    return {n.id for n in ast.walk(target) if isinstance(n, ast.Name)} if target else set()

def units(src):
    "The units of a cell: statements that share a line stay together, comments go with what follows them"
    lines, groups = src.splitlines(), []
    for node in ast.parse(src).body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, 'decorator_list', []))])
        if groups and groups[-1][1] >= first: groups[-1][1] = node.end_lineno
        else: groups.append([first, node.end_lineno])
    starts = [1, *(end + 1 for _, end in groups)]
    texts = ['\n'.join(lines[a-1:b]).strip('\n') for a, (_, b) in zip(starts, groups)]
    return [Unit(t, i == len(texts)-1) for i, t in enumerate(texts)]

def reaching(program, name, before):
    "The unit whose value `name` has before unit number `before`"
    return next((i for i in range(before-1, -1, -1) if name in program[i].binds), None)

def needed(program, wanted):
    "Numbers of the units of `program` that code after it needs, which reads the names `wanted`"
    todo = [(name, len(program)) for name in wanted]
    seen, res = set(), set()
    def need(i, at):
        res.add(i)
        todo.extend((n, i) for n in program[i].reads | program[i].later)
        todo.extend((n, at) for n in program[i].later)
    for i, u in enumerate(program):
        if any(GLOBAL.match(ast.unparse(n)) for n in u.nodes): need(i, i)
    while todo:
        name, at = o = todo.pop()
        if o in seen: continue
        seen.add(o)
        i = reaching(program, name, at)
        if i is None: continue
        need(i, at)
        if program[i].is_import: continue
        for k in range(i+1, at):
            if name in program[k].changes: need(k, k)
    return sorted(res)
