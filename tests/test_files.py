"Files that appear whole or not at all: permissions, leftovers of killed processes, names that can't be written."
import os, subprocess, sys, threading, time
from pathlib import Path
import pytest
from genmodels.files import make_folder, replacing, try_file, try_folder

KILLED = """
import os, sys
from pathlib import Path
from genmodels.files import replacing
with replacing(*sys.argv[1:]) as scratch:
    for s in scratch if isinstance(scratch, tuple) else [scratch]:
        s.write_text('half of i')
        (s.parent/'.tmpABC').write_text('a scratch file of the library that writes')
    os._exit(9)"""

def names(folder): return sorted(f.name for f in folder.iterdir())

def write(file, text='all of it'):
    with replacing(file) as scratch: scratch.write_text(text)

@pytest.fixture
def umask():
    old = os.umask(0o022)
    yield os.umask
    os.umask(old)

@pytest.mark.skipif(os.name != 'posix', reason='permissions')
@pytest.mark.parametrize('mask', [0o022, 0o077, 0o002, 0o027])
def test_new_files_follow_the_umask_however_they_were_made(tmp_path, umask, mask):
    umask(mask)
    with replacing(tmp_path/'a', tmp_path/'b') as (a, b):
        a.write_text('as usual')
        b.unlink()
        os.close(os.open(b, os.O_CREAT | os.O_WRONLY, 0o600))       # as tempfile and safetensors do
    assert {(tmp_path/f).stat().st_mode & 0o777 for f in 'ab'} == {0o666 & ~mask}

@pytest.mark.parametrize('files', [['x'], ['x', 'y']])
def test_what_a_killed_process_left_goes_with_the_next_write_of_any_file(tmp_path, files):
    (tmp_path/'.config').write_text('mine'); (tmp_path/'.unfinished.business').write_text('mine')
    assert subprocess.run([sys.executable, '-c', KILLED, *(str(tmp_path/f) for f in files)]).returncode == 9
    assert len(names(tmp_path)) > 2
    write(tmp_path/'another')
    assert names(tmp_path) == ['.config', '.unfinished.business', 'another']

def test_a_scratch_folder_in_use_stays(tmp_path):
    "Of this process, of another one, and of another machine, which gets a day"
    other = subprocess.Popen([sys.executable, '-c', KILLED.replace('os._exit(9)', 'print(flush=True); input()'), str(tmp_path/'x')], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    other.stdout.readline()
    theirs, = names(tmp_path)
    far = tmp_path/'.unfinished.elsewhere.1.abc'; far.mkdir(); old = tmp_path/'.unfinished.elsewhere.2.abc'; old.mkdir()
    os.utime(old, (time.time() - 2*86400,)*2)
    with replacing(tmp_path/'a') as a:
        a.write_text('outer')
        write(tmp_path/'b')
    assert names(tmp_path) == sorted([theirs, far.name, 'a', 'b'])
    other.communicate(b'\n')
    assert (tmp_path/'a').read_text() == 'outer'

def test_threads_that_write_one_file_do_not_write_into_each_others(tmp_path):
    texts = [str(i)*20_000 for i in range(8)]
    threads = [threading.Thread(target=lambda t=t: [write(tmp_path/'f', t) for _ in range(10)]) for t in texts]
    for t in threads: t.start()
    for t in threads: t.join()
    assert (tmp_path/'f').read_text() in texts and names(tmp_path) == ['f']

@pytest.mark.skipif(os.name != 'posix', reason='devices')
def test_a_device_is_not_replaced():
    with pytest.raises(OSError, match='device'): write('/dev/null')
    assert not Path('/dev/null').is_file()

LONG = 'ä'*150            # 150 characters, 300 bytes

@pytest.mark.parametrize('bad, said', [(LONG, 'too long'), (f'{LONG}/f', 'too long'), ('new/' + 'x'*300, 'too long'), ('file/f', 'file'), ('folder', 'folder of that name')])
def test_a_name_that_cannot_be_written_leaves_no_trace(tmp_path, bad, said):
    (tmp_path/'file').write_text('mine'); (tmp_path/'folder').mkdir()
    with pytest.raises(OSError, match=said) as e: try_file(tmp_path/bad)
    assert '\n' not in str(e.value) and names(tmp_path) == ['file', 'folder']

def test_trying_leaves_no_trace(tmp_path):
    (tmp_path/'f').write_text('mine'); (tmp_path/'empty').mkdir()
    for name in ('f', 'g', 'a/b/g', 'empty/g', 'n'*250): try_file(tmp_path/name)
    for name in ('a/b/c', 'empty', '.'): try_folder(tmp_path/name)
    for bad in (f'a/b/{LONG}', f'{LONG}/a', 'f', 'f/a'):
        with pytest.raises(OSError): try_folder(tmp_path/bad)
    assert names(tmp_path) == ['empty', 'f'] and (tmp_path/'f').read_text() == 'mine'
    with pytest.raises(OSError): make_folder(tmp_path/LONG)
