"""What `fit` costs beside a bare PyTorch loop: a small MLP, the worst case, for its own work is least.

    python benchmarks/fit_overhead.py [--rounds 15] [--steps 400]

'bare' is the loop of every tutorial; 'fused' is the same with AdamW(fused=True); 'by hand' does all that
`fit` does (fused AdamW, one-cycle, clipping, moving average, a finite check and a history) in plain code.
Target: fit at most 5 % above bare."""
import copy
import torch
from torch import nn
from genmodels import Denoiser, TimeMLP, ddpm_path, fit
from harness import bare, begin, finish, parser, report, take_turns

p = parser(__doc__, rounds=15)
p.add_argument('--steps', type=int, default=400, help='of each loop (default 400)')
p.add_argument('--batch-size', type=int, default=128)
a = p.parse_args()
begin(a)
x = torch.randn(5000, 2, device=a.device)
start = Denoiser(TimeMLP(2), ddpm_path()).to(a.device)


def batch_loss(model): return model.loss(x[torch.randint(len(x), (a.batch_size,))])


def by_hand(model):
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 2e-3, total_steps=a.steps)
    weights = [p.detach() for p in model.parameters()]
    average,history = [w.clone() for w in weights],[]
    for k in range(a.steps):
        loss = batch_loss(model)
        opt.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.)
        history.append(loss.item())
        if not (loss.isfinite() and norm.isfinite()): raise FloatingPointError(k)
        opt.step()
        schedule.step()
        torch._foreach_lerp_(average, weights, 1 - min(0.999, (1+k)/(10+k)))


def job(loop, **kw):
    "Each round trains a fresh copy"
    def ready():
        model = copy.deepcopy(start)
        return lambda: loop(model, **kw)
    return ready


def ours(model, progress): fit(model, x, a.steps, batch_size=a.batch_size, progress=progress)
def theirs(model, **adamw): bare(model, batch_loss, a.steps, lr=2e-3, **adamw)


jobs = {'fit': job(ours, progress=False), 'fit, bar': job(ours, progress=True),
    'bare': job(theirs), 'fused': job(theirs, fused=True), 'by hand': job(by_hand)}
pairs = [(mine,other) for mine in ('fit','fit, bar') for other in ('bare','fused','by hand')]
finish(a, **report(take_turns(jobs, a), pairs, per=a.steps))
