//! Worked examples for the help of every command; a test parses each of them.

use clap::Command;

/// What it does, and the command line.
type Example = (&'static str, &'static str);

/// Where a command line is folded, in characters.
const MAX_LINE_CHARS: usize = 76;

/// By command, in the order of the help.
const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "build",
        &[
            (
                "Build what DIR/Modelfile names",
                "modelpack build ./qwen3 -t ghcr.io/me/qwen3:0.6b",
            ),
            (
                "In Docker's dialect, with a licence and a chat template",
                "modelpack build ./qwen3 -t ghcr.io/me/qwen3:gguf --format docker --license LICENSE --chat-template chat.jinja",
            ),
            (
                "Print the digest only",
                "modelpack build ./qwen3 -t ghcr.io/me/qwen3:0.6b -q",
            ),
        ],
    ),
    (
        "push",
        &[
            (
                "Push under its own name",
                "modelpack push ghcr.io/me/qwen3:0.6b",
            ),
            (
                "To a registry without TLS, in at most ten minutes",
                "modelpack push localhost:5000/me/qwen3:0.6b --plain-http --timeout 10m",
            ),
            (
                "Also in Docker's dialect, with the same layers",
                "modelpack push ghcr.io/me/qwen3:0.6b --twin=ghcr.io/me/qwen3:0.6b-docker",
            ),
        ],
    ),
    (
        "pull",
        &[
            (
                "Pull into the local store; the same command again continues",
                "modelpack pull ghcr.io/me/qwen3:0.6b",
            ),
            (
                "Exactly these bytes",
                "modelpack pull ghcr.io/me/qwen3@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "The largest variant that fits into 8 GiB, and its files in a directory",
                "modelpack pull ghcr.io/me/qwen3:all --max-size 8GiB --extract-dir ./qwen3",
            ),
        ],
    ),
    (
        "resolve",
        &[
            (
                "Print a directory with verified files, pulled when needed",
                "modelpack resolve ghcr.io/me/qwen3:0.6b",
            ),
            (
                "Digest, format and files too, without any network",
                "modelpack resolve ghcr.io/me/qwen3:0.6b --no-pull --json",
            ),
        ],
    ),
    (
        "fetch",
        &[
            (
                "Only the tokenizer and the configuration of a remote artifact",
                "modelpack fetch ghcr.io/me/qwen3:0.6b --patterns '*.json' --output ./qwen3",
            ),
            (
                "One tensor, by its name (`inspect REF --remote --tensors` lists them)",
                "modelpack fetch ghcr.io/me/qwen3:0.6b --tensor model.norm.weight --output ./qwen3",
            ),
        ],
    ),
    (
        "extract",
        &[(
            "Files of your own, which can be changed",
            "modelpack extract ghcr.io/me/qwen3:0.6b ./qwen3",
        )],
    ),
    (
        "attach",
        &[(
            "Add or replace a file under a new tag",
            "modelpack attach README.md -s ghcr.io/me/qwen3:0.6b -t ghcr.io/me/qwen3:0.6b-2 --force",
        )],
    ),
    (
        "upload",
        &[(
            "Send a large file before the artifact is built",
            "modelpack upload model.safetensors --repo ghcr.io/me/qwen3",
        )],
    ),
    (
        "export",
        &[
            (
                "For Docker Model Runner on this machine",
                "modelpack export ghcr.io/me/qwen3:0.6b --to-dmr",
            ),
            (
                "As an image that Kubernetes mounts",
                "modelpack export ghcr.io/me/qwen3:0.6b --image ghcr.io/me/qwen3:image",
            ),
        ],
    ),
    (
        "import",
        &[
            (
                "The models of Docker Model Runner on this machine",
                "modelpack import --from-dmr",
            ),
            (
                "One of them, under a name where it can be pushed",
                "modelpack import --from-dmr ai/smollm2 -t ghcr.io/me/smollm2:docker",
            ),
        ],
    ),
    (
        "run",
        &[
            (
                "Load it with the engine that is installed",
                "modelpack run ghcr.io/me/qwen3:0.6b",
            ),
            (
                "Only print the command, with one argument more",
                "modelpack run ghcr.io/me/qwen3:0.6b --dry-run -- --port 8080",
            ),
        ],
    ),
    (
        "inspect",
        &[
            (
                "What it says of itself",
                "modelpack inspect ghcr.io/me/qwen3:0.6b",
            ),
            (
                "The tensors of a remote artifact, without fetching its weights",
                "modelpack inspect ghcr.io/me/qwen3:0.6b --remote --tensors",
            ),
        ],
    ),
    (
        "diff",
        &[
            (
                "Files and metadata of two versions",
                "modelpack diff ghcr.io/me/qwen3:0.6b ghcr.io/me/qwen3:0.7b",
            ),
            (
                "In a script: is the registry's the one that is wanted?",
                "modelpack diff -q --remote ghcr.io/me/qwen3:latest ghcr.io/me/qwen3:0.7b",
            ),
        ],
    ),
    (
        "convert",
        &[(
            "To Docker's dialect in the registry; no layer is fetched",
            "modelpack convert ghcr.io/me/qwen3:0.6b --to docker --remote",
        )],
    ),
    (
        "index",
        &[(
            "Two quantisations behind one name",
            "modelpack index create ghcr.io/me/qwen3:all --variant Q4=ghcr.io/me/qwen3:q4 --variant Q8=ghcr.io/me/qwen3:q8",
        )],
    ),
    (
        "index create",
        &[(
            "The first variant is the default",
            "modelpack index create ghcr.io/me/qwen3:all --variant Q4=ghcr.io/me/qwen3:q4 --variant Q8=ghcr.io/me/qwen3:q8",
        )],
    ),
    (
        "ls",
        &[
            ("Everything that is here, the newest first", "modelpack ls"),
            ("Names only, of one family", "modelpack ls -q 'qwen*'"),
            (
                "The tags of a repository in its registry",
                "modelpack ls --remote ghcr.io/me/qwen3",
            ),
        ],
    ),
    (
        "du",
        &[
            (
                "What removing each name would free, and what they share",
                "modelpack du",
            ),
            ("Of one family, in bytes", "modelpack du 'qwen*' --json"),
        ],
    ),
    (
        "tag",
        &[(
            "Another name for the same artifact",
            "modelpack tag ghcr.io/me/qwen3:0.6b ghcr.io/me/qwen3:latest",
        )],
    ),
    (
        "rm",
        &[(
            "Remove a name; `modelpack prune` frees its bytes",
            "modelpack rm ghcr.io/me/qwen3:0.6b",
        )],
    ),
    (
        "prune",
        &[
            (
                "See what would be freed, with a reason for each",
                "modelpack prune --dry-run",
            ),
            (
                "Also give up downloads that nobody has continued for a week",
                "modelpack prune --partials-older-than 168",
            ),
        ],
    ),
    ("verify", &[("Hash everything again", "modelpack verify")]),
    (
        "serve",
        &[
            ("A registry for this machine", "modelpack serve"),
            (
                "A cache of another registry, for this machine",
                "modelpack serve --upstream ghcr.io",
            ),
            (
                "For others: everybody may pull, alice may do everything",
                "modelpack serve --listen 0.0.0.0:5000 --htpasswd users --allow anonymous:pull --allow 'alice:*' --tls-cert chain.pem --tls-key key.pem",
            ),
        ],
    ),
    (
        "modelfile",
        &[(
            "Write a Modelfile for a directory, into it",
            "modelpack modelfile generate ./qwen3 -O ./qwen3",
        )],
    ),
    (
        "modelfile generate",
        &[
            (
                "Write a Modelfile for a directory, into it",
                "modelpack modelfile generate ./qwen3 -O ./qwen3",
            ),
            (
                "Leave some files out",
                "modelpack modelfile generate ./qwen3 -O ./qwen3 --exclude 'original/**' --overwrite",
            ),
        ],
    ),
    (
        "login",
        &[(
            "With a password that comes from a pipe",
            "modelpack login ghcr.io -u me --password-stdin",
        )],
    ),
    (
        "logout",
        &[("Forget the login of a registry", "modelpack logout ghcr.io")],
    ),
    (
        "doctor",
        &[
            ("The store and the settings", "modelpack doctor"),
            (
                "What a registry can do, and whether this user may push there",
                "modelpack doctor ghcr.io/me/qwen3:0.6b",
            ),
            (
                "In a script: 0 when nothing will fail",
                "modelpack doctor -q ghcr.io",
            ),
        ],
    ),
    (
        "completion",
        &[
            (
                "For bash, in this session: source <(modelpack completion bash)",
                "modelpack completion bash",
            ),
            (
                "For fish, for ever",
                "modelpack completion fish > ~/.config/fish/completions/modelpack.fish",
            ),
        ],
    ),
    (
        "man",
        &[
            (
                "Read a page: modelpack man pull | man -l -",
                "modelpack man pull",
            ),
            (
                "Install all of them",
                "modelpack man --output ~/.local/share/man/man1",
            ),
        ],
    ),
    (
        "version",
        &[("Version and platform as JSON", "modelpack version --json")],
    ),
];

/// Adds the examples to the help of every command. A command of a later version than the table has none, and an
/// example of a command that does not exist here is passed over.
pub(crate) fn add_to(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (path, examples)| {
        let path: Vec<&str> = path.split(' ').collect();
        add_at(command, &path, &help(examples))
    })
}

fn add_at(command: Command, path: &[&str], help: &str) -> Command {
    let Some((first, rest)) = path.split_first() else {
        return command.after_help(help.to_owned());
    };
    if command.find_subcommand(first).is_none() {
        return command;
    }
    command.mut_subcommand(first, |command| add_at(command, rest, help))
}

fn help(examples: &[Example]) -> String {
    let mut text = "Examples:".to_owned();
    for (what, line) in examples {
        text.push_str(&format!("\n  # {what}\n  {}", folded(line)));
    }
    text
}

/// A long line in several, as a shell takes them: help is wrapped at 100 columns, which would break it elsewhere.
fn folded(line: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for word in line.split(' ') {
        let length = word.chars().count() + 1;
        if width > 0 && width + length > MAX_LINE_CHARS {
            text.push_str(" \\\n     ");
            width = 4;
        }
        if width > 0 {
            text.push(' ');
        }
        text.push_str(word);
        width += length;
    }
    text
}

#[cfg(test)]
pub(crate) mod tests;
