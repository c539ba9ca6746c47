"""The line under a chapter's title: ways to open its copy (copies.py) in Colab, in Binder, or as a file."""
import copies
from common import COPIES, settings

HUB = 'https://github.com/'

def launchers(name):
    "Ways to open the copy of a chapter: (what the link says, where it leads)"
    s = settings()
    if not s['git_url'].startswith(HUB):
        raise SystemExit(f"settings.ini: git_url must begin with {HUB}, for Colab; it is {s['git_url']}")
    repo = s['git_url'].removeprefix(HUB)
    yield 'Open in Colab', f"https://colab.research.google.com/github/{repo}/blob/{s['copies_branch']}/{name}"
    path = f'lab/tree/{COPIES.name}/{name}'
    yield 'Binder', f"https://mybinder.org/v2/gh/{repo}/{s['branch']}?urlpath={path}"
    yield 'Download', f'{COPIES.name}/{name}'

def launch_cell(name):
    "One small line under the title"
    links = [f'[{text}]({url})' for text, url in launchers(name)]
    links[-1] += f'{{download="{name}"}}'
    return copies.cell('markdown', 'launch', '::: {.launch}\n' + ' · '.join(links) + '\n:::')
