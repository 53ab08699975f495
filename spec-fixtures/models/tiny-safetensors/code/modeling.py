"""Forward pass of the tiny llama in numpy."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


class TinyLlama:
    """The model in a directory that holds `config.json` and the weight shards."""

    def __init__(self, directory):
        directory = Path(directory)
        self.config = json.loads((directory / "config.json").read_text())
        index = json.loads((directory / "model.safetensors.index.json").read_text())
        self.weights = {}
        for shard in sorted(set(index["weight_map"].values())):
            self.weights |= load_file(directory / shard)

    def weight(self, name):
        return self.weights[name + ".weight"].astype(np.float32)

    def norm(self, x, name):
        mean = np.mean(x * x, axis=-1, keepdims=True)
        return x / np.sqrt(mean + self.config["rms_norm_eps"]) * self.weight(name)

    def rotate(self, x):
        half = x.shape[-1] // 2
        rates = self.config["rope_theta"] ** (-np.arange(half) / half)
        angles = np.arange(x.shape[0])[:, None] * rates
        sine, cosine = np.sin(angles)[:, None], np.cos(angles)[:, None]
        low, high = x[..., :half], x[..., half:]
        return np.concatenate([low * cosine - high * sine, high * cosine + low * sine], axis=-1)

    def attention(self, x, prefix):
        heads, kv_heads = self.config["num_attention_heads"], self.config["num_key_value_heads"]
        width, length = self.config["head_dim"], len(x)
        q = self.rotate((x @ self.weight(prefix + "q_proj").T).reshape(length, heads, width))
        k = self.rotate((x @ self.weight(prefix + "k_proj").T).reshape(length, kv_heads, width))
        v = (x @ self.weight(prefix + "v_proj").T).reshape(length, kv_heads, width)
        k, v = (np.repeat(t, heads // kv_heads, axis=1) for t in (k, v))
        scores = np.einsum("qhw,khw->hqk", q, k) / np.sqrt(width)
        scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        mixed = np.einsum("hqk,khw->qhw", shares, v).reshape(length, heads * width)
        return mixed @ self.weight(prefix + "o_proj").T

    def feed_forward(self, x, prefix):
        gate = x @ self.weight(prefix + "gate_proj").T
        up = x @ self.weight(prefix + "up_proj").T
        return (gate / (1 + np.exp(-gate)) * up) @ self.weight(prefix + "down_proj").T

    def logits(self, tokens):
        """The scores of every next token, after each of `tokens`."""
        x = self.weight("model.embed_tokens")[tokens]
        for layer in range(self.config["num_hidden_layers"]):
            prefix = f"model.layers.{layer}."
            x = x + self.attention(self.norm(x, prefix + "input_layernorm"), prefix + "self_attn.")
            x = x + self.feed_forward(self.norm(x, prefix + "post_attention_layernorm"), prefix + "mlp.")
        return self.norm(x, "model.norm") @ self.weight("lm_head").T
