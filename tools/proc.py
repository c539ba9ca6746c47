"""Fills _proc/ with the notebooks as nbdev prepares them for Quarto, and with a sidebar grouped by part.
What `nbdev_proc_nbs` does, without its attempt to install Quarto."""
import os
import yaml
from common import ENV, NBS, notebooks, show

PARTS = {'0': 'Foundations', '1': 'Variational autoencoders', '2': 'Diffusion', '3': 'Scores',
         '4': 'One picture', '8': 'Practice', '9': 'Using it'}

def sidebar():
    "index first, then the chapters by the first digit of their number"
    contents, sections = [], {}
    for f in notebooks():
        name, part = str(f.relative_to(NBS)), PARTS.get(f.stem[0])
        if part is None: contents.append(name); continue
        if part not in sections:
            sections[part] = dict(section=part, contents=[])
            contents.append(sections[part])
        sections[part]['contents'].append(name)
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
