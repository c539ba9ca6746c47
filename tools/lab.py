"""JupyterLab on a folder of notebooks.

    python tools/lab.py [FOLDER] [JUPYTER'S OPTIONS...]      without one: nbs/

The notebooks of nbs/ are stored without what depends on the machine, such as the version of Python.
JupyterLab would add it when it opens one and call the notebook changed. So the server adds it first: what is
only opened stays unchanged."""
import sys
from pathlib import Path
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyterlab.labapp import LabApp
from common import NBS, ROOT, kernel_metadata

class Contents(AsyncLargeFileManager):
    "Files, and notebooks as JupyterLab would complete them"
    async def get(self, path, content=True, type=None, format=None, **kw):
        model = await super().get(path, content, type, format, **kw)
        metadata = model['content']['metadata'] if model['type'] == 'notebook' and content else {}
        if metadata.get('kernelspec', {}).get('name') == 'python3': metadata.update(kernel_metadata())
        return model

def main():
    args = sys.argv[1:]
    name = args.pop(0) if args and not args[0].startswith('-') else NBS
    folder = next((p for p in (Path(name), ROOT/name) if p.is_dir()), None)
    if folder is None:
        raise SystemExit(f'no such folder: {name}; nbs/ is there, and notebooks/ after make notebooks')
    LabApp.launch_instance([f'--ServerApp.root_dir={folder.resolve()}', *args,
                            '--ServerApp.contents_manager_class=__main__.Contents'])

if __name__ == '__main__': main()
