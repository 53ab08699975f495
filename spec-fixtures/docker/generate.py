#!/usr/bin/env python3
"""Writes artifacts in Docker's dialect, in every form that is met: `NAME/manifest.json` and `NAME/config.json`.

    python3 generate.py [OUTPUT]

Only the standard library is used. The digests of layers are those of their names: no test reads a layer.
"""

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCKER = "application/vnd.docker.ai."
MODELPACK = "application/vnd.cncf.model."
TIME = "2026-03-04T05:06:07Z"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compact(value):
    """JSON as Go writes it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character, escape in [("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")]:
        text = text.replace(character, escape)
    return text.encode()


def layer(kind, path=None, name=None, size=1000, family=DOCKER):
    found = {"mediaType": family + kind, "size": size, "digest": digest((name or path or kind).encode())}
    if path:
        metadata = {"name": path.rsplit("/", 1)[-1], "mode": 420, "uid": 0, "gid": 0, "size": size, "mtime": TIME, "typeflag": 0}
        found["annotations"] = {
            "org.cncf.model.file.mediatype.untested": "false",
            "org.cncf.model.file.metadata+json": json.dumps(metadata, separators=(",", ":")),
            "org.cncf.model.filepath": path,
        }
    return found


def rootfs(layers):
    return {"type": "rootfs", "diff_ids": [one["digest"] for one in layers]}


def config(layers, **fields):
    return {"config": fields, "descriptor": {"created": TIME}, "rootfs": rootfs(layers)}


def manifest(kind, body, layers, artifact_type=None, family=DOCKER):
    data = compact(body)
    found = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
    if artifact_type:
        found["artifactType"] = artifact_type
    found["config"] = {"mediaType": family + kind, "size": len(data), "digest": digest(data)}
    found["layers"] = layers
    return found


V01, V02 = "model.config.v0.1+json", "model.config.v0.2+json"


def artifacts():
    layers = [
        layer("gguf.v3", "tiny-Q4_K_M.gguf", size=4_000_000),
        layer("license", "LICENSE"),
        layer("chat.template.jinja", "chat_template.jinja"),
        layer("mmproj", "mmproj-F16.gguf"),
    ]
    body = config(
        layers,
        format="gguf",
        quantization="MOSTLY_Q4_K_M",
        parameters="8.02B",
        architecture="llama",
        size="3.81MiB",
        gguf={"general.architecture": "llama", "tokenizer.chat_template": "{% for m in messages %}<|{{ m.role }}|>&{% endfor %}"},
        context_size=8192,
    )
    yield "v01-gguf", body, manifest(V01, body, layers)

    layers = [layer("gguf.v3", f"big-{number:05}-of-00003.gguf") for number in (1, 2, 3)]
    body = config(layers, format="gguf", quantization="Unknown", parameters="183", architecture="llama", size="864B")
    yield "v01-shards", body, manifest(V01, body, layers)

    layers = [
        layer("license", "LICENSE"),
        layer("model.file", "README.md"),
        layer("model.file", "config.json"),
        layer("safetensors", "model-00001-of-00002.safetensors"),
        layer("safetensors", "model-00002-of-00002.safetensors"),
        layer("model.file", "modeling_tiny.py"),
        layer("safetensors", "text_encoder/model.safetensors"),
        layer("model.file", "tokenizer.json"),
    ]
    body = config(layers, format="safetensors", quantization="BF16", parameters="65.60K", size="3.00kB", safetensors={"format": "pt", "tensor_count": "2"})
    yield "v02-directory", body, manifest(V02, body, layers)

    layers = [layer("dduf", "tiny.dduf")]
    body = config(layers, format="diffusers", architecture="diffusers", size="1.00kB", diffusers={"dduf_file": "tiny.dduf", "layout": "dduf"})
    yield "v01-dduf", body, manifest(V01, body, layers)

    layers = [layer("gguf.v3", name=f"part {number}") for number in (1, 2)]
    layers += [layer("license", name="one"), layer("license", name="two"), layer("mmproj", name="p"), layer("chat.template.jinja", name="t")]
    body = config(layers, format="gguf", quantization="IQ2_XXS/Q4_K_M", parameters="361.82 M", architecture="llama", size="256.35 MiB")
    yield "without-annotations", body, manifest(V01, body, layers)

    # The form of the published document.
    layers = [layer("gguf.v3", name="weights"), layer("gguf.v3.mmproj", name="projector"), layer("gguf.v3.lora", name="adapter")]
    body = {
        "descriptor": {"createdAt": TIME},
        "config": {"format": "gguf", "format_version": "3", "gguf": {"parameter_count": 8030261312, "architecture": "llama"}, "size": "4920734720"},
        "files": [{"diffID": one["digest"], "type": one["mediaType"]} for one in layers],
    }
    yield "published-document", body, manifest(V01, body, layers)

    # What Docker's daemon makes of a ModelPack artifact whose context size is changed.
    layers = [layer("weight.config.v1.raw", "config.json", family=MODELPACK), layer("weight.v1.raw", "tiny.gguf", family=MODELPACK)]
    body = {
        "descriptor": {"createdAt": TIME, "family": "llama", "name": "tiny"},
        "modelfs": {"type": "layers", "diffIds": [one["digest"] for one in layers]},
        "config": {"architecture": "llama", "format": "gguf", "paramSize": "8b", "quantization": "Q4_K_M"},
    }
    yield "mixed", body, manifest(V01, body, layers)

    layers = [layer("safetensors", name="weights"), layer("vllm.config.tar", name="configs"), layer("dir.tar", "extra", name="directory")]
    body = config(layers, format="safetensors", quantization="mixed", parameters="1.00K", size="1.21kB")
    yield "archives", body, manifest(V01, body, layers)

    layers = [layer("gguf.v3", "../../victim/model.gguf"), layer("dir.tar", name="links")]
    body = config(layers, format="gguf")
    yield "leads-out", body, manifest(V01, body, layers)

    layers = [layer("gguf.v3", "model.gguf"), layer("model.file", "MODEL.gguf")]
    body = config(layers, format="gguf", context_size=4294967301)
    yield "one-file-over-another", body, manifest(V01, body, layers)


def main():
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for name, body, document in artifacts():
        directory = output / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "config.json").write_bytes(compact(body))
        (directory / "manifest.json").write_bytes(compact(document))


if __name__ == "__main__":
    main()
