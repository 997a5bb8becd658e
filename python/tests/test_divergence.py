"""The head of `visual_sdpo.divergence` against plain formulas in float64, and its memory."""

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from visual_sdpo.divergence import KINDS, Divergence, Teacher, head  # noqa: E402

ROWS, WIDTH, VOCABULARY = 13, 6, 40


def plain(hidden, weight, targets, teachers, how, temperature):
    """Log-probability, entropy and divergence with whole matrices and autograd."""
    logp = torch.log_softmax(hidden @ weight.t() / temperature, -1)
    mixed = sum(t.rate * (t.hidden @ t.weight.t()) for t in teachers) / temperature
    lp, lq = logp, torch.log_softmax(mixed, -1)
    if how.top_k:
        top = logp.topk(how.top_k, -1).indices
        lp, lq = (bucketed(x, top) for x in (lp, lq))
    p, q = lp.exp(), lq.exp()
    if how.kind == "reverse_kl":
        kl = (p * (lp - lq)).sum(-1)
    elif how.kind == "forward_kl":
        kl = (q * (lq - lp)).sum(-1)
    else:
        m = ((1 - how.alpha) * p + how.alpha * q).log()
        kl = (1 - how.alpha) * (p * (lp - m)).sum(-1) + how.alpha * (q * (lq - m)).sum(-1)
    entropy = -(logp.exp() * logp).sum(-1)
    return logp.gather(-1, targets[:, None])[:, 0], entropy, kl


def bucketed(x, top):
    rest = x.scatter(-1, top, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.cat([x.gather(-1, top), rest], -1)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("top_k", [None, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_equal_plain_formulas(kind, top_k, temperature):
    torch.manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64)  # noqa: E731
    hidden, weight = draw(ROWS, WIDTH).requires_grad_(), draw(VOCABULARY, WIDTH).requires_grad_()
    targets = torch.randint(VOCABULARY, (ROWS,))
    teachers = [
        Teacher(draw(ROWS, WIDTH), weight.detach().clone(), None, 0.3),
        Teacher(draw(ROWS, WIDTH), draw(VOCABULARY, WIDTH), None, 0.7),
    ]
    how = Divergence(kind, 0.3, top_k)
    factors = [draw(ROWS) for _ in range(3)]
    want = plain(hidden, weight, targets, teachers, how, temperature)
    wanted = torch.autograd.grad(sum((f * x).sum() for f, x in zip(factors, want)), (hidden, weight))

    single = [t._replace(hidden=t.hidden.float(), weight=t.weight.float()) for t in teachers]
    h, w = hidden.detach().float().requires_grad_(), weight.detach().float().requires_grad_()
    got = head(h, w, None, targets, teachers=single, divergence=how, temperature=temperature, rows=4)
    grads = torch.autograd.grad(sum((f.float() * x).sum() for f, x in zip(factors, got[:3])), (h, w))
    for ours, theirs in zip([*got[:3], *grads], [*want, *wanted]):
        torch.testing.assert_close(ours.double(), theirs, atol=5e-5, rtol=1e-4)


def test_a_teacher_that_is_the_student_gives_no_divergence_and_no_gradient():
    torch.manual_seed(1)
    hidden, weight = torch.randn(5, WIDTH, requires_grad=True), torch.randn(VOCABULARY, WIDTH)
    out = head(hidden, weight, None, torch.zeros(5, dtype=torch.long), teachers=[Teacher(hidden, weight, None, 1.0)])
    (gradient,) = torch.autograd.grad(out.divergence.sum(), hidden)
    assert out.divergence.abs().max() == 0.0
    assert gradient.abs().max() < 1e-7


def test_two_tokens_by_hand():
    # p = (3/4, 1/4), q = (1/2, 1/2): KL(p || q) = 3/4 ln(3/2) + 1/4 ln(1/2) = 0.1308 nats.
    weight = torch.eye(2)
    hidden, teacher = torch.tensor([[3.0, 1.0]]).log(), torch.zeros(1, 2)
    out = head(hidden, weight, None, torch.tensor([0]), teachers=[Teacher(teacher, weight, None, 1.0)])
    assert out.divergence.item() == pytest.approx(0.130812, abs=1e-6)
    assert out.log_probs.item() == pytest.approx(-0.287682, abs=1e-6)
    assert out.teacher_log_probs.item() == pytest.approx(-0.693147, abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "kl"}, "divergence `kl` is unknown; help: use one of reverse_kl, forward_kl, jsd"),
        ({"kind": "jsd", "alpha": 1.0}, "alpha is 1.0; help: write a number above 0 and below 1"),
        ({"top_k": 0}, "top_k is 0; help: write 1 or more, or None for the whole vocabulary"),
    ],
)
def test_settings_outside_their_range_are_refused(settings, message):
    with pytest.raises(ValueError) as error:
        Divergence(**settings)
    assert str(error.value) == message


PEAK = """
import resource, sys, torch
from visual_sdpo.divergence import Teacher, head
tokens, width, vocabulary = 4096, 64, 151936
torch.manual_seed(0)
weight = torch.randn(vocabulary, width) * 0.1
hidden = torch.randn(tokens, width, requires_grad=True)
teacher = Teacher(torch.randn(tokens, width), weight, None, 1.0)
targets = torch.randint(vocabulary, (tokens,))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
part = slice(0, int(sys.argv[1]))
out = head(hidden[part], weight, None, targets[part], teachers=[teacher._replace(hidden=teacher.hidden[part])])
(out.log_probs.sum() + out.divergence.sum()).backward()
print(peak() - before)
"""


def test_the_peak_is_at_most_15_percent_of_both_logits():
    # 512 positions walk through the same chunks as 4096, in an eighth of the time.
    out = subprocess.run([sys.executable, "-c", PEAK, "512"], capture_output=True, text=True, check=True)
    both = 2 * 4096 * 151936 * 4
    assert int(out.stdout) <= 0.15 * both, f"{int(out.stdout) / both:.3f} of the logits of both"
