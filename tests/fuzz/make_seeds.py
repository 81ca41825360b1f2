"""Writes the seeds of the fuzz targets: a few good files and, for each rule of the readers, one that breaks it.

Run from anywhere with python3 (standard library only); the result is committed.
"""
import json
import pathlib
import struct

ROOT = pathlib.Path(__file__).parent / "seeds"


def save(target, name, data):
    folder = ROOT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def npy(dictionary, data=b"", version=1, length=None, magic=b"\x93NUMPY", minor=0):
    header = dictionary.encode() if isinstance(dictionary, str) else dictionary
    claimed = len(header) if length is None else length
    packed = struct.pack("<H" if version == 1 else "<I", claimed)
    return magic + bytes([version, minor]) + packed + header + data


def head(descr="'<f8'", shape="(2,)", order="False"):
    return "{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n" % (descr, order, shape)


def npy_seeds():
    two = struct.pack("<2d", 2.385, -1)
    good = {
        "good_v1": npy(head(), two),
        "good_v2": npy(head(), two, 2),
        "good_v3": npy(head(), two, 3),
        "good_scalar": npy(head(shape="()"), two[:8]),
        "good_empty": npy(head(shape="(0, 3)")),
        "good_fortran": npy(head("'<i4'", "(2, 3)", "True"), struct.pack("<6i", *range(6))),
        "good_half": npy(head("'<f2'"), b"\x00\x3c\x00\xfc"),
        "good_i8": npy(head("'<i8'"), struct.pack("<2q", 2**53, -(2**63))),
        "good_bool": npy(head("'|b1'"), b"\1\0"),
        "good_numpy2": npy(head(shape="(np.int64(2),)"), two),
        "good_python2": npy(head(shape="(2L,)"), two),
        "good_rank8": npy(head(shape="(1, 1, 1, 1, 2, 1, 1, 1)"), two),
    }
    bad = {
        "bad_empty": b"",
        "bad_magic": npy(head(), two, magic=b"\x92NUMPY"),
        "bad_magic_only": b"\x93NUMPY",
        "bad_version_0": npy(head(), two, 0),
        "bad_version_4": npy(head(), two, 4),
        "bad_version_minor": npy(head(), two, minor=9),
        "bad_header_4GiB": b"\x93NUMPY\2\0\xff\xff\xff\xff",
        "bad_header_65535": npy(head(), two, length=65535),
        "bad_header_10001": npy(head() + " " * 10001, two),
        "bad_header_beyond_file": npy(head(), b"", length=200),
        "bad_header_zero": npy("", two),
        "bad_object": npy(head("'|O'"), b"\x80\x04N."),
        "bad_big_endian": npy(head("'>f8'"), two),
        "bad_structured": npy(head("[('a', '<f8'), ('b', '<f8')]", "(1,)"), two),
        "bad_void": npy(head("'|V8'"), two),
        "bad_uint16": npy(head("'<u2'"), b"\1\2\3\4"),
        "bad_complex": npy(head("'<c16'", "(1,)"), two),
        "bad_descr_empty": npy(head("''"), two),
        "bad_descr_long": npy(head("'" + "f" * 300 + "'"), two),
        "bad_32GiB": npy(head(shape="(4294967296,)"), b"\0" * 16),
        "bad_product_wraps": npy(head(shape="(4294967296, 4294967296)")),
        "bad_product_wraps_zero": npy(head(shape="(0, 4294967296, 4294967296)")),
        "bad_bytes_wrap": npy(head(shape="(2305843009213693952,)")),
        "bad_length_2_64": npy(head(shape="(18446744073709551616,)"), two),
        "bad_length_negative": npy(head(shape="(-2,)"), two),
        "bad_length_real": npy(head(shape="(2.0,)"), two),
        "bad_rank9": npy(head(shape="(1, 1, 1, 1, 1, 1, 1, 1, 2)"), two),
        "bad_shape_list": npy(head(shape="[2]"), two),
        "bad_shape_no_comma": npy(head(shape="(2)"), two),
        "bad_shape_open": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,", two),
        "bad_order_number": npy(head(order="1"), two),
        "bad_key_twice": npy("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False}", two),
        "bad_key_unknown": npy("{'descr': '<f8', 'evil': False, 'shape': (2,)}", two),
        "bad_key_missing": npy("{'descr': '<f8', 'shape': (2,)}", two),
        "bad_after_brace": npy(head() + "import os", two),
        "bad_nul_in_header": npy(head().replace("f8", "f8\0"), two),
        "bad_quote_open": npy("{'descr': '<f8, ", two),
        "bad_nested": npy("{" * 500, two),
        "bad_short_by_one": npy(head(), two[:-1]),
        "bad_long_by_one": npy(head(), two + b"\0"),
        "bad_bool_2": npy(head("'|b1'"), b"\1\2"),
    }
    return {**good, **bad}


def st(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype="F32", shape=(2,), begin=0, end=8, **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end], **more}


def safetensors_seeds():
    eight = struct.pack("<2f", 2.385, -1)
    one = json.dumps({"a": entry()})
    pair = {"a": entry(), "b": entry("U8", (1,), 8, 9)}
    meta = {"__metadata__": {"format": "pt", "note": "\u00e9"}, **pair}
    good = {
        "good_one": st(one, eight),
        "good_padded": st(one + " " * 5, eight),
        "good_pair": st(json.dumps(pair), eight + b"\7"),
        "good_metadata": st(json.dumps(meta), eight + b"\7"),
        "good_none": st("{}"),
        "good_scalar": st(json.dumps({"s": entry("I64", (), 0, 8)}), eight),
        "good_empty_tensor": st(json.dumps({"z": entry("F64", (0, 3), 0, 0), "a": entry()}), eight),
        "good_unknown_type": st(json.dumps({"x": entry("F4_NEW", (16,))}), eight),
        "good_rank9": st(json.dumps({"x": entry("F32", (2,) + (1,) * 8)}), eight),
    }

    def with_a(**changes):
        return st(json.dumps({"a": {**entry(), **changes}}), eight)

    bad = {
        "bad_empty": b"",
        "bad_seven_bytes": b"\2\0\0\0\0\0\0",
        "bad_length_max": st("{}", length=2**64 - 1),
        "bad_length_minus_8": st("{}", length=2**64 - 8),
        "bad_length_2_63": st("{}", length=2**63),
        "bad_length_16MiB": st("{}", length=2**24 + 1),
        "bad_length_beyond_file": st("{}", length=3),
        "bad_length_zero": st("", eight, 0),
        "bad_array": st("[]"),
        "bad_not_json": st("{'a': 1}"),
        "bad_utf8": st(b'{"\xff":{}}'),
        "bad_nul_name": st('{"\\u0000":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', eight),
        "bad_deep": st("[" * 5000),
        "bad_duplicate": st(one[:-1] + "," + one[1:], eight),
        "bad_duplicate_member": st('{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', eight),
        "bad_trailing": st(one + "x", eight),
        "bad_overlap": st(json.dumps({"a": entry(), "b": entry("F32", (1,), 4, 8)}), eight),
        "bad_same_range": st(json.dumps({"a": entry(), "b": entry()}), eight),
        "bad_gap": st(json.dumps({"a": entry(), "b": entry("U8", (1,), 9, 10)}), eight + b"00"),
        "bad_gap_at_start": st(json.dumps({"a": entry("U8", (1,), 7, 8)}), eight),
        "bad_past_end": st(one, eight[:-1]),
        "bad_before_end": st(one, eight + b"\0"),
        "bad_reversed": with_a(data_offsets=[8, 0]),
        "bad_negative": with_a(data_offsets=[-8, 0]),
        "bad_offsets_real": with_a(data_offsets=[0.0, 8.0]),
        "bad_offsets_three": with_a(data_offsets=[0, 8, 8]),
        "bad_offsets_huge": with_a(data_offsets=[0, 2**63]),
        "bad_offsets_max": with_a(data_offsets=[0, 2**63 - 1]),
        "bad_shape_wrong": with_a(shape=[3]),
        "bad_shape_wraps": with_a(shape=[2**32, 2**32]),
        "bad_shape_wraps_zero": with_a(shape=[0, 2**62, 2**62]),
        "bad_shape_negative": with_a(shape=[-2]),
        "bad_shape_text": with_a(shape="2"),
        "bad_dtype_number": with_a(dtype=32),
        "bad_extra_member": with_a(evil=1),
        "bad_entry_list": st('{"a":[]}'),
        "bad_metadata_number": st('{"__metadata__":{"k":1}}'),
        "bad_metadata_list": st('{"__metadata__":[]}'),
    }
    return {**good, **bad}


def csv_seeds():
    texts = {
        "good_header": "a,b\n1,2\n3,-4.5e-1\n", "good_plain": "1,2\n3,4", "good_crlf": "a\r\n1\r\n",
        "good_bom": "\ufeffa,b\n1,2\n", "good_quotes": '"say ""hi""","a,b"\n"1",2\n',
        "good_words": "x\nnan\ninf\n-inf\n", "good_edges": "x\n5e-324\n1.7976931348623157e308\n-0\n1e-999\n",
        "bad_empty": "", "bad_newline": "\n", "bad_ragged": "a,b\n1\n", "bad_more": "a\n1,2\n",
        "bad_text": "a\nx\n", "bad_hex": "a\n0x10\n", "bad_large": "a\n1e999\n", "bad_comma": "a\n1,5\n",
        "bad_quote": 'a\n"1\n', "bad_after_quote": 'a\n"1"2\n', "bad_blank": "a\n 1\n", "bad_only_header": "a,b\n",
        "bad_empty_field": "a,b\n,1\n", "bad_nul": "a\n1\0\n", "bad_commas": "," * 3000, "bad_digits": "1" * 3000,
        "bad_formula": "=cmd()\n1\n+\n", "bad_cr": "a\r1\r", "bad_nan_payload": "a\nnan(1)\n",
    }
    return {name: text.encode() for name, text in texts.items()}


def case_seeds():
    def case(**changes):
        whole = {"name": "n", "variant": "v", "seed": 1, "formula": "f", "options": {"clip": 3},
                 "tolerance": {"f64": 1e-12, "f32": 2e-05}, "files": {"q.npy": {
                     "shape": [2, 3], "dtype": "<f8", "axes": "(L, D)", "role": "input"}}}
        whole.update(changes)
        return json.dumps({k: v for k, v in whole.items() if v is not None}).encode()

    def one(name="q.npy", **changes):
        return case(files={name: {"shape": [1], "dtype": "<f8", **changes}})

    options = {"i": 1, "r": 1.5, "b": True, "s": "x", "l": [1, 2.5], "m": [1, "x"], "n": None, "o": {}}
    return {
        "good": case(), "good_small": case(seed=None, formula=None, options=None, tolerance=None, files={}),
        "good_options": case(options=options), "good_bf16": one(dtype="bf16"), "good_bool": one(dtype="|b1"),
        "good_zero_axis": one(shape=[0, 3]), "bad_empty": b"", "bad_list": b"[]", "bad_no_name": case(name=None),
        "bad_no_files": case(files=None), "bad_files_list": case(files=[]), "bad_parent": one("../q.npy"),
        "bad_root": one("/etc/q.npy"), "bad_backslash": one("a\\q.npy"), "bad_dot": one(".q.npy"),
        "bad_nul": one("q\0.npy"), "bad_long_name": one("a" * 61 + ".npy"), "bad_suffix": one("q.txt"),
        "bad_dtype": one(dtype="<f16"), "bad_rank": one(shape=[1] * 9), "bad_wrap": one(shape=[2**32, 2**32]),
        "bad_length": one(shape=[-1]), "bad_role": one(role=1), "bad_seed": case(seed=-1),
        "bad_tolerance": case(tolerance={"f64": -1}), "bad_options": case(options=[1]),
        "bad_twice": b'{"name":"a","name":"b"}', "bad_deep": b"[" * 5000, "bad_real": b'{"seed":1e999}',
        "bad_many": case(files={"f%d.npy" % i: {"shape": [1], "dtype": "<f8"} for i in range(1025)}),
    }


def main():
    for target, seeds in (("npy", npy_seeds()), ("safetensors", safetensors_seeds()),
                          ("csv", csv_seeds()), ("case", case_seeds())):
        for name, data in seeds.items():
            save(target, name, data)
        print(target, len(seeds), "seeds,", sum(n.startswith("bad") for n in seeds), "hostile")


if __name__ == "__main__":
    main()
