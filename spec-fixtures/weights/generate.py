#!/usr/bin/env python3
"""Writes the weight files of this directory: `valid/` and `hostile/`.

Run it in an environment that has exactly the packages of requirements.txt:

    python3 -m venv ENV && ENV/bin/pip install -r requirements.txt
    ENV/bin/python generate.py [OUTPUT]

Valid files are written by the libraries of their formats where those are small enough to install; the
archives by `zipfile`, as the libraries lay them out. Hostile files are put together byte by byte.
Same packages, same bytes.
"""

import io
import json
import struct
import sys
import zipfile
from pathlib import Path

import gguf
import numpy as np
import onnx
from onnx import TensorProto, helper
from safetensors.numpy import save

HERE = Path(__file__).resolve().parent


# --- GGUF, byte by byte -------------------------------------------------------------------------

U32, BOOL, TEXT, ARRAY, U64 = 4, 7, 8, 9, 10


def text(value, order="<"):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(order + "Q", len(data)) + data


def pair(key, kind, value, order="<"):
    return text(key, order) + struct.pack(order + "I", kind) + value


def tensor(name, shape, kind, offset, order="<"):
    head = text(name, order) + struct.pack(order + "I", len(shape))
    return head + b"".join(struct.pack(order + "Q", n) for n in shape) + struct.pack(order + "IQ", kind, offset)


def header(version=3, tensors=0, keys=0, order="<"):
    return b"GGUF" + struct.pack(order + "IQQ", version, tensors, keys)


def padded(head, data=b"", alignment=32):
    return head + b"\0" * (-len(head) % alignment) + data


LLAMA = pair("general.architecture", TEXT, text("llama"))


def hostile_gguf():
    one = header(tensors=1)
    yield "magic-only", b"GGUF"
    yield "version-1", header(version=1)
    yield "version-9", header(version=9)
    yield "tensor-count", header(tensors=2**64 - 1)
    yield "key-count", header(keys=2**63)
    yield "many-tensors-not-there", header(tensors=1_000_000) + tensor("w", [4], 0, 0)
    yield "text-length", header(keys=1) + struct.pack("<Q", 2**40)
    yield "text-cut", header(keys=1) + struct.pack("<Q", 1000) + b"general"
    yield "key-not-utf8", header(keys=1) + pair(b"\xff\xfe", BOOL, b"\1")
    yield "key-twice", header(keys=2) + pair("k", BOOL, b"\1") * 2
    yield "value-type", header(keys=1) + pair("k", 99, b"")
    yield "array-of-arrays", header(keys=1) + pair("k", ARRAY, struct.pack("<IQ", ARRAY, 1))
    yield "array-length", header(keys=1) + pair("k", ARRAY, struct.pack("<IQ", U32, 2**62))
    yield "array-not-there", header(keys=1) + pair("k", ARRAY, struct.pack("<IQ", U64, 16_000_000))
    yield "array-of-texts-not-there", header(keys=1) + pair("k", ARRAY, struct.pack("<IQ", TEXT, 16_000_000))
    yield "array-type", header(keys=1) + pair("k", ARRAY, struct.pack("<IQ", 77, 100))
    for name, value in [("zero", 0), ("three", 3)]:
        yield f"alignment-{name}", header(keys=1) + pair("general.alignment", U32, struct.pack("<I", value))
    yield "alignment-text", header(keys=1) + pair("general.alignment", TEXT, text("32"))
    yield "dimensions", one + text("w") + struct.pack("<I", 9)
    yield "elements-overflow", one + tensor("w", [2**62, 2**62, 2**62, 2**62], 0, 0)
    yield "tensor-twice", padded(header(tensors=2) + tensor("w", [8], 0, 0) * 2, b"\0" * 32)
    yield "tensor-cut", (one + tensor("w", [8], 0, 0))[:-5]
    yield "offset-not-aligned", padded(one + tensor("w", [8], 0, 4), b"\0" * 64)
    yield "begins-after-end", padded(one + tensor("w", [1], 0, 1 << 50))
    yield "ends-after-end", padded(one + tensor("w", [64], 0, 0), b"\0" * 100)
    yield "offset-overflow", padded(one + tensor("w", [64], 0, 2**64 - 32), b"\0" * 256)
    yield "row-of-half-blocks", padded(one + tensor("w", [100], 8, 0), b"\0" * 256)
    yield "no-room-for-padding", (one + tensor("w", [0], 0, 0))


# --- safetensors, byte by byte ------------------------------------------------------------------


def st(table, data=0, length=None):
    body = table if isinstance(table, bytes) else json.dumps(table, separators=(",", ":")).encode()
    return struct.pack("<Q", len(body) if length is None else length) + body + b"\0" * data


def entry(dtype, shape, start, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def hostile_safetensors():
    yield "length-over-limit", b"\xff\xff\xff\xff\xff\xff\xff\x7f{"
    yield "length-not-there", st(b"{}", length=1000)
    yield "length-cut", b"\x10\0\0\0"
    yield "not-json", st(b"{not json")
    yield "two-objects", st(b"{}{}")
    yield "deep", st(b'{"__metadata__":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}")
    yield "metadata-numbers", st({"__metadata__": {"format": 1}})
    yield "negative-offset", st({"w": entry("U8", [1], -1, 0)}, 1)
    yield "backwards", st({"w": entry("U8", [1], 4, 0)}, 4)
    yield "outside", st({"w": entry("U8", [8], 0, 8)}, 7)
    yield "shape-does-not-fit", st({"w": entry("F16", [2], 0, 3)}, 3)
    yield "shape-overflow", st({"w": entry("F16", [2**64 - 1, 2**64 - 1, 9], 0, 4)}, 4)
    yield "overlap", st({"a": entry("U8", [4], 0, 4), "b": entry("U8", [4], 2, 6)}, 6)
    yield "hole", st({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 4, 6)}, 6)
    yield "tail", st({"a": entry("U8", [2], 0, 2)}, 100)
    yield "twice", st(b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1)


# --- ONNX, byte by byte -------------------------------------------------------------------------


def varint(number):
    out = bytearray()
    while True:
        out.append(number & 0x7F | (0x80 if number > 0x7F else 0))
        number >>= 7
        if not number:
            return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def nested(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def model(*initializers):
    return number(1, 8) + nested(2, b"by hand") + nested(7, b"".join(nested(5, one) for one in initializers))


def proto(name=b"w", dims=(2,), kind=1, raw=b"\0" * 8, **external):
    body = b"".join(number(1, n) for n in dims) + number(2, kind) + nested(8, name)
    for key, value in external.items():
        body += nested(13, nested(1, key.encode()) + nested(2, value))
    return body + (number(14, 1) if external else nested(9, raw))


def hostile_onnx():
    start = number(1, 8) + nested(2, b"by hand")
    yield "no-graph", start
    yield "field-longer-than-file", start + varint(7 << 3 | 2) + varint(2**40) + b"\0"
    yield "field-longer-than-message", start + nested(7, varint(5 << 3 | 2) + varint(50) + b"\0")
    yield "length-overflow", start + varint(7 << 3 | 2) + varint(2**64 - 1)
    yield "group", start + b"\x3b\x3c"
    yield "number-without-end", start + b"\x28" + b"\xff" * 12
    yield "field-zero", start + b"\x02\0"
    yield "cut", model(proto())[:-3]
    yield "tensor-twice", model(proto(), proto())
    yield "size-does-not-fit", model(proto(dims=(3,)))
    yield "negative-dimension", model(proto(dims=(2**64 - 1,)))
    yield "elements-overflow", model(proto(dims=(2**62, 2**62, 2**62), raw=b""))
    yield "hundred-dimensions", model(proto(dims=(1,) * 100))
    yield "name-not-utf8", model(proto(name=b"\xff"))
    yield "external-leads-out", model(proto(location=b"../../etc/passwd"))
    yield "external-absolute", model(proto(location=b"/etc/passwd"))
    yield "external-without-place", model(proto(offset=b"0"))
    yield "external-offset", model(proto(location=b"w.bin", offset=b"-1"))
    yield "external-length", model(proto(location=b"w.bin", length=b"9"))


# --- zip archives -------------------------------------------------------------------------------


def archive(files, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as target:
        for name, data in files:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = method
            entry.external_attr = 0o644 << 16
            target.writestr(entry, data)
    return out.getvalue()


# What `torch.save` of a dictionary with one tensor lays out; the program in it is never looked at.
PICKLE = b"\x80\x02}q\x00."
CHECKPOINT = [
    ("model/data.pkl", PICKLE),
    ("model/.format_version", b"1"),
    ("model/.storage_alignment", b"64"),
    ("model/byteorder", b"little"),
    ("model/data/0", bytes(64)),
    ("model/data/1", bytes(range(16))),
    ("model/version", b"3\n"),
]


def end_record(data, count=None, size=None, offset=None):
    """The archive with other numbers at its end."""
    at = data.rindex(b"PK\x05\x06")
    record = list(struct.unpack("<4sHHHHIIH", data[at:]))
    if count is not None:
        record[3] = record[4] = count
    if size is not None:
        record[5] = size
    if offset is not None:
        record[6] = offset
    return data[:at] + struct.pack("<4sHHHHIIH", *record)


def hostile_pt():
    good = archive(CHECKPOINT)
    yield "cut", good[:-30]
    yield "only-start", b"PK\x03\x04"
    yield "directory-outside", end_record(good, offset=2**31)
    yield "directory-elsewhere", end_record(good, offset=0)
    yield "more-files-than-there", end_record(good, count=60_000)
    yield "wide-without-record", end_record(good, count=0xFFFF)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 2**63, 1)
    end = good.rindex(b"PK\x05\x06")
    yield "wide-outside", end_record(good[:end] + locator + good[end:], count=0xFFFF)
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**60, 2**60, 2**60, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    yield "wide-count", end_record(good[:end] + wide + locator + good[end:], count=0xFFFF)
    yield "name-twice", archive(CHECKPOINT).replace(b"model/data/1", b"model/data/0")
    yield "name-leads-out", archive(CHECKPOINT).replace(b"model/data/1", b"../../data/1")
    yield "name-absolute", archive(CHECKPOINT).replace(b"model/data/1", b"/odel/data/1")
    second = good.index(b"PK\x01\x02", good.index(b"PK\x01\x02") + 4)
    yield "file-over-file", good[: second + 42] + struct.pack("<I", 4) + good[second + 46 :]
    yield "size-outside", good[: second + 20] + struct.pack("<II", 2**30, 2**30) + good[second + 28 :]
    yield "encrypted", good[: second + 8] + b"\1" + good[second + 9 :]
    yield "two-checkpoints", archive(CHECKPOINT + [("other/data.pkl", PICKLE)])
    note = good.index(b"model/version")
    yield "two-names", good[:note] + b"model/virsion" + good[note + 13 :]


def tiny(seed, shape=(2, 4)):
    data = (np.arange(np.prod(shape), dtype=np.float32) + seed).astype(np.float16).reshape(shape)
    return save({f"w{seed}": data})


INDEX = json.dumps({"_class_name": "TinyPipeline", "_diffusers_version": "0.35.0", "unet": ["diffusers", "UNet"]}).encode()
PARTS = [
    ("model_index.json", INDEX),
    ("unet/config.json", b"{}"),
    ("unet/diffusion_pytorch_model.safetensors", tiny(1)),
    ("vae/diffusion_pytorch_model.safetensors", tiny(2)),
]


def hostile_dduf():
    yield "compressed", archive(PARTS, zipfile.ZIP_DEFLATED)
    yield "too-deep", archive(PARTS + [("unet/a/config.json", b"{}")])
    yield "index-not-json", archive([("model_index.json", b"[")] + PARTS[1:])
    yield "weights-lie", archive(PARTS + [("x/model.safetensors", st({"w": entry("U8", [8], 0, 8)}, 7))])
    good = archive(PARTS)
    name = good.index(b"vae/diffusion")
    yield "two-names", good[:name] + b"vie/diffusion" + good[name + 13 :]


# --- What the libraries write -------------------------------------------------------------------


def valid_gguf(directory):
    def write(name, architecture, fill, **options):
        writer = gguf.GGUFWriter(directory / name, architecture, **options)
        fill(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    def half(rows, columns):
        return np.full((rows, columns), 0.5, dtype=np.float16)

    def everything(writer):
        writer.add_type("model")
        writer.add_name("Everything")
        writer.add_license("apache-2.0")
        writer.add_languages(["en", "de"])
        writer.add_base_model_count(1)
        writer.add_base_model_name(0, "Base")
        writer.add_base_model_organization(0, "Example")
        writer.add_base_model_repo_url(0, "https://example.com/base")
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
        writer.add_context_length(8192)
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list([f"t{number}" for number in range(100)])
        writer.add_chat_template("{% for m in messages %}<|{{ m.role }}|>{% endfor %}")
        writer.add_array("x.empty", [])
        writer.add_array("x.fifty", list(range(50)))
        writer.add_array("x.sixty_five", list(range(65)))
        writer.add_float32("x.small", 1e-5)
        writer.add_bool("x.yes", True)
        writer.add_int8("x.negative", -5)
        writer.add_tensor("token_embd.weight", np.zeros((4, 144), dtype=np.uint8), raw_dtype=gguf.GGMLQuantizationType.Q4_K)
        writer.add_tensor("blk.0.attn_norm.weight", np.ones(256, dtype=np.float32))

    def without_type(writer):
        writer.add_context_length(32768)
        writer.add_tensor("blk.0.ffn_up.weight", np.zeros((8, 34), dtype=np.uint8), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor("blk.0.attn_norm.weight", np.ones(32, dtype=np.float32))

    def big_endian(writer):
        writer.add_context_length(512)
        writer.add_file_type(gguf.LlamaFileType.ALL_F32)
        writer.add_tensor("output.weight", np.ones((4, 8), dtype=np.float32))

    def adapter(writer):
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", 16.0)
        writer.add_tensor("blk.0.attn_q.weight.lora_a", np.ones((2, 8), dtype=np.float32))
        writer.add_tensor("blk.0.attn_q.weight.lora_b", np.ones((8, 2), dtype=np.float32))

    def projector(writer):
        writer.add_type("mmproj")
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
        writer.add_tensor("mm.0.weight", half(4, 4))

    def control(writer):
        writer.add_string("controlvector.model_hint", "llama")
        writer.add_tensor("direction.1", np.ones(8, dtype=np.float32))

    def shards(writer):
        writer.add_context_length(1024)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
        for layer in range(4):
            writer.add_tensor(f"blk.{layer}.ffn_up.weight", half(4, 8))

    write("everything-Q4_K_M.gguf", "llama", everything)
    write("without-file-type.gguf", "qwen2", without_type)
    write("big-endian.gguf", "llama", big_endian, endianess=gguf.GGUFEndian.BIG)
    write("lora-adapter.gguf", "llama", adapter)
    write("mmproj-F16.gguf", "clip", projector)
    write("control-vector.gguf", "controlvector", control)
    write("sharded.gguf", "llama", shards, split_max_tensors=2)
    # The library writes version 3 only. A byte of a vocabulary need not be UTF-8.
    kept = header(version=2, tensors=1, keys=2) + LLAMA + pair("x.byte", TEXT, text(b"\xff"))
    (directory / "version-2.gguf").write_bytes(padded(kept + tensor("w", [4], 0, 0), b"\0" * 16))
    (directory / "no-tensors.gguf").write_bytes(header(keys=1) + LLAMA)


def valid_safetensors(directory):
    import ml_dtypes

    files = {
        "model-00001-of-00002.safetensors": save(
            {"embed": np.zeros((16, 4), dtype=ml_dtypes.bfloat16), "norm": np.ones(4, dtype=ml_dtypes.bfloat16)},
            {"format": "pt"},
        ),
        "model-00002-of-00002.safetensors": save({"head": np.zeros((16, 4), dtype=ml_dtypes.bfloat16)}, {"format": "pt"}),
        "mixed.safetensors": save({"a": np.zeros(8, dtype=np.float32), "b": np.zeros((3, 3), dtype=np.int64), "c": np.zeros((), dtype=np.float16)}),
        "adapter.safetensors": save({"base.q_proj.lora_A.weight": np.zeros((2, 4), dtype=np.float32), "base.q_proj.lora_B.weight": np.zeros((4, 2), dtype=np.float32)}),
        "empty.safetensors": st({}),
        "unknown-dtype.safetensors": st({"w": entry("Q3_X", [10], 0, 4)}, 4),
        "architecture.safetensors": st({"__metadata__": {"architecture": "llama", "license": "mit"}, "w": entry("F8_E4M3", [4], 0, 4)}, 4),
    }
    for name, data in files.items():
        (directory / name).write_bytes(data)
    index = {"metadata": {"total_size": 264}, "weight_map": {"embed": "model-00001-of-00002.safetensors", "norm": "model-00001-of-00002.safetensors", "head": "model-00002-of-00002.safetensors"}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def valid_onnx(directory):
    values = [
        helper.make_tensor("weight", TensorProto.FLOAT, [2, 3], np.arange(6, dtype=np.float32).tobytes(), raw=True),
        helper.make_tensor("bias", TensorProto.INT64, [2], [1, 2]),
        helper.make_tensor("packed", TensorProto.UINT4, [3], [1, 2, 3]),
    ]
    nodes = [helper.make_node("Gemm", ["x", "weight", "bias"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        values,
    )
    made = helper.make_model(graph, producer_name="fixtures", producer_version="1", opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)])
    made.ir_version = 10
    helper.set_model_props(made, {"license": "mit"})
    (directory / "inline.onnx").write_bytes(made.SerializeToString(deterministic=True))
    outside = onnx.TensorProto(name="weight", data_type=TensorProto.FLOAT16, dims=[4, 4], data_location=TensorProto.EXTERNAL)
    for key, value in [("location", "outside.bin"), ("offset", "4096"), ("length", "32")]:
        outside.external_data.add(key=key, value=value)
    graph = helper.make_graph([], "outside", [], [], [outside])
    made = helper.make_model(graph, producer_name="fixtures", opset_imports=[helper.make_opsetid("", 21)])
    made.ir_version = 10
    (directory / "outside.onnx").write_bytes(made.SerializeToString(deterministic=True))


def valid_archives(directory):
    (directory / "checkpoint.pt").write_bytes(archive(CHECKPOINT))
    (directory / "tiny.dduf").write_bytes(archive(PARTS))
    with_comment = bytearray(archive(PARTS))
    with_comment[-2:] = struct.pack("<H", 5)
    (directory / "comment.dduf").write_bytes(bytes(with_comment) + b"hello")


def clean(directory, keep):
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.iterdir():
        if old.suffix not in keep:
            old.unlink()


def main():
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    valid, hostile = output / "valid", output / "hostile"
    clean(valid, {".facts"})
    clean(hostile, {".error"})
    for write in (valid_gguf, valid_safetensors, valid_onnx, valid_archives):
        write(valid)
    for extension, files in [
        ("gguf", hostile_gguf()),
        ("safetensors", hostile_safetensors()),
        ("onnx", hostile_onnx()),
        ("pt", hostile_pt()),
        ("dduf", hostile_dduf()),
    ]:
        for name, data in files:
            (hostile / f"{name}.{extension}").write_bytes(data)


if __name__ == "__main__":
    main()
