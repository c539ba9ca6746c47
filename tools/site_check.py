"Every local link, image and anchor of the built pages must lead somewhere."
import re
from html import unescape
from urllib.parse import unquote

_id = re.compile(r'\bid="([^"]*)"')
_link = re.compile(r'<(?:a|img|link|script|source)\b[^>]*?\b(?:href|src)="([^"]*)"', re.S)

def broken_links(site):
    "What is wrong with the links in the pages under `site`"
    pages = {f.relative_to(site).as_posix(): f.read_text(encoding='utf-8') for f in sorted(site.rglob('*.html'))}
    anchors = {name: set(_id.findall(text)) for name, text in pages.items()}
    for name, text in pages.items():
        text = re.sub(r'<script\b.*?</script>', '', text, flags=re.S)
        for link in dict.fromkeys(unescape(o) for o in _link.findall(text)):
            if re.match(r'[a-z][a-z0-9+.-]*:', link): continue
            path, _, anchor = unquote(link).partition('#')
            if path == '' and anchor == '': yield f'{name}: an empty link'; continue
            target = (site/name).parent/path if path else site/name
            if not target.is_file(): yield f'{name}: broken link {link}'; continue
            key = target.resolve().relative_to(site.resolve()).as_posix()
            if anchor and key in anchors and anchor not in anchors[key]: yield f'{name}: no such anchor {link}'
