"""Fills _proc/ with the notebooks as nbdev prepares them for Quarto, with a sidebar in reading order and two pages made
of all chapters (ledgers.py), and marks the plots, which a dark page shows with their lightness turned round. Fails on an
equation without a check and on a mistake without a place. What `nbdev_proc_nbs` does, without its attempt to install Quarto."""
import base64, io, json, os, sys
from fnmatch import fnmatch
from pathlib import Path
import yaml
sys.path.append(str(Path(__file__).resolve().parent.parent))
from common import ENV, NBS, PROC, notebooks, read_nb, show
import ledgers

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
    return {'website': {'sidebar': {'contents': contents}}}

def flat(entries):
    "The names in a sidebar, in its order"
    return [n for e in entries for n in ([e] if isinstance(e, str) else flat(e['contents']))]

def is_plot(output):
    "Is this output a drawing on white, and not a photograph or a grid of digits?"
    from PIL import Image, ImageStat
    data = output.get('data', {})
    if 'image/svg+xml' in data: return True
    if 'image/png' not in data: return False
    picture = Image.open(io.BytesIO(base64.b64decode(''.join(data['image/png'])))).convert('RGBA')
    paper = Image.new('RGBA', picture.size, 'white')
    return ImageStat.Stat(Image.alpha_composite(paper, picture).convert('L')).mean[0] > 190

def mark_plots(f):
    "Give the cells of a prepared notebook whose outputs are plots the class `plot`"
    nb = read_nb(f)
    for c in nb['cells']:
        if any(map(is_plot, c.get('outputs', []))): c['source'] = '#| classes: plot\n' + ''.join(c['source'])
    f.write_text(json.dumps(nb, ensure_ascii=False), encoding='utf-8')

def main():
    bad = ledgers.problems(notebooks())
    for o in bad: print('  PROBLEM', o)
    if bad: return True
    os.environ.update(ENV)
    os.chdir(NBS)
    from nbdev.quarto import refresh_quarto_yml
    from nbdev.serve import proc_nbs
    refresh_quarto_yml()
    bar = sidebar()
    (NBS/'sidebar.yml').write_text(yaml.safe_dump(bar, sort_keys=False), encoding='utf-8')
    proc_nbs(n_workers=2, force=True)
    order = flat(bar['website']['sidebar']['contents'])
    ledgers.write_all([o for o in order if o not in ledgers.PAGES])
    for f in PROC.glob('*.ipynb'): mark_plots(f)
    print(f"proc: {len(notebooks())} notebooks prepared in {show(PROC)}/, and {' and '.join(ledgers.PAGES)}")

if __name__ == '__main__': sys.exit(main())
