"""README.md from nbs/index.ipynb: its prose, code, text outputs and pictures, with links that work from
the top folder.

    python tools/readme.py            writes README.md and the pictures, in nbs/images/"""
import re
from base64 import b64decode
from common import NBS, ROOT, directives, read_nb, source

HIDDEN = {'hide', 'export', 'exporti', 'default_exp'}

def fence(text, lang=''): return f'```{lang}\n{text.strip()}\n```'

def said(cell, option):
    "An option of a cell, such as its label; None where it has none"
    found = re.search(rf'#\| {option}: "?(.*?)"?$', source(cell), re.M)
    return found and found[1]

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
        if 'image/png' in data:                 # its text is `<Figure ...>`
            name,alt = said(cell, 'label'),said(cell, 'fig-alt')
            if name: yield f'![{alt}](nbs/images/{name}.png)'
            continue
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

def files():
    "What is to be written: path -> bytes"
    cells = [c for c in read_nb(NBS/'index.ipynb')['cells'] if c['cell_type'] == 'code']
    pictures = {said(c, 'label'): b64decode(''.join(o['data']['image/png']))
                for c in cells for o in c['outputs'] if 'image/png' in o.get('data', {}) and said(c, 'label')}
    paths = {NBS/'images'/f'{name}.png': content for name,content in pictures.items()}
    return {ROOT/'README.md': render().encode('utf-8')} | paths

def stale(): return any(not f.exists() or f.read_bytes() != content for f,content in files().items())

def write():
    for f,content in files().items():
        f.parent.mkdir(exist_ok=True)
        f.write_bytes(content)

if __name__ == '__main__': write()
