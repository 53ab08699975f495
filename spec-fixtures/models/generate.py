#!/usr/bin/env python3
"""Writes the binary and JSON files of the fixture models with the tools their users have.

Run it in an environment that has exactly the packages of requirements.txt:

    python3 -m venv ENV && ENV/bin/pip install -r requirements.txt
    ENV/bin/python generate.py [OUTPUT]

OUTPUT is this directory unless given. The hand-written files (README.md, Modelfile, code) are copied
along when OUTPUT is another directory, so two outputs can be compared with `diff -r`.
Same packages, same bytes: the weights are plain uniform numbers from one seeded generator, so that
no rounding of a mathematics library shows in them.
"""

import hashlib
import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent

SEED = 0
LAYERS = 2
WIDTH = 64
FEED_FORWARD = 128
HEADS = 4
KV_HEADS = 2
HEAD_WIDTH = WIDTH // HEADS
CONTEXT = 128
ROPE_BASE = 10000.0
NORM_EPSILON = 1e-5
# Three special tokens, then one token for each of the 256 byte values.
SPECIAL = ["<unk>", "<s>", "</s>"]
VOCABULARY = len(SPECIAL) + 256

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "[{{ message['role'] }}] {{ message['content'] }}\n"
    "{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}"
)


def check_packages():
    """Refuses to run with other versions: their bytes could differ and nobody would know why."""
    for line in (HERE / "requirements.txt").read_text().split():
        name, wanted = line.split("==")
        found = version(name)
        if found != wanted:
            sys.exit(f"{name} is {found}, requirements.txt wants {wanted}")


def weights(seed):
    """The tensors of a llama by their Hugging Face names, as float32."""
    numbers = np.random.Generator(np.random.PCG64(seed))

    def matrix(rows, columns):
        return ((numbers.random((rows, columns), dtype=np.float32) - 0.5) / 8).astype(np.float32)

    tensors = {"model.embed_tokens.weight": matrix(VOCABULARY, WIDTH)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        tensors |= {
            prefix + "input_layernorm.weight": np.ones(WIDTH, dtype=np.float32),
            prefix + "self_attn.q_proj.weight": matrix(WIDTH, WIDTH),
            prefix + "self_attn.k_proj.weight": matrix(KV_HEADS * HEAD_WIDTH, WIDTH),
            prefix + "self_attn.v_proj.weight": matrix(KV_HEADS * HEAD_WIDTH, WIDTH),
            prefix + "self_attn.o_proj.weight": matrix(WIDTH, WIDTH),
            prefix + "post_attention_layernorm.weight": np.ones(WIDTH, dtype=np.float32),
            prefix + "mlp.gate_proj.weight": matrix(FEED_FORWARD, WIDTH),
            prefix + "mlp.up_proj.weight": matrix(FEED_FORWARD, WIDTH),
            prefix + "mlp.down_proj.weight": matrix(WIDTH, FEED_FORWARD),
        }
    tensors["model.norm.weight"] = np.ones(WIDTH, dtype=np.float32)
    tensors["lm_head.weight"] = matrix(VOCABULARY, WIDTH)
    return tensors


def gguf_name(name):
    """The GGUF name of a tensor with this Hugging Face name."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, LAYERS)
    return names.get_name(name, try_suffixes=(".weight",))


def write_gguf(directory):
    """A llama whose matrices are Q8_0, with an F16 embedding and F32 norms: three tensor types in one file."""
    parameters = sum(tensor.size for tensor in weights(SEED).values())
    writer = gguf.GGUFWriter(directory / "tiny-llama-Q8_0.gguf", "llama")
    writer.add_type("model")
    writer.add_name("Tiny Llama")
    writer.add_basename("tiny-llama")
    writer.add_size_label(f"{parameters // 1000}K")
    writer.add_license("apache-2.0")
    writer.add_description("Random weights for the tests of the ModelPack toolkit; it has learnt nothing.")
    writer.add_tags(["text-generation", "test-fixture"])
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)

    writer.add_vocab_size(VOCABULARY)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HEAD_WIDTH)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)

    types = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(SPECIAL + [f"<0x{byte:02X}>" for byte in range(256)])
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types(types + [gguf.TokenType.BYTE] * 256)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)

    for name, tensor in weights(SEED).items():
        if tensor.ndim == 1:
            writer.add_tensor(gguf_name(name), tensor)
        elif name == "model.embed_tokens.weight":
            writer.add_tensor(gguf_name(name), tensor.astype(np.float16))
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(gguf_name(name), gguf.quants.quantize(tensor, kind), raw_dtype=kind)

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_json(path, value):
    """The way `transformers` writes its JSON files: two spaces, a newline at the end."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def byte_characters():
    """One printable character per byte value, by the rule of byte-level BPE.

    Bytes that print stand for themselves, the others follow from U+0100 in their order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]


def write_tokenizer(directory):
    special = [
        {
            "id": number,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for number, token in enumerate(SPECIAL)
    ]
    vocabulary = {token: number for number, token in enumerate(SPECIAL + byte_characters())}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    write_json(
        directory / "tokenizer.json",
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": special,
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": None,
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": "<unk>",
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": vocabulary,
                "merges": [],
            },
        },
    )
    write_json(
        directory / "tokenizer_config.json",
        {
            "add_bos_token": True,
            "add_eos_token": False,
            "bos_token": "<s>",
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "eos_token": "</s>",
            "model_max_length": CONTEXT,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "unk_token": "<unk>",
        },
    )


def write_safetensors(directory):
    """The same kind of llama in float16, in two shards with their index, as `save_pretrained` lays it out."""
    tensors = {name: tensor.astype(np.float16) for name, tensor in weights(SEED + 1).items()}
    first = [name for name in tensors if name.startswith(("model.embed_tokens.", "model.layers.0."))]
    shards = [first, [name for name in tensors if name not in first]]
    weight_map = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        save_file({name: tensors[name] for name in names}, directory / file, metadata={"format": "pt"})
        # The library writes for its owner alone; a clone has the usual mode, and the mode becomes part of a layer.
        (directory / file).chmod(0o644)
        weight_map |= dict.fromkeys(names, file)
    write_json(
        directory / "model.safetensors.index.json",
        {
            "metadata": {
                "total_parameters": sum(tensor.size for tensor in tensors.values()),
                "total_size": sum(tensor.nbytes for tensor in tensors.values()),
            },
            "weight_map": dict(sorted(weight_map.items())),
        },
    )
    write_json(
        directory / "config.json",
        {
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "head_dim": HEAD_WIDTH,
            "hidden_act": "silu",
            "hidden_size": WIDTH,
            "initializer_range": 0.02,
            "intermediate_size": FEED_FORWARD,
            "max_position_embeddings": CONTEXT,
            "mlp_bias": False,
            "model_type": "llama",
            "num_attention_heads": HEADS,
            "num_hidden_layers": LAYERS,
            "num_key_value_heads": KV_HEADS,
            "pretraining_tp": 1,
            "rms_norm_eps": NORM_EPSILON,
            "rope_scaling": None,
            "rope_theta": ROPE_BASE,
            "tie_word_embeddings": False,
            "torch_dtype": "float16",
            "transformers_version": "4.57.1",
            "use_cache": True,
            "vocab_size": VOCABULARY,
        },
    )
    write_json(
        directory / "generation_config.json",
        {
            "_from_model_config": True,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "max_new_tokens": 16,
            "transformers_version": "4.57.1",
        },
    )
    write_tokenizer(directory)


def write_dataset(path):
    """Eight conversations: the successor of a number, which is all that anybody asks this model."""
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight"]
    lines = [
        {"messages": [{"role": "user", "content": f"after {here}?"}, {"role": "assistant", "content": after}]}
        for here, after in zip(words, words[1:])
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def write_sums(output, models):
    """What `sha256sum -c SHA256SUMS` checks, for every file of every model."""
    files = sorted(path for model in models for path in (output / model).rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(output).as_posix()}\n" for file in files]
    (output / "SHA256SUMS").write_text("".join(lines))


def main():
    check_packages()
    output = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE
    models = ["tiny-llama-gguf", "tiny-safetensors"]
    for model in models:
        if output != HERE:
            shutil.copytree(HERE / model, output / model)
        shutil.copyfile(REPOSITORY / "LICENSE", output / model / "LICENSE")
    write_gguf(output / "tiny-llama-gguf")
    write_safetensors(output / "tiny-safetensors")
    write_dataset(output / "tiny-safetensors" / "data" / "train.jsonl")
    write_sums(output, models)


if __name__ == "__main__":
    main()
