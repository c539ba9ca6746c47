"""Builds the site without Quarto: the notebooks of _proc/ as static pages in _site/, rendered by pandoc,
to be read without a network, and as Markdown (llms.py). Fails on an unknown citation, an unresolved
reference, TeX that doesn't parse, a broken link or anchor, a stored error. The published site is Quarto's,
from the same _proc/."""
import html, json, re, shutil, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import Template
import pypandoc, yaml
HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
from common import COPIES, PROC, SITE, read_nb, show
import llms
from links import broken_links
from make_font import missing
from page import Page
from proc import flat

READER = 'markdown-yaml_metadata_block-implicit_figures+autolink_bare_uris'
esc = lambda s: html.escape(str(s), quote=True)

def pandoc(md, bibliography, to=('-t', 'html5', '--mathml')):
    "Markdown to HTML, or to what `to` asks for, and pandoc's complaints"
    cmd = [pypandoc.get_pandoc_path(), '-f', READER, '--wrap=none',
           '--lua-filter', PROC/'math.lua', '--lua-filter', HERE/'site.lua',
           '--citeproc', '-M', 'link-citations=true',
           *[f'--bibliography={o}' for o in bibliography], *to]
    r = subprocess.run(cmd, input=md, text=True, encoding='utf-8', capture_output=True, cwd=PROC, timeout=120)
    said = re.sub(r'\n\s+', ' ', r.stderr).splitlines()
    if r.returncode: said.append(f'pandoc ended with exit code {r.returncode}')
    return r.stdout, [o.replace('[WARNING] ', '').strip() for o in said if o.strip()]

def inline(text):
    "A title or description: one line of Markdown"
    body = pandoc(str(text), [])[0].strip()
    return re.sub(r'^<p>(.*)</p>$', r'\1', body, flags=re.S)

class Chapter:
    "A notebook of _proc/ and the page made of it"
    def __init__(self, name, fold):
        self.name, path = name, PROC/name
        self.files = SITE/f'{Path(name).stem}_files'
        self.page = Page(read_nb(path), self.files, fold)
        self.out = self.page.meta.get('output-file') or f'{path.stem}.html'
        self.title, self.description = (self.page.meta.get(k) or '' for k in ('title', 'description'))
        self.problems = list(self.page.problems)

    def render(self, bibliography):
        self.body, said = pandoc(self.page.md, bibliography)
        self.copy, said_again = pandoc(self.page.md, bibliography, llms.FORMAT)
        self.problems += said + [o for o in said_again if o not in said]
        lacking = missing(self.body)
        if lacking: self.problems.append(f'formulas with characters that the font lacks: {lacking}')
        for ref in sorted(self.page.refs):
            if f'id="{ref}"' in self.body: continue
            self.problems.append(f'a code comment names @{ref}, which is not on this page')

    def contents(self):
        "Links to the page's headings"
        heads = re.findall(r'<h([23])\b[^>]*\bid="([^"]+)"[^>]*>(.*?)</h\1>', self.body, flags=re.S)
        heads = [(n, i, re.sub(r'<a\b[^>]*>|</a>', '', t)) for n, i, t in heads]
        return ''.join(f'<a{" class=deep" if n == "3" else ""} href="#{i}">{t}</a>' for n, i, t in heads)

    def sections(self):
        "Link, title and plain text of each part of the page, for the search"
        parts = re.split(r'<h[23]\b[^>]*\bid="([^"]+)"[^>]*>(.*?)</h[23]>', self.body, flags=re.S)
        rest = zip(parts[1::3], parts[2::3], parts[3::3])
        for anchor, title, body in [('', self.title, parts[0]), *rest]:
            link = f'{self.out}#{anchor}' if anchor else self.out
            name = plain(title) if not anchor else f'{plain(title)} ({plain(self.title)})'
            yield link, name, plain(body)

def plain(body):
    "The text of a piece of HTML, formulas as TeX, without code"
    body = re.sub(r'<pre\b.*?</pre>|<script\b.*?</script>|<style\b.*?</style>', ' ', body, flags=re.S)
    body = re.sub(r'<math\b.*?<annotation[^>]*>(.*?)</annotation>.*?</math>', r'\1', body, flags=re.S)
    return ' '.join(html.unescape(re.sub(r'<[^>]+>', ' ', body)).split())

def local_links(body, site_url, outs):
    "Links to the published site and to notebooks become links between these pages"
    body = body.replace(f'href="{site_url}/"', 'href="index.html"').replace(f'href="{site_url}/', 'href="')
    def page(m):
        name = m[1].removeprefix('./').removeprefix('nbs/')
        return f'href="{outs.get(name, m[1])}{m[2] or ""}"'
    return re.sub(r'href="(?![a-z]+:)([^"#]+\.ipynb)(#[^"]*)?"', page, body)

def sidebar(entries, chapters, here, deep=False):
    "The chapters by part, as the site's sidebar lists them; a part of a part is folded"
    res = []
    for e in entries:
        if isinstance(e, str):
            c = chapters[e]
            current = ' aria-current=page' if c is here else ''
            res.append(f'<a href="{c.out}"{current}>{inline_cache(c.title or e)}</a>')
        else:
            name, inner = esc(e['section']), sidebar(e['contents'], chapters, here, True)
            opened = ' open' if 'aria-current' in inner else ''
            head = f'<details{opened}><summary>{name}</summary>' if deep else f'<p>{name}</p>'
            res += [head, inner] + ['</details>']*deep
    return '\n'.join(res)

_titles = {}
def inline_cache(text):
    if text not in _titles: _titles[text] = inline(text) if re.search(r'[`$*_\\]', text) else esc(text)
    return _titles[text]

def turn(ordered, i):
    "Links to the chapters before and after"
    res = ''
    for j, rel, word in ((i-1, 'prev', 'Previous'), (i+1, 'next', 'Next')):
        if not 0 <= j < len(ordered): continue
        c = ordered[j]
        res += f'<a class="{rel}" rel="{rel}" href="{c.out}"><small>{word}</small>{inline_cache(c.title)}</a>'
    return res

def fields(c, ordered, chapters, entries, site, shared):
    "What site.html wants to know of chapter `c`"
    head, contents = '<strong>On this page</strong>', c.contents()
    name = esc(site['title'])
    return dict(
        title=esc(c.title) + ('' if c.title == site['title'] else f' - {name}'), site=name,
        heading=inline_cache(c.title), description=esc(c.description),
        body=local_links(c.body, site['site-url'], {n: o.out for n, o in chapters.items()}),
        chapters=sidebar(entries, chapters, c), turn=turn(ordered, ordered.index(c)),
        contents=head + contents if contents else '', shared=shared)

def read(name): return yaml.safe_load((PROC/name).read_text(encoding='utf-8'))

def lay_out():
    "An empty site with the files that its pages share"
    shutil.rmtree(SITE, ignore_errors=True)
    SITE.mkdir()
    for f in (HERE/'site.css', HERE/'site.js', PROC/'styles.css', PROC/'favicon.svg'): shutil.copy(f, SITE)
    for o in (PROC/'fonts', PROC/'images', COPIES):          # COPIES: to download
        if o.is_dir(): shutil.copytree(o, SITE/o.name)

def build():
    "Write the pages; how many, and what is wrong"
    lay_out()
    quarto, site = read('_quarto.yml'), read('nbdev.yml')['website']
    entries = read('sidebar.yml')['website']['sidebar']['contents']
    bib = quarto.get('bibliography') or []
    bib = [bib] if isinstance(bib, str) else bib
    fold = quarto['format']['html'].get('code-fold', False)
    chapters = {name: Chapter(name, fold) for name in flat(entries)}
    ordered = list(chapters.values())
    with ThreadPoolExecutor(2) as pool: list(pool.map(lambda c: c.render(bib), ordered))
    template = Template((HERE/'site.html').read_text(encoding='utf-8'))
    if quarto['website'].get('llms-txt'): llms.write(chapters, entries, site)
    shared = (PROC/'page.html').read_text(encoding='utf-8')
    for c in ordered:
        page = template.substitute(fields(c, ordered, chapters, entries, site, shared))
        (SITE/c.out).write_text(page, encoding='utf-8')
    search = json.dumps([o for c in ordered for o in c.sections()], ensure_ascii=False)
    (SITE/'search.js').write_text(f'window.SEARCH = {search}\n', encoding='utf-8')
    problems = [f'{c.name}: {o}' for c in ordered for o in c.problems] + list(broken_links(SITE))
    return len(ordered), list(dict.fromkeys(problems))

def main():
    n, problems = build()
    for o in problems: print('  PROBLEM', o)
    hint = '' if problems else f'; open {show(SITE)}/index.html'
    print(f'site: {n} pages in {show(SITE)}/, {len(problems)} problems{hint}')
    return bool(problems)

if __name__ == '__main__': sys.exit(main())
