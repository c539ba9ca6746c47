"""README.md from nbs/index.ipynb: its prose, its code and its text outputs, with links that work from the
top folder.

    python tools/readme.py            writes README.md"""
import re
from common import NBS, ROOT, directives, read_nb, source

HIDDEN = {'hide', 'export', 'exporti', 'default_exp'}

def fence(text, lang=''): return f'```{lang}\n{text.strip()}\n```'

def code(cell):
    "A code cell and its text outputs as Markdown"
    marks = directives(source(cell))
    hidden = 'include: false' in marks or any(d.split()[0] in HIDDEN for d in marks if d)
    if hidden or 'nbdev_export(' in source(cell): return
    src = '\n'.join(o for o in source(cell).splitlines() if not re.match(r'^\s*#\s*\|', o)).strip()
    if src and 'echo: false' not in marks: yield fence(src, 'python')
    if 'output: false' in marks: return
    for o in cell['outputs']:
        data = o.get('data', {})
        if 'image/png' in data: continue        # its text is `<Figure ...>`; the page has the picture
        plain = o.get('text') or data.get('text/plain', '')
        text = ''.join(data.get('text/markdown', '')) or ''.join(plain)
        if text.strip(): yield text.strip() if 'text/markdown' in data else fence(text)

def render():
    parts = []
    for c in read_nb(NBS/'index.ipynb')['cells']:
        if c['cell_type'] == 'markdown': parts.append(source(c).strip())
        elif c['cell_type'] == 'code': parts += code(c)
    md = '\n\n'.join(o for o in parts if o)
    md = re.sub(r'\]\((?=[\w-]+\.ipynb)', '](nbs/', md)
    return md.rstrip() + '\n'

def stale():
    f = ROOT/'README.md'
    return not f.exists() or f.read_text(encoding='utf-8') != render()

def write(): (ROOT/'README.md').write_text(render(), encoding='utf-8')

if __name__ == '__main__': write()
