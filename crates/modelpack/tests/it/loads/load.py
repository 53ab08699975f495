"""Loads a model with the library of its format, which prints what it computes from it."""

import sys
from pathlib import Path

import numpy as np

path = Path(sys.argv[1])
if path.suffix == ".safetensors":
    from safetensors.numpy import load_file

    tensors = load_file(str(path))
    print({name: tensors[name].tolist() for name in sorted(tensors)})
elif path.suffix == ".onnx":
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    print(session.run(None, {"x": x})[0].tolist())
else:
    from gguf import GGUFReader

    reader = GGUFReader(str(path))
    print([(tensor.name, tensor.data.tolist()) for tensor in reader.tensors])
