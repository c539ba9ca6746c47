"""What the scripts of this folder share: where things are, which notebooks there are, what a cell says of
itself."""
import ast, json, os, re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS, LIB, PROC, SITE = ROOT/'nbs', ROOT/'genmodels', ROOT/'_proc', ROOT/'_site'
COPIES = ROOT/'notebooks'        # for readers; tools/site/copies.py writes them

# One thread for each notebook, figures as in Jupyter, this tree's own genmodels wherever the environment is.
ENV = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', PYTHONHASHSEED='0', TQDM_MININTERVAL='1',
           MPLBACKEND='module://matplotlib_inline.backend_inline',
           PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')])))

def settings():
    "settings.ini as a mapping"
    cp = ConfigParser(delimiters=['='])
    cp.read(ROOT/'settings.ini', encoding='utf-8')
    return cp['DEFAULT']

def notebooks(names=()):
    "The notebooks named, or all of them by name, index first; the reading order: tools/site/proc.py"
    if not names:
        fns = [p for p in NBS.rglob('*.ipynb') if not any(o[0] in '._' for o in p.relative_to(NBS).parts)]
        return sorted(fns, key=lambda p: (p.stem != 'index', p))
    res = []
    for n in names:
        places = (Path(n), ROOT/n, NBS/n, NBS/f'{n}.ipynb')
        found = [p for p in places if p.is_file() and p.suffix == '.ipynb']
        if not found: raise SystemExit(f'no such notebook: {n}')
        res.append(found[0].resolve())
    return res

def kernel_metadata():
    "What JupyterLab writes into a notebook when it opens one here: kernel and language"
    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.kernelspec import get_kernel_dict
    spec = dict(name='python3', **{k: get_kernel_dict()[k] for k in ('display_name', 'language')})
    return dict(kernelspec=spec, language_info=dict(IPythonKernel.language_info))

def show(path):
    "A path as a reader knows it: from the top of the project"
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)

def read_nb(path):
    try: return json.loads(Path(path).read_text(encoding='utf-8'))
    except ValueError as e:
        raise SystemExit(f'{show(Path(path))} is no notebook: it is not JSON; save it again in Jupyter '
                         f'({e})') from None

def source(cell): return ''.join(cell['source'])

def write_nb(nb, path):
    "Write a notebook as Jupyter does, sources as lists of lines: of a string, Quarto loses the line ends"
    for c in nb['cells']: c['source'] = source(c).splitlines(keepends=True)
    text = json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True)
    Path(path).write_text(text + '\n', encoding='utf-8')

def page_nb(name, title, description, cells):
    "A notebook of the site that no chapter is, with the front matter that nbdev makes of a title cell"
    front = dict(title=title, description=description, **{'output-file': name.replace('.ipynb', '.html')})
    front = '\n'.join(['---', *(f'{k}: {json.dumps(v)}' for k, v in front.items()), '---'])
    cells = [dict(cell_type='raw', id='front', metadata={}, source=front), *cells]
    kernel = dict(display_name='python3', language='python', name='python3')
    return dict(cells=cells, metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)

def cell_name(i, cell): return f"cell {i} ({cell.get('id', 'no id')})"

def as_python(src):
    "A cell's source with magics and shell lines replaced by something that Python can parse, line by line"
    return re.sub(r'^(\s*)[%!].*', r'\1pass', src, flags=re.M)

def parsed(src):
    "A cell's syntax tree, empty where it is no Python: ruff tells of that"
    try: return ast.parse(as_python(src))
    except SyntaxError: return ast.Module(body=[], type_ignores=[])

_directive = re.compile(r'^\s*#\s*\|\s*(.*?)\s*$')

def directives(src):
    "The leading `#| ...` lines of a code cell, without their marks"
    res = []
    for line in src.splitlines():
        m = _directive.match(line)
        if m: res.append(m[1])
        elif line.strip(): break
    return res

def skipped(cell, flags):
    "Is this code cell never run by a machine: an export call, `eval: false`, or one of the test flags?"
    src = source(cell)
    if 'nbdev_export(' in src: return True
    return any(d.split()[:1] == [f] for d in directives(src) for f in flags) or \
           any(re.match(r'eval\s*:\s*false', d) for d in directives(src))

def describe(src, n=60):
    "The first line of a cell that says something, for messages"
    lines = src.splitlines()
    saying = [o for o in lines if o.strip() and not o.lstrip().startswith('#')]
    return next(iter(saying or lines), '').strip()[:n]
