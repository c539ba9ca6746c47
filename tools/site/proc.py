"""Fills _proc/ with what Quarto and make site render: the notebooks as nbdev prepares them (but without its
attempt to install Quarto), each with ways to open it under its title; a sidebar in reading order; pages made
of all chapters (ledgers.py), and the reference (reference.py). Writes the copies that the links open, too
(copies.py). Fails on an equation without a check and on a mistake without a place."""
import base64, io, os, re, sys
from fnmatch import fnmatch
from pathlib import Path
import yaml
sys.path.append(str(Path(__file__).resolve().parent.parent))
import copies, ledgers, reference
from common import ENV, NBS, PROC, ROOT, notebooks, read_nb, show, source, write_nb
from launch import launch_cell

# Parts in reading order, the chapters of each by patterns. A notebook belongs to the first that fits.
PARTS = {
    '': ['index.ipynb'],
    'Start': ['generative_models.ipynb', 'first_hour.ipynb'],
    'Foundations': ['00_gauss.ipynb', '01_*'],
    'Variational autoencoders': ['1*'],
    'Diffusion': ['2*'],
    'Scores': ['3*'],
    'One picture': ['4*'],
    'Workshop': ['0*', '8*', '9*'],
    'To look things up': ['one_sheet.ipynb', 'notation.ipynb', *ledgers.PAGES, '*']}

def sidebar():
    "The home page, then the parts with their chapters"
    left, contents = [str(f.relative_to(NBS)) for f in notebooks()] + ledgers.PAGES, []
    for part, patterns in PARTS.items():
        names = list(dict.fromkeys(name for p in patterns for name in left if fnmatch(name, p)))
        left = [name for name in left if name not in names]
        if part and names: contents.append(dict(section=part, contents=names))
        else: contents += names
    contents += reference.sidebar([o for o in contents if isinstance(o, dict)])
    return {'website': {'sidebar': {'contents': contents}}}

def flat(entries):
    "The names in a sidebar, in its order"
    return [n for e in entries for n in ([e] if isinstance(e, str) else flat(e['contents']))]

def is_plot(output):
    "Is this output a drawing on white, and not a photograph or a grid of digits?"
    from PIL import Image, ImageStat
    data = output.get('data', {})
    if 'image/svg+xml' in data: return True
    still = re.search(r'src="data:image/png;base64,([^"]+)', ''.join(data.get('text/html', '')))
    png = data.get('image/png') or still and still[1]
    if not png: return False
    picture = Image.open(io.BytesIO(base64.b64decode(''.join(png)))).convert('RGBA')
    paper = Image.new('RGBA', picture.size, 'white')
    return ImageStat.Stat(Image.alpha_composite(paper, picture).convert('L')).mean[0] > 190

SHORT = 24       # lines

def lesson_code(cells):
    """Exported code that teaches, once: where it is short it stands open, docments and all, in the place of
    the signature that nbdev puts above it; where it is long, the signature stands, the source is folded."""
    # headings that are a name have its anchor
    titles = {o.lower() for c in cells for o in re.findall(r'^#+ \[?`?([\w.]+)', source(c), re.M)}
    for above, c in zip([None, *cells], cells):
        head, _, code = source(c).partition('#| code-summary: "Exported source"\n')
        if not code or 'code-fold: show' not in head: continue
        if len(code.splitlines()) > SHORT:
            c['source'] = '#| code-summary: "Source"\n#| code-fold: true\n' + code
            continue
        c['source'] = code
        shown = re.search(r'^show_doc\(([\w.]+)', source(above), re.M) if above else None
        if not shown: continue
        name = shown[1].lower()
        above.pop('outputs')
        above.update(copies.cell('markdown', above['id'], '' if name in titles else f'[]{{#{name}}}'))

def as_raw_html(output):
    "HTML as Markdown that holds it: for any HTML output Quarto would load two libraries from another host"
    data = output.get('data', {})
    if 'text/html' in data: data['text/markdown'] = f"````{{=html}}\n{''.join(data.pop('text/html'))}\n````"

def prepare(f):
    "A prepared notebook gets its links and marks; JupyterLab's folds are nothing for Quarto"
    nb = read_nb(f)
    lesson_code(nb['cells'])
    if f.name not in ledgers.PAGES: nb['cells'].insert(1, launch_cell(f.name))
    for c in nb['cells']:
        c['metadata'].pop('jupyter', None)
        if any(map(is_plot, c.get('outputs', []))): c['source'] = '#| classes: plot\n' + ''.join(c['source'])
        for o in c.get('outputs', []): as_raw_html(o)
    write_nb(nb, f)

def main():
    bad = ledgers.problems(notebooks())
    for o in bad: print('  PROBLEM', o)
    if bad: return True
    os.environ.update(ENV)
    os.chdir(NBS)
    sys.path.insert(0, str(ROOT))
    from nbdev.quarto import refresh_quarto_yml
    from nbdev.serve import proc_nbs
    refresh_quarto_yml()
    bar = sidebar()
    (NBS/'sidebar.yml').write_text(yaml.safe_dump(bar, sort_keys=False), encoding='utf-8')
    proc_nbs(n_workers=2, force=True)
    order = flat(bar['website']['sidebar']['contents'])
    chapters = [f.name for f in notebooks()]
    ledgers.write_all([o for o in order if o in chapters])
    for f in PROC.glob('*.ipynb'): prepare(f)
    pages = reference.main() + len(ledgers.PAGES)
    print(f'proc: {len(chapters)} notebooks and {pages} pages made of them prepared in {show(PROC)}/')
    return copies.main()

if __name__ == '__main__': sys.exit(main())
