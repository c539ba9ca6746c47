"""May this tree be released under this tag? Run by .github/workflows/release.yml, and by you before you tag.
Changes nothing.

    python tools/release.py v1.2.3"""
import re, sys
from common import LIB, ROOT, settings

OWNER = ('git_url', 'doc_host', 'user', 'author_email')      # settings that only an owner can fill in

def stated():
    "(file, version that it states)"
    def in_file(path, pattern): return re.search(pattern, path.read_text(encoding='utf-8'), re.M)[1]
    yield 'settings.ini', settings()['version']
    yield 'genmodels/__init__.py', in_file(LIB/'__init__.py', r'^__version__ = "(.+)"$')
    yield 'CITATION.cff', in_file(ROOT/'CITATION.cff', r'^version: (.+)$')

def problems(tag):
    "What speaks against it"
    for file, version in stated():
        if f'v{version}' != tag: yield f'{file} says {version}, the tag says {tag}'
    version, changes = tag.removeprefix('v'), (ROOT/'CHANGELOG.md').read_text(encoding='utf-8')
    if not re.search(rf'^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$', changes, re.M):
        yield f'CHANGELOG.md has no heading "## {version} (YYYY-MM-DD)"'
    for key in OWNER:
        value = settings()[key]
        if 'example' in value: yield f'settings.ini: {key} is still a placeholder, {value}'

def main():
    if len(sys.argv) != 2: sys.exit(__doc__)
    bad = list(problems(sys.argv[1]))
    for o in bad: print('  PROBLEM', o)
    print(f'release: {sys.argv[1]}', f'{len(bad)} problems' if bad else 'may go out', sep=', ')
    return bool(bad)

if __name__ == '__main__': sys.exit(main())
