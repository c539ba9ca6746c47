"Every local link, image and anchor of the built pages must lead somewhere."
import re
from html import unescape
from urllib.parse import unquote

_id = re.compile(r'\bid="([^"]*)"')
_link = re.compile(r'<(?:a|img|link|script|source)\b[^>]*?\b(?:href|src)="([^"]*)"', re.S)

def broken_links(site):
    "What is wrong with the links in the pages under `site`"
    files = sorted(site.rglob('*.html'))
    pages = {f.relative_to(site).as_posix(): f.read_text(encoding='utf-8') for f in files}
    anchors = {name: set(_id.findall(text)) for name, text in pages.items()}
    for name, text in pages.items():
        text = re.sub(r'<script\b.*?</script>', '', text, flags=re.S)
        for link in dict.fromkeys(unescape(o) for o in _link.findall(text)):
            if re.match(r'[a-z][a-z0-9+.-]*:', link): continue
            path, _, anchor = unquote(link).partition('#')
            target = (site/name).parent/path if path else site/name
            key = target.resolve().relative_to(site.resolve()).as_posix() if target.is_file() else None
            if path == '' and anchor == '': yield f'{name}: an empty link'
            elif key is None: yield f'{name}: broken link {link}'
            elif anchor and anchor not in anchors.get(key, {anchor}): yield f'{name}: no such anchor {link}'
