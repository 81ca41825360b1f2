#!/usr/bin/env python3
"""Train the same model in PyTorch and in posenc, from the same parameters and on the same bytes.

    compare_training.py POSENC VARIANT [--data FILE] [--steps 50] [--layers 2] [--width 64] ...

POSENC is the program; VARIANT one of learned, rope, shaw, transformer_xl, none. posenc writes its initial
parameters (--export-initial) and its losses (log.csv); PyTorch reads the parameters, rebuilds the model from
the formulas, draws the same windows of the text (the generator is a few lines, below) and takes the same
steps of AdamW. Prints one line of JSON with the largest difference of the losses, and exits with 1 when it
is above --tolerance.
"""
import argparse
import csv
import json
import math
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

MASK = (1 << 64) - 1


class Stream:
    """The core's random stream (common/core/stream.c): splitmix64, keyed by seed, purpose and number."""

    @staticmethod
    def mix(z):
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def __init__(self, seed, purpose, number):
        key = self.mix((seed + 0x9E3779B97F4A7C15) & MASK)
        for c in purpose.encode():
            key = self.mix(key ^ c)
        self.counter = self.mix((key + self.mix(number + 1)) & MASK)

    def uniform(self):
        self.counter = (self.counter + 0x9E3779B97F4A7C15) & MASK
        return (self.mix(self.counter) >> 11) * 2.0**-53


def read_safetensors(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = torch.tensor(
            np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"]).copy(), requires_grad=True
        )
    return tensors


# ---- the model, from the formulas -----------------------------------------------------------------


def sinusoids(offsets, width):
    turn = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = offsets[..., None].double() * turn
    return torch.cat((angle.sin(), angle.cos()), -1).float()


def turn_pairs(x):
    """RoFormer: columns 2k and 2k+1 of every head, by position."""
    length, width = x.shape[-2:]
    turn = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = torch.arange(length).double()[:, None] * turn
    c, s = angle.cos().float(), angle.sin().float()
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * c - b * s, a * s + b * c), -1).flatten(-2)


def attention(w, layer, kind, x, heads):
    batch, length, width = x.shape
    name = f"layers.{layer}."

    def linear(part):
        y = F.linear(x, w[name + f"attention.{part}.weight"], w[name + f"attention.{part}.bias"])
        return y.view(batch, length, heads, -1).transpose(1, 2)

    q, k, v = linear("query"), linear("key"), linear("value")
    size = q.shape[-1]
    offset = torch.arange(length)[:, None] - torch.arange(length)[None]  # i - j
    if kind == "rope":
        q, k = turn_pairs(q), turn_pairs(k)
    logits = q @ k.transpose(2, 3)
    value = None
    if kind == "shaw":
        key_rows, value_rows = w[name + "pe.rel_k"], w[name + "pe.rel_v"]
        clip = (key_rows.shape[0] - 1) // 2
        row = (-offset).clamp(-clip, clip) + clip
        logits = logits + torch.einsum("bhid,ijd->bhij", q, key_rows[row])
        value = value_rows[row]
    if kind == "transformer_xl":
        rows = (sinusoids(offset, width) @ w[name + "pe.WkR"]).view(length, length, heads, size)
        logits = (q + w["pe.u"][:, None]) @ k.transpose(2, 3)
        logits = logits + torch.einsum("bhid,ijhd->bhij", q + w["pe.vbias"][:, None], rows)
    logits = (logits / math.sqrt(size)).masked_fill(offset < 0, -math.inf)
    weights = torch.softmax(logits, -1)
    out = weights @ v
    if value is not None:
        out = out + torch.einsum("bhij,ijd->bhid", weights, value)
    out = out.transpose(1, 2).reshape(batch, length, -1)
    return F.linear(out, w[name + "attention.output.weight"], w[name + "attention.output.bias"])


def norm(w, name, x):
    return F.layer_norm(x, x.shape[-1:], w[name + "norm.weight"], w[name + "norm.bias"], 1e-5)


def network(w, kind, tokens, layers, heads):
    x = F.embedding(tokens, w["embedding.weight"])
    if kind == "learned":
        x = x + w["pe.pos"][: tokens.shape[1]]
    for layer in range(layers):
        name = f"layers.{layer}."
        x = x + attention(w, layer, kind, norm(w, name + "attention.", x), heads)
        y = F.linear(norm(w, name + "mlp.", x), w[name + "mlp.up.weight"], w[name + "mlp.up.bias"])
        x = x + F.linear(F.gelu(y), w[name + "mlp.down.weight"], w[name + "mlp.down.bias"])
    return F.linear(norm(w, "", x), w["head.weight"])


# ---- the same steps ---------------------------------------------------------------------------------


def windows(text, split_at, seed, step, batch, length):
    rows = []
    for b in range(batch):
        stream = Stream(seed, "trained on", step * batch + b)
        stream.uniform()  # the length of a question, which a text has not
        start = int(stream.uniform() * (split_at - length))
        rows.append(text[start : start + length + 1])
    rows = torch.tensor(np.array(rows), dtype=torch.int64)
    return rows[:, :-1], rows[:, 1:]


def rate_of(a, step):
    if step < a.warm_up:
        return a.learning_rate * step / a.warm_up
    done = (step - a.warm_up) / (a.steps - a.warm_up)
    return a.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * done)))


def decays(name):
    linear = name.endswith(".weight") and ("attention." in name or "mlp." in name)
    return name == "head.weight" or (linear and "norm." not in name)


def train(a, w):
    groups = [
        {"params": [t for n, t in w.items() if decays(n)], "weight_decay": 0.01},
        {"params": [t for n, t in w.items() if not decays(n)], "weight_decay": 0.0},
    ]
    steps = torch.optim.AdamW(groups, lr=a.learning_rate, betas=(0.9, 0.99), eps=1e-8)
    text = np.fromfile(a.data, dtype=np.uint8)
    split_at = int(len(text) * (1 - 0.1))
    losses = []
    for step in range(a.steps):
        tokens, targets = windows(text, split_at, a.seed, step, a.batch, a.length)
        logits = network(w, a.variant, tokens, a.layers, a.heads)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        steps.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(w.values()), 1.0)
        for group in steps.param_groups:
            group["lr"] = rate_of(a, step + 1)
        steps.step()
        losses.append(loss.item())
    return losses


def ours(a, folder):
    sizes = ("layers", "width", "heads", "length", "batch", "steps", "seed")
    options = [x for name in sizes for x in (f"--{name}", str(getattr(a, name)))]
    command = [a.posenc, "train", a.variant, "--data", a.data, "--quiet", "--out", folder]
    command += ["--export-initial", f"{folder}/initial.safetensors", "--clip", "1", "--beta2", "0.99"]
    command += ["--learning-rate", str(a.learning_rate), "--warm-up", str(a.warm_up)]
    subprocess.run(command + options, check=True, stdout=subprocess.DEVNULL)
    with open(f"{folder}/log.csv", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    return read_safetensors(f"{folder}/initial.safetensors"), losses


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("posenc")
    parser.add_argument("variant", choices=("none", "learned", "rope", "shaw", "transformer_xl"))
    parser.add_argument("--data", default=__file__)
    for name, value in dict(steps=50, layers=2, width=64, heads=4, length=64, batch=16, seed=1).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--tolerance", type=float, default=1e-4, help="of the losses, in nats")
    a = parser.parse_args()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        w, losses = ours(a, folder)
    theirs = train(a, w)
    differences = [abs(x - y) for x, y in zip(losses, theirs)]
    report = {
        "variant": a.variant,
        "steps": a.steps,
        "largest_difference": max(differences),
        "at_step": differences.index(max(differences)) + 1,
        "first_loss": [losses[0], theirs[0]],
        "last_loss": [losses[-1], theirs[-1]],
    }
    print(json.dumps(report))
    sys.exit(max(differences) > a.tolerance)


main()
