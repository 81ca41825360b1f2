"""Copy a notebook of a run with small pictures, for version control, or draw one of its figures:
    python3 experiments/finish_notebook.py FOLDER/ID.ipynb OUT.ipynb WIDTH
    python3 experiments/finish_notebook.py FOLDER/FIGURE.gp OUT.png WIDTH
Only the standard library and gnuplot. Every picture is drawn again by its script, WIDTH pixels wide, and
keeps at most 64 colours: the commonest stay, and every other one, an edge of a letter or a line, becomes
the nearest of them."""
import base64
import glob
import json
import os
import struct
import subprocess
import sys
import zlib
from collections import Counter

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = 64


def chunks(data):
    at = len(SIGNATURE)
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + size]
        at += 12 + size


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def rows_of(raw, height, stride, step):
    """The filters of PNG (RFC 2083, section 6), undone."""
    before = bytearray(stride)
    for y in range(height):
        at = y * (stride + 1)
        kind, row = raw[at], bytearray(raw[at + 1:at + 1 + stride])
        for i in range(stride):
            left = row[i - step] if i >= step else 0
            above, corner = before[i], before[i - step] if i >= step else 0
            if kind == 1:
                row[i] = (row[i] + left) & 255
            elif kind == 2:
                row[i] = (row[i] + above) & 255
            elif kind == 3:
                row[i] = (row[i] + (left + above) // 2) & 255
            elif kind == 4:
                row[i] = (row[i] + paeth(left, above, corner)) & 255
        before = row
        yield row


def pixels_of(data):
    """Width, height and the colours of all pixels, row by row; what is not RGB or RGBA: None."""
    parts = list(chunks(data))
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", parts[0][1])
    if depth != 8 or kind not in (2, 6) or interlaced:
        return None
    step = 3 if kind == 2 else 4
    raw = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    rows = [[bytes(row[x:x + 3]) for x in range(0, len(row), step)]
            for row in rows_of(raw, height, width * step, step)]
    return width, height, rows


def palette_of(counts):
    """The commonest colours that differ visibly, and what becomes of each colour."""
    kept = []
    for apart in (24, 8, 0):  # first well apart, so that rare colours of curves get a place
        for colour, _ in counts.most_common():
            if len(kept) == COLOURS:
                break
            if all(sum(abs(a - b) for a, b in zip(colour, k)) > apart for k in kept):
                kept.append(colour)
    nearest = {c: min(range(len(kept)),
                      key=lambda i: sum((a - b) ** 2 for a, b in zip(c, kept[i])))
               for c in counts}
    return kept, nearest


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(
        ">I", zlib.crc32(kind + body))


def smaller(data):
    found = pixels_of(data)
    if not found:
        return data
    width, height, rows = found
    kept, nearest = palette_of(Counter(c for row in rows for c in row))
    raw = b"".join(b"\0" + bytes(nearest[c] for c in row) for row in rows)
    made = (SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)) +
            chunk(b"PLTE", b"".join(kept)) + chunk(b"IDAT", zlib.compress(raw, 9)) +
            chunk(b"IEND", b""))
    return made if len(made) < len(data) else data


def drawn(script, width):
    """The picture of a figure's script, at this width: everything grows and shrinks with it, and
    sizes of texts are pixels of a page 1280 wide, which pngcairo counts in points."""
    scale = width / 1280
    terminal = ("set terminal pngcairo size %d,%d noenhanced background '#ffffff' font 'DejaVu Sans,20'"
                " fontscale %g linewidth %g pointscale %g" % (width, width * 9 // 16, 0.75 * scale, scale, scale))
    with open(script, encoding="utf-8") as file:
        lines = [terminal if line.startswith("set terminal ") else line.rstrip("\n") for line in file]
    return subprocess.run(["gnuplot"], input="\n".join(lines).encode() + b"\n", check=True,
                          stdout=subprocess.PIPE).stdout


def scripts_by_picture(folder):
    """Which script drew a picture, by the picture's bytes."""
    found = {}
    for picture in glob.glob(os.path.join(glob.escape(folder), "*.png")):
        if os.path.exists(picture[:-4] + ".gp"):
            with open(picture, "rb") as file:
                found[file.read()] = picture[:-4] + ".gp"
    return found


def finish_notebook(source, target, width):
    scripts = scripts_by_picture(os.path.dirname(source) or ".")
    with open(source, encoding="utf-8") as file:
        notebook = json.load(file)
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                large = base64.b64decode("".join(data["image/png"]))
                small = smaller(drawn(scripts[large], width))
                data["image/png"] = base64.b64encode(small).decode("ascii") + "\n"
    with open(target, "w", encoding="utf-8") as file:
        json.dump(notebook, file, ensure_ascii=False, indent=1)
        file.write("\n")


def main(source, target, width):
    if source.endswith(".gp"):
        with open(target, "wb") as file:
            file.write(smaller(drawn(source, int(width))))
    else:
        finish_notebook(source, target, int(width))


if __name__ == "__main__":
    main(*sys.argv[1:4])
