#!/usr/bin/env python3
"""Continues a text with the tiny llama, greedily."""

import json
import sys
from pathlib import Path

from modeling import TinyLlama

SPECIAL_TOKENS = 3


def main():
    directory = Path(__file__).resolve().parent.parent
    model = TinyLlama(directory)
    limit = json.loads((directory / "generation_config.json").read_text())["max_new_tokens"]
    text = " ".join(sys.argv[1:])
    tokens = [model.config["bos_token_id"]] + [SPECIAL_TOKENS + byte for byte in text.encode()]
    for _ in range(limit):
        token = int(model.logits(tokens)[-1].argmax())
        if token == model.config["eos_token_id"]:
            break
        tokens.append(token)
    print(bytes(token - SPECIAL_TOKENS for token in tokens if token >= SPECIAL_TOKENS))


if __name__ == "__main__":
    main()
