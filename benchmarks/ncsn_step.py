"""What a training step of NCSN() costs beside a bare PyTorch loop over the same network, 3x32x32.

    python benchmarks/ncsn_step.py [--rounds 5] [--steps 4] [--batch-size 8]

'fit' does all that it does: fused AdamW, one-cycle, clipping, a moving average, a finite check. 'bare'
writes the loss out and steps with AdamW as it comes. A round is a run of a few steps.
Target: fit at most 10 % above bare."""
import copy
import torch
from genmodels import NCSN, fit
from harness import bare, begin, finish, parser, report, take_turns

p = parser(__doc__, rounds=5)
p.add_argument('--steps', type=int, default=4, help='of each run (default 4)')
p.add_argument('--batch-size', type=int, default=8)
a = p.parse_args()
begin(a)
start = NCSN(sigma_max=20.).to(a.device)       # as far as random images lie apart
x = 2*torch.rand(a.batch_size, *start.shape, device=a.device) - 1
levels = start.levels


def ladder_loss(net):
    "The loss of the paper (Song & Ermon 2019, eq. 6), written out"
    k = torch.randint(1, levels + 1, (len(x),), device=a.device)
    sig,eps = net.sigmas[levels - k][:,None,None,None],torch.randn_like(x)
    return (sig**2*(net(x + sig*eps, k/levels) + eps/sig)**2).mean()


def ours():
    model = copy.deepcopy(start)
    return lambda: fit(model, x, a.steps, batch_size=len(x), lr=1e-3, progress=False)


def theirs():
    net = copy.deepcopy(start.net).train()
    return lambda: bare(net, ladder_loss, a.steps, lr=1e-3)


finish(a, **report(take_turns({'fit': ours, 'bare': theirs}, a), [('fit','bare')], per=a.steps))
