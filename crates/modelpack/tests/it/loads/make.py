"""Writes tiny models in the formats of their own libraries, always the same bytes for a seed."""

import sys
from pathlib import Path

import numpy as np

VOCABULARY, WIDTH, HEADS, INNER, CONTEXT = 288, 64, 4, 128, 128
out = Path(sys.argv[1])
rng = np.random.default_rng(7)


def random(*shape):
    return (rng.standard_normal(shape) * 0.3).astype(np.float32)


def write_gguf(path, tensors, tensors_per_file=0):
    import gguf

    writer = gguf.GGUFWriter(str(path), "llama", split_max_tensors=tensors_per_file)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(VOCABULARY)
    # Three special tokens, every byte, and some words.
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    kinds = [2, 3, 3] + [6] * 256
    tokens += [f"\u2581w{number}" for number in range(VOCABULARY - len(tokens))]
    kinds += [1] * (VOCABULARY - len(kinds))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(number) for number in range(VOCABULARY)])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_tensors():
    tensors = {
        "token_embd.weight": random(VOCABULARY, WIDTH),
        "output_norm.weight": np.ones(WIDTH, np.float32),
        "output.weight": random(VOCABULARY, WIDTH),
        "blk.0.attn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.ffn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.ffn_gate.weight": random(INNER, WIDTH),
        "blk.0.ffn_up.weight": random(INNER, WIDTH),
        "blk.0.ffn_down.weight": random(WIDTH, INNER),
    }
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        tensors[f"blk.0.{name}.weight"] = random(WIDTH, WIDTH)
    return tensors


def write_safetensors(path):
    from safetensors.numpy import save_file

    save_file({"a": random(4, 8), "b": random(3)}, str(path), metadata={"format": "np"})


def write_onnx(path):
    from onnx import TensorProto, helper, numpy_helper, save

    weight = numpy_helper.from_array(random(4, 3), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])
    graph = helper.make_graph([node], "tiny", [x], [y], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    save(model, str(path))


tensors = llama_tensors()
write_gguf(out / "gguf" / "model.gguf", tensors)
write_gguf(out / "sharded" / "model.gguf", tensors, tensors_per_file=8)
write_safetensors(out / "safetensors" / "model.safetensors")
write_onnx(out / "onnx" / "model.onnx")
print(f"wrote models into {out}")
