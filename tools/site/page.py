"""One notebook of _proc/ as Markdown for pandoc, with its stored figures written to files. Cell options as
Quarto reads them."""
import base64, html, json, re
import yaml
from common import source

IMAGES = {'image/svg+xml': 'svg', 'image/png': 'png', 'image/jpeg': 'jpg'}
WIDGET = 'application/vnd.jupyter.widget-view+json'
_option = re.compile(r'^\s*#\s*\|\s*([\w-]+)\s*:(.*)$')
_ansi = re.compile(r'\x1b\[[0-9;]*[A-Za-z]')

def options(src):
    "The leading `#| key: value` lines of a cell as a dict, and the rest of its source"
    opts, lines = {}, src.splitlines()
    while lines and re.match(r'^\s*#\s*\|', lines[0]):
        m = _option.match(lines.pop(0))
        if not m: continue
        try: opts[m[1]] = yaml.safe_load(m[2])
        except yaml.YAMLError: opts[m[1]] = m[2].strip()
    return opts, '\n'.join(lines).strip('\n')

def joined(x): return ''.join(x) if isinstance(x, list) else x

def listed(x): return list(x) if isinstance(x, list) else [x] if x else []

def fenced(text, attrs):
    "A fence longer than any in `text`"
    n = max([2, *map(len, re.findall(r'`{3,}', text))]) + 1
    return f"\n\n{'`'*n}{attrs}\n{text}\n{'`'*n}\n\n"

def raw(text): return fenced(text, '{=html}')
def special(**kw): return fenced(json.dumps(kw), '{=genmodels}')      # site.lua makes a figure of it

def text_output(text):
    if not text.strip(): return ''
    return raw(f'<pre class="output">{html.escape(_ansi.sub("", text)).rstrip()}</pre>')

def folded(md, summary, is_open):
    "Markdown behind a line that opens it; site.lua makes a <details> of it"
    return f'\n\n::: {{.code-fold summary="{summary}" open="{str(is_open).lower()}"}}\n{md}\n:::\n\n'

def as_html(data):
    "An output's HTML, also where proc.py has put it into Markdown; None where it has none"
    wrapped = re.fullmatch(r'````\{=html\}\n(.*)\n````', data.get('text/markdown', ''), re.S)
    return wrapped[1] if wrapped else data.get('text/html')

class Page:
    "A notebook's front matter (`meta`), Markdown (`md`), the references in its comments, and what is wrong"
    def __init__(self, nb, files, fold=False):
        self.files, self.fold = files, fold
        self.meta, self.refs, self.problems, self.images = {}, set(), [], 0
        parts = []
        for i, c in enumerate(nb['cells']):
            src = source(c)
            if c['cell_type'] == 'raw' and src.lstrip().startswith('---'):
                self.meta |= yaml.safe_load(src.strip().strip('-')) or {}
            elif c['cell_type'] == 'markdown': parts.append(src)
            elif c['cell_type'] == 'code': parts.append(self.code(c, src, i))
        self.md = '\n\n'.join(parts) + '\n'

    def code(self, cell, src, i):
        "A code cell: its source, then its outputs"
        opts, src = options(src)
        if opts.get('include') is False: return ''
        res = ''
        if opts.get('echo', True) is not False and src.strip():
            self.refs |= set(re.findall(r'#.*?@((?:eq|fig|tbl|sec)-[\w-]+)', src))
            res = fenced(src, 'python')
            fold = opts.get('code-fold', self.fold)
            if fold: res = folded(res, opts.get('code-summary', 'Code'), fold == 'show')
        if opts.get('output') is False: return res
        captions, alts = listed(opts.get('fig-cap')), listed(opts.get('fig-alt'))
        figures = dict(label=opts.get('label'), captions=captions, alts=alts,
                       classes=listed(opts.get('classes')))
        res += ''.join(self.output(o, figures, i) for o in cell.get('outputs', []))
        if str(figures['label']).startswith('fig-'):
            self.problems.append(f"{figures['label']} has no stored figure (cell {i}): make execute")
        return res

    def output(self, o, figures, i):
        "One stored output"
        if o['output_type'] == 'error':
            self.problems.append(f"stored error output in cell {i}: {o.get('ename')}: {o.get('evalue')}")
            return ''
        if o['output_type'] == 'stream':
            return '' if o.get('name') == 'stderr' else text_output(joined(o['text']))
        data = {k: joined(v) if k != WIDGET else v for k, v in o.get('data', {}).items()}
        if WIDGET in data:
            return raw('<p class="widget">An interactive widget: run this notebook in Jupyter to use it.</p>')
        kind = next((k for k in IMAGES if k in data), None)
        if as_html(data):
            body = f'<div class="output-html">{as_html(data)}</div>'
            is_figure = figures['label'] or figures['captions']
            return self.figure(figures, i, html=body) if is_figure else raw(body)
        if kind:
            size = {k: str(v) for k, v in o.get('metadata', {}).get(kind, {}).items() if k == 'width'}
            return self.figure(figures, i, src=self.write(data[kind], IMAGES[kind], i), size=size)
        if 'text/markdown' in data: return f"\n\n{data['text/markdown']}\n\n"
        if 'text/latex' in data: return f"\n\n{data['text/latex']}\n\n"
        return text_output(data.get('text/plain', ''))

    def write(self, data, ext, i):
        self.files.mkdir(exist_ok=True)
        self.images += 1
        f = self.files/f'cell-{i}-{self.images}.{ext}'
        f.write_bytes(data.encode() if ext == 'svg' else base64.b64decode(data))
        return f'{self.files.name}/{f.name}'

    def figure(self, figures, i, **body):
        "The next figure of a cell takes the label (the first only), and the next caption and alt text"
        label, figures['label'] = figures['label'], None
        cap = figures['captions'].pop(0) if figures['captions'] else ''
        alt = figures['alts'].pop(0) if figures['alts'] else cap
        if 'src' in body and not alt:
            self.problems.append(f'a figure without #| fig-alt or #| fig-cap in cell {i}')
        words = dict(label=str(label or ''), caption=str(cap or ''), alt=str(alt or ''))
        return special(classes=figures['classes'], **words, **body)
