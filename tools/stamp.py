"""The stamp that ties stored outputs to the code that made them.

`make execute` writes into a notebook's metadata {"genmodels": {"code": hash, "outputs": hash}}. `code`
covers the notebook's code cells and every module of genmodels that they import, directly or not,
without comments and blank lines; `outputs` covers what is stored. `make check` refuses a notebook when
either differs: the code has changed since, or the outputs were not made by it."""
import ast, hashlib, io, json, tokenize
from common import LIB, as_python, directives, settings, source

KEY = 'genmodels'

def digest(*parts): return hashlib.sha256('\0'.join(parts).encode()).hexdigest()[:16]

def strip_comments(src):
    "`src` without comments and blank lines: changing those can't change an output"
    lines = src.splitlines()
    try:
        for tok in tokenize.generate_tokens(io.StringIO(src).readline):
            if tok.type == tokenize.COMMENT:
                row, col = tok.start
                lines[row-1] = lines[row-1][:col]
    except (tokenize.TokenError, SyntaxError): pass   # a magic: keep the rest as it stands
    return '\n'.join(o.rstrip() for o in lines if o.strip())

def _tree(src):
    try: return ast.parse(as_python(src))
    except SyntaxError: return ast.Module(body=[], type_ignores=[])

def _public(path):
    "The names in a module's `__all__`"
    for node in _tree(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Assign) and any(getattr(t, 'id', '') == '__all__' for t in node.targets):
            return {e.value for e in getattr(node.value, 'elts', []) if isinstance(e, ast.Constant)}
    return set()

def modules(): return {p.stem: p for p in LIB.glob('*.py') if p.stem[0] != '_'}

def imported(src):
    "The modules of genmodels that `src` itself imports"
    mods, res = modules(), set()
    for node in ast.walk(_tree(src)):
        if isinstance(node, ast.Import):
            for a in node.names:
                parts = a.name.split('.')
                if parts[0] == LIB.name: res |= {parts[1]} if len(parts) > 1 else set(mods)
        elif isinstance(node, ast.ImportFrom):
            where = (node.module or '').split('.')
            if node.level == 0:
                if where[0] != LIB.name: continue
                where = where[1:]
            where = [o for o in where if o]
            if where: res.add(where[0]); continue
            for a in node.names:     # from genmodels import a: a module, or a name that one of them exports
                owners = {a.name} & set(mods) or {m for m, p in mods.items() if a.name in _public(p)}
                res |= owners or (set(mods) if a.name[0] != '_' else set())
    return res & set(mods)

def needed(src):
    "The modules that `src` needs, with what those import in turn"
    mods, todo, seen = modules(), imported(src), set()
    while todo:
        m = todo.pop()
        if m in seen: continue
        seen.add(m)
        todo |= imported(mods[m].read_text(encoding='utf-8')) - seen
    return sorted(seen)

def code_hash(nb):
    flags, cells = set(settings()['tst_flags'].split()), []
    for c in nb['cells']:
        if c['cell_type'] != 'code' or 'nbdev_export(' in source(c): continue
        run = [d for d in directives(source(c)) if d and (d.split()[0] in flags or d.startswith('eval'))]
        cells.append('\n'.join(run + [strip_comments(source(c))]))
    code, mods = '\n\n'.join(cells), modules()
    texts = {m: strip_comments(mods[m].read_text(encoding='utf-8')) for m in needed(code)}
    return digest(code, *[f'{m}\n{text}' for m, text in texts.items()])

def output_hash(nb):
    outputs = [c.get('outputs', []) for c in nb['cells'] if c['cell_type'] == 'code']
    return digest(json.dumps(outputs, sort_keys=True))

def stamp_of(nb): return dict(code=code_hash(nb), outputs=output_hash(nb))

def stale(nb):
    "Why the stored outputs of `nb` can't be trusted, or None"
    old = nb['metadata'].get(KEY) or {}
    if not any(c['cell_type'] == 'code' for c in nb['cells']): return None
    if not old: return 'its outputs were never stored by make execute'
    if old.get('code') != code_hash(nb):
        return 'its code, or a module it imports, has changed since its outputs were stored'
    if old.get('outputs') != output_hash(nb):
        return 'its stored outputs are not those that make execute stored'
