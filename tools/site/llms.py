"""For programs that read: llms.txt, the list of the site's pages, and each page as Markdown beside its HTML.
The names are Quarto's, which writes the like where `llms-txt: true` stands in _quarto.yml. `make docs` puts
these in the place of those: Quarto names a copy after its notebook, not after its page, and then lists none
whose two names differ, as 00_gauss and gauss."""
import re
from pathlib import Path
from common import SITE

# what pandoc is asked for: prose, TeX, code, text outputs, captions
FORMAT = '-t', 'gfm-raw_html-tex_math_gfm', '--lua-filter', Path(__file__).resolve().parent/'llms.lua'

def name(c): return c.out.removesuffix('.html') + '.llms.md'

def page(c, outs, site_url):
    "The copy of chapter `c`, whose links lead to other copies; `outs`: the copy of each notebook and page"
    def link(m): return f']({outs.get(m[1], m[1])}{m[2] or ""})'
    text = c.copy.replace(f']({site_url}/', '](')
    text = re.sub(r'\]\((?:nbs/|\./)*([\w./-]+\.(?:ipynb|html))(#[^)\s]*)?\)', link, text)
    return f'# {c.title}\n\n' + (f'> {c.description}\n\n' if c.description else '') + text

def listed(entries, chapters, depth=2):
    "The pages by part, as the sidebar has them"
    lines = []
    for e in entries:
        if isinstance(e, str):
            c = chapters[e]
            lines.append(f'- [{c.title}]({name(c)})' + (f': {c.description}' if c.description else ''))
        else: lines += ['', f"{'#'*depth} {e['section']}", '', *listed(e['contents'], chapters, depth + 1)]
    return lines

def write(chapters, entries, site):
    "Write the copies, and the list of them"
    outs = {o: name(c) for c in chapters.values() for o in (c.name, c.out)}
    for c in chapters.values():
        (SITE/name(c)).write_text(page(c, outs, site['site-url']), encoding='utf-8')
    head = [f"# {site['title']}", '', f"> {site.get('description', '')}", '', '## Pages', '']
    (SITE/'llms.txt').write_text('\n'.join([*head, *listed(entries, chapters)]) + '\n', encoding='utf-8')
