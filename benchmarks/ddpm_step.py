"""What a training step of DDPM() costs beside a bare PyTorch loop over the same network, 1x32x32.

    python benchmarks/ddpm_step.py [--rounds 5] [--steps 8] [--batch-size 8] [--device cpu] [--bf16]

'fit' does all that it does: fused AdamW, one-cycle, clipping, a moving average, a finite check. 'bare'
writes the loss out and steps with AdamW as it comes, 'fused' with AdamW(fused=True). A round is a run of
a few steps, and what a run needs to begin (for `fit`, a copy of the weights for their average) is part of
it.
`--bf16` adds `fit` in bfloat16 autocast. Only a processor that multiplies in bfloat16 (AVX512-BF16, AMX,
a GPU) gains by it; on another it is many times slower.
Targets: fit at most 10 % above bare; bfloat16 at least 1.7 times as fast as float32."""
import copy
import torch
import torch.nn.functional as F
from genmodels import DDPM, fit
from harness import bare, begin, finish, parser, report, take_turns

p = parser(__doc__, rounds=5)
p.add_argument('--steps', type=int, default=8, help='of each run (default 8)')
p.add_argument('--batch-size', type=int, default=8)
p.add_argument('--bf16', action='store_true', help='fit in bfloat16, too')
a = p.parse_args()
begin(a)
x = 2*torch.rand(a.batch_size, 1, 32, 32, device=a.device) - 1
start = DDPM().to(a.device)
alpha_bar = (1 - torch.linspace(1e-4, .02, 1000, dtype=torch.float64)).cumprod(0).float().to(a.device)


def simple_loss(net):
    "The loss of the paper (Ho et al. 2020, eq. 14), written out"
    k,eps = torch.randint(1000, (len(x),), device=a.device),torch.randn_like(x)
    ab = alpha_bar[k][:,None,None,None]
    return F.mse_loss(net(ab.sqrt()*x + (1 - ab).sqrt()*eps, (k + 1)/1000), eps)


def ours(dtype=None):
    model = copy.deepcopy(start)
    return lambda: fit(model, x, a.steps, batch_size=len(x), lr=2e-4, dtype=dtype, progress=False)


def theirs(**adamw):
    net = copy.deepcopy(start.net).train()
    return lambda: bare(net, simple_loss, a.steps, lr=2e-4, **adamw)


jobs = {'fit': ours, 'bare': theirs, 'fused': lambda: theirs(fused=True)}
pairs = [('fit','bare'), ('fit','fused')]
if a.bf16:
    jobs['fit, bf16'] = lambda: ours(torch.bfloat16)
    pairs += [('fit','fit, bf16')]
finish(a, **report(take_turns(jobs, a), pairs, per=a.steps))
