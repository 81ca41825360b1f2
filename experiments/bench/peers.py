"""What people run today for the workloads of posenc bench, in PyTorch and NumPy.

    python3 peers.py WORKLOAD        for example shaw_good:512:16, or shaw_good:512:16:grad

Prints "ready BASE" (resident megabytes with all inputs in place and one run done to warm up), then
for every line on standard input does the work once and prints "seconds PEAK". posenc bench
--against-torch talks to it, so that its runs and ours alternate. Float, batch 4, 8 heads of 64.
"""
import math
import sys
import time

import numpy as np

BATCH, HEADS, WIDTH = 4, 8, 64


def memory(member):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(member):
                return int(line.split()[1]) / 1024
    return 0.0


# ---- tables ---------------------------------------------------------------------------------------


def torch_table(length, width):
    """As in the PyTorch tutorial: exp-log frequencies, strided assignment."""
    import torch

    def work():
        place = torch.arange(length).unsqueeze(1)
        turn = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        table = torch.zeros(length, width)
        table[:, 0::2] = torch.sin(place * turn)
        table[:, 1::2] = torch.cos(place * turn)
        return table

    return work


def np_table(length, width):
    """Angles in float64, stored as float32."""

    def work():
        turn = 10000.0 ** (-np.arange(0, width, 2) / width)
        angle = np.arange(length, dtype=np.float64)[:, None] * turn
        table = np.empty((length, width), dtype=np.float32)
        table[:, 0::2] = np.sin(angle)
        table[:, 1::2] = np.cos(angle)
        return table

    return work


def gram(length, width):
    """Mean of P P^T along each diagonal."""
    table = np_table(length, width)()

    def work():
        products = table @ table.T
        return np.array([np.diagonal(products, k).mean() for k in range(length)])

    return work


def embed(vocabulary, width, batch, length):
    import torch

    layer = torch.nn.Embedding(vocabulary, width)
    code = torch.randn(length, width)
    tokens = torch.randint(0, vocabulary, (batch, length))

    def work():
        with torch.no_grad():
            return layer(tokens) * math.sqrt(width) + code

    return work


# ---- attention ------------------------------------------------------------------------------------


def vectors(queries, keys):
    import torch

    return [torch.randn(BATCH, HEADS, n, WIDTH) for n in (queries, keys, keys)]


def forward(work, leaves):
    import torch

    def quiet():
        with torch.no_grad():
            return work()

    return quiet


def forward_and_backward(work, leaves):
    """As ours: the gradient by the output is the output, and gradients start from nothing."""
    for leaf in leaves:
        leaf.requires_grad_()

    def both():
        for leaf in leaves:
            leaf.grad = None
        out = work()
        out.backward(out.detach())

    return both


def plain(length, run=forward):
    import torch

    q, k, v = vectors(length, length)
    scale = 1 / math.sqrt(WIDTH)
    return run(lambda: torch.softmax((q * scale) @ k.transpose(2, 3), -1) @ v, (q, k, v))


def strided(x, rows, columns, start):
    """View of x (B, H, rows, n) whose row i starts at column start - i: the skew without a copy."""
    n = x.shape[-1]
    step = (HEADS * rows * n, rows * n, n - 1, 1)
    return x.as_strided((BATCH, HEADS, rows, columns), step, start)


def shaw_good(length, clip, run=forward):
    """Queries times all rows, then a look-up by offset; weights summed by offset, then times rows.
    With a row for every offset both are strided views."""
    import torch
    from torch.nn.functional import pad

    q, k, v = vectors(length, length)
    key_rows, value_rows = (torch.randn(2 * clip + 1, WIDTH) for _ in range(2))
    scale, every = 1 / math.sqrt(WIDTH), clip == length - 1
    token = torch.arange(length)
    index = ((token[None] - token[:, None]).clamp(-clip, clip) + clip).expand(
        BATCH, HEADS, length, length
    )

    def by_offset(w):
        if every:
            wide = 3 * length - 1
            step = (HEADS * length * wide, length * wide, wide + 1, 1)
            size = (BATCH, HEADS, length, 2 * length - 1)
            return pad(w, (length - 1, length)).as_strided(size, step)
        wide = length + 2 * clip
        step = (HEADS * length * wide, length * wide, wide + 1, 1)
        size = (BATCH, HEADS, length, 2 * clip - 1)
        band = pad(w, (clip, clip)).as_strided(size, step, 1)
        ends = (w.tril(-clip).sum(-1, keepdim=True), w.triu(clip).sum(-1, keepdim=True))
        return torch.cat((ends[0], band, ends[1]), -1)

    def work():
        scaled = q * scale
        rows = scaled @ key_rows.T
        relative = strided(rows, length, length, length - 1) if every else rows.gather(-1, index)
        w = torch.softmax(scaled @ k.transpose(2, 3) + relative, -1)
        return w @ v + by_offset(w) @ value_rows

    return run(work, (q, k, v, key_rows, value_rows))


def txl_good(length, past, run=forward):
    """Batched products and a strided shift in place of rel_shift's pad and reshape."""
    import torch
    from torch.nn.functional import pad

    keys = length + past
    q, k, v = vectors(length, keys)
    u, w = (torch.randn(HEADS, 1, WIDTH) for _ in range(2))
    rows = torch.randn(HEADS, WIDTH, keys)
    scale = 1 / math.sqrt(WIDTH)
    later = torch.ones(length, keys, dtype=torch.bool).triu(1 + past)

    def work():
        content = ((q + u) * scale) @ k.transpose(2, 3)
        place = pad(((q + w) * scale) @ rows, (0, length - 1))
        logits = content + strided(place, length, keys, length - 1)
        return torch.softmax(logits.masked_fill(later, -math.inf), -1) @ v

    return run(work, (q, k, v, u, w, rows))


def txl(length, past, run=forward):
    """The published code: einsum over (length, batch, head, width), rel_shift by pad and reshape."""
    import torch

    keys = length + past
    q = torch.randn(length, BATCH, HEADS, WIDTH)
    k, v = (torch.randn(keys, BATCH, HEADS, WIDTH) for _ in range(2))
    u, w = (torch.randn(HEADS, WIDTH) for _ in range(2))
    rows = torch.randn(keys, HEADS, WIDTH)
    later = torch.ones(length, keys, dtype=torch.bool).triu(1 + past)[:, :, None, None]

    def shift(x):
        zero = torch.zeros(length, 1, BATCH, HEADS)
        padded = torch.cat((zero, x), 1).view(keys + 1, length, BATCH, HEADS)
        return padded[1:].view_as(x)

    def work():
        logits = torch.einsum("ibhd,jbhd->ijbh", q + u, k)
        logits = logits + shift(torch.einsum("ibhd,jhd->ijbh", q + w, rows))
        logits = (logits / math.sqrt(WIDTH)).masked_fill(later, -math.inf)
        return torch.einsum("ijbh,jbhd->ibhd", torch.softmax(logits, 1), v)

    return run(work, (q, k, v, u, w, rows))


# ---- a training step ------------------------------------------------------------------------------


def training(kind, layers=4, width=128, heads=4, length=128, batch=32, vocabulary=256, clip=16):
    """A pre-norm transformer with AdamW, the relative parts in their fast forms (shaw_good, txl_good)."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    size = width // heads
    token = torch.arange(length)
    later = torch.ones(length, length, dtype=torch.bool).triu(1)
    index = (token[None] - token[:, None]).clamp(-clip, clip) + clip
    turn = 10000.0 ** (-torch.arange(0, size, 2) / size)
    cosine, sine = (token[:, None] * turn).cos(), (token[:, None] * turn).sin()
    waves = torch.as_tensor(np_table(length, width)()).flip(0)

    def skew(x):
        n = x.shape[-1]
        step = (heads * length * n, length * n, n - 1, 1)
        return x.as_strided((batch, heads, length, length), step, length - 1)

    def rotate(x):
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cosine - b * sine, a * sine + b * cosine), -1).flatten(-2)

    def by_offset(w):
        wide = length + 2 * clip
        step = (heads * length * wide, length * wide, wide + 1, 1)
        band = F.pad(w, (clip, clip)).as_strided((batch, heads, length, 2 * clip - 1), step, 1)
        left, right = w.tril(-clip).sum(-1, keepdim=True), w.triu(clip).sum(-1, keepdim=True)
        return torch.cat((left, band, right), -1)

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.inward, self.outward = nn.Linear(width, 3 * width), nn.Linear(width, width)
            if kind == "shaw":
                self.key_rows = nn.Parameter(0.02 * torch.randn(2 * clip + 1, size))
                self.value_rows = nn.Parameter(0.02 * torch.randn(2 * clip + 1, size))
            if kind == "txl":
                self.rows = nn.Linear(width, width, bias=False)
                self.u = nn.Parameter(torch.zeros(heads, 1, size))
                self.w = nn.Parameter(torch.zeros(heads, 1, size))

        def forward(self, x):
            q, k, v = self.inward(x).view(batch, length, 3, heads, size).permute(2, 0, 3, 1, 4)
            if kind == "rope":
                q, k = rotate(q), rotate(k)
            logits = (q + self.u if kind == "txl" else q) @ k.transpose(2, 3)
            if kind == "txl":
                rows = self.rows(waves).view(length, heads, size).permute(1, 2, 0)
                logits = logits + skew(F.pad((q + self.w) @ rows, (0, length - 1)))
            if kind == "shaw":
                logits = logits + (q @ self.key_rows.T).gather(-1, index.expand(logits.shape))
            w = torch.softmax((logits / math.sqrt(size)).masked_fill(later, -math.inf), -1)
            out = w @ v
            if kind == "shaw":
                out = out + by_offset(w) @ self.value_rows
            return self.outward(out.transpose(1, 2).reshape(batch, length, width))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attention = Attention()
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            x = x + self.attention(self.first(x))
            return x + self.down(F.gelu(self.up(self.second(x))))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Embedding(vocabulary, width)
            self.positions = nn.Embedding(length, width) if kind == "learned" else None
            self.blocks = nn.ModuleList(Block() for _ in range(layers))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

        def forward(self, x):
            x = self.tokens(x)
            x = x + self.positions.weight if self.positions else x
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    model = Model()
    steps = torch.optim.AdamW(model.parameters(), lr=1e-3, foreach=True)
    read, asked = (torch.randint(0, vocabulary, (batch, length)) for _ in range(2))

    def work():
        steps.zero_grad(set_to_none=True)
        F.cross_entropy(model(read).flatten(0, 1), asked.flatten()).backward()
        steps.step()

    return work


def train_learned():
    return training("learned")


def train_shaw():
    return training("shaw")


def train_txl():
    return training("txl")


def train_rope():
    return training("rope")


def main():
    name, *sizes = sys.argv[1].split(":")
    peers = (torch_table, np_table, gram, embed, plain, shaw_good, txl_good, txl)
    peers += (train_learned, train_shaw, train_txl, train_rope)
    by_name = {peer.__name__: peer for peer in peers}
    backward = sizes[-1:] == ["grad"]
    if name not in by_name or (backward and by_name[name] not in (plain, shaw_good, txl_good, txl)):
        sys.exit("there is no peer for " + sys.argv[1])
    if backward:
        work = by_name[name](*map(int, sizes[:-1]), run=forward_and_backward)
    else:
        work = by_name[name](*map(int, sizes))
    base = memory("VmRSS")
    work()
    print("ready", base, flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        work()
        print(time.perf_counter() - begin, memory("VmHWM"), flush=True)


main()
