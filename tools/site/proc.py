"""Fills _proc/ with the notebooks as nbdev prepares them for Quarto, and with a sidebar in reading order.
What `nbdev_proc_nbs` does, without its attempt to install Quarto."""
import os, sys
from fnmatch import fnmatch
from pathlib import Path
import yaml
sys.path.append(str(Path(__file__).resolve().parent.parent))
from common import ENV, NBS, notebooks, show

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
    'To look things up': ['one_sheet.ipynb', 'notation.ipynb', '*']}

def sidebar():
    "The home page, then the parts with their chapters"
    left, contents = [str(f.relative_to(NBS)) for f in notebooks()], []
    for part, patterns in PARTS.items():
        names = list(dict.fromkeys(name for p in patterns for name in left if fnmatch(name, p)))
        left = [name for name in left if name not in names]
        if part and names: contents.append(dict(section=part, contents=names))
        else: contents += names
    return {'website': {'sidebar': {'contents': contents}}}

def main():
    os.environ.update(ENV)
    os.chdir(NBS)
    from nbdev.quarto import refresh_quarto_yml
    from nbdev.serve import proc_nbs
    refresh_quarto_yml()
    (NBS/'sidebar.yml').write_text(yaml.safe_dump(sidebar(), sort_keys=False), encoding='utf-8')
    print(f'proc: {len(notebooks())} notebooks prepared in {show(proc_nbs(n_workers=2, force=True))}/')

if __name__ == '__main__': main()
