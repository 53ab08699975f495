#!/usr/bin/env python3
"""Runs the vectors of one kind against a command and prints what it did.

    judge.py artifact 'modelpack-conformance artifact {layout}'
    judge.py config 'my-validator {config}'
    judge.py modelfile 'my-parser {modelfile}' manifest

The command accepts a vector with exit code 0 and refuses it with any other. `{ROLE}` is a file of the vector;
`{layout}` an OCI image layout that is put together from an artifact. A third word picks the ids that contain it.
"""

import hashlib, json, re, shlex, subprocess, sys, tempfile
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent


def layout(vector, root):
    def put(digest, content):
        if re.fullmatch("sha256:[0-9a-f]{64}", str(digest)):
            (root / "blobs/sha256" / digest[7:]).write_bytes(content)

    (root / "blobs/sha256").mkdir(parents=True)
    (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    manifest = (FIXTURES / vector["files"]["manifest"]).read_bytes()
    document = json.loads(manifest)
    put(document["config"].get("digest"), (FIXTURES / vector["files"]["config"]).read_bytes())
    for descriptor, path in zip(document["layers"], vector.get("layers", [])):
        if path:
            put(descriptor.get("digest"), (FIXTURES / path).read_bytes())
    name = "sha256:" + hashlib.sha256(manifest).hexdigest()
    put(name, manifest)
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": name, "size": len(manifest)}
    (root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return str(root)


def main(kind, command, only=""):
    wrong = count = 0
    for vector in json.loads((FIXTURES / "index.json").read_text())["vectors"]:
        if vector["kind"] != kind or only not in vector["id"]:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            files = {role: str(FIXTURES / path) for role, path in vector["files"].items()}
            if "{layout}" in command:
                if "layers" not in vector:
                    continue
                files["layout"] = layout(vector, Path(scratch) / "layout")
            words = [word.format(**files) for word in shlex.split(command)]
            try:
                code = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode
            except (OSError, subprocess.TimeoutExpired) as error:
                sys.exit(f"{vector['id']}: {error}")
        found = "valid" if code == 0 else "invalid"
        right = vector["expect"] in (found, "advice")  # what is only advised against may be taken or refused
        count, wrong = count + 1, wrong + (not right)
        print(f"{'ok' if right else 'WRONG':6}{vector['expect']:9}{found:9}{vector['id']}  {' '.join(vector['rule'][:3])}")
    print(f"{count - wrong} of {count} as expected")
    return 0 if count and not wrong else 1


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
