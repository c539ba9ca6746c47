"Reads settings.ini, the one place where the project's metadata stand; needs neither nbdev nor fastcore to build."
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup, find_packages

ROOT = Path(__file__).resolve().parent
cp = ConfigParser(delimiters=['='])
cp.read(ROOT/'settings.ini', encoding='utf-8')
cfg = cp['DEFAULT']

STATUS = ['1 - Planning', '2 - Pre-Alpha', '3 - Alpha', '4 - Beta', '5 - Production/Stable', '6 - Mature', '7 - Inactive']
LICENSES = {'apache2': 'Apache-2.0'}
PYTHONS = ['3.10', '3.11', '3.12', '3.13']      # those that .github/workflows/test.yml tests
lib = cfg['lib_path']

setup(
    name=cfg['lib_name'],
    version=cfg['version'],
    description=cfg['description'],
    long_description=(ROOT/'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author=cfg['author'],
    author_email=cfg['author_email'],
    url=cfg['git_url'],
    project_urls={
        'Documentation': cfg['doc_host'] + cfg['doc_baseurl'],
        'Issues': cfg['git_url'] + '/issues',
        'Changes': f"{cfg['git_url']}/blob/{cfg['branch']}/CHANGELOG.md",
    },
    keywords=cfg['keywords'].split(),
    license=LICENSES[cfg['license']],
    classifiers=[
        f"Development Status :: {STATUS[int(cfg['status'])-1]}",
        f"Intended Audience :: {cfg['audience']}",
        f"Natural Language :: {cfg['language']}",
        'Programming Language :: Python :: 3',
        *[f'Programming Language :: Python :: {o}' for o in PYTHONS],
        'Framework :: Jupyter',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Typing :: Typed',
    ],
    packages=find_packages(include=[lib, f'{lib}.*']),
    package_data={lib: ['py.typed','data/*','models/*/*']},
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg['requirements'].split(),
    extras_require={'dev': cfg['dev_requirements'].split(), 'bench': cfg['bench_requirements'].split()},
    entry_points={'console_scripts': cfg['console_scripts'].splitlines(), 'nbdev': [f'{lib}={lib}._modidx:d']},
    zip_safe=False,
)
