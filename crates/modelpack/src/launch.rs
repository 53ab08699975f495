//! Which command loads a model, with what is known of how it is run.

use std::path::{Path, PathBuf};

use modelpack_spec::{FilePath, FileRole, ModelView, Reference, RuntimeConfig};
use serde::Serialize;
use serde_json::Value;

use crate::artifact::Artifact;
use crate::extras::MAX_RUNTIME_BYTES;
use crate::{Control, Error, ResolveOptions, Toolkit, adapters, blocking};

/// How to load a model: commands of the engines that can, the best first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LaunchPlan {
    /// The model.
    pub reference: Reference,
    /// Its files, verified.
    pub directory: PathBuf,
    /// Format of its weights.
    pub format: String,
    /// The commands.
    pub commands: Vec<LaunchCommand>,
}

/// A command that loads a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LaunchCommand {
    /// The program, to be found on the path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Where to get it.
    pub install: &'static str,
}

/// Engines with the formats that they load.
const ENGINES: [(&str, &str, &str); 3] = [
    (
        "llama-server",
        "gguf",
        "install llama.cpp: https://github.com/ggml-org/llama.cpp",
    ),
    (
        "llama-cli",
        "gguf",
        "install llama.cpp: https://github.com/ggml-org/llama.cpp",
    ),
    ("vllm", "safetensors", "install vLLM: `pip install vllm`"),
];

/// Parameters of sampling with the flags that llama.cpp has for them.
const SAMPLING: [(&str, &str); 8] = [
    ("temperature", "--temp"),
    ("top_k", "--top-k"),
    ("top_p", "--top-p"),
    ("min_p", "--min-p"),
    ("repeat_penalty", "--repeat-penalty"),
    ("seed", "--seed"),
    ("max_tokens", "--predict"),
    ("num_predict", "--predict"),
];

impl Toolkit {
    /// Lays a model out and says how it is loaded. Nothing is started.
    ///
    /// # Errors
    /// Those of [`Toolkit::resolve`]; [`Error::InvalidInput`] when no engine that is known loads the
    /// model, or `engine` is none of them, or an adapter belongs to a model that is not in the artifact, or
    /// there is nothing but an adapter or a projector.
    pub async fn launch_plan(
        &self,
        reference: &Reference,
        engine: Option<&str>,
        options: &ResolveOptions,
        control: &Control,
    ) -> Result<LaunchPlan, Error> {
        let resolved = self.resolve(reference, options, control).await?;
        let (store, wanted) = (self.store().clone(), reference.clone());
        let directory = resolved.directory.clone();
        let (view, runtime) = blocking::run(move || {
            let artifact = Artifact::load(&store, &wanted)?;
            adapters::check(&store, &wanted, &artifact)?;
            let mut view = ModelView::read(artifact.manifest.value(), artifact.config.bytes())?;
            adapters::mark_view(&mut view, &directory);
            adapters::require_model(&wanted.to_string(), &view)?;
            let runtime = match view.with_role(FileRole::Runtime).next() {
                Some(file) => {
                    let bytes = store.read_blob(&file.layer.digest, MAX_RUNTIME_BYTES)?;
                    RuntimeConfig::read(bytes)?.into_value()
                }
                None => RuntimeConfig::default(),
            };
            Ok((view, runtime))
        })
        .await?;
        let format = resolved.format.unwrap_or_default();
        let commands = commands(&resolved.directory, &format, &view, &runtime);
        let commands: Vec<LaunchCommand> = match engine {
            None => commands,
            Some(engine) => {
                let name = engine.rsplit('/').next().unwrap_or(engine);
                let mut chosen = commands
                    .into_iter()
                    .filter(|command| command.program == name);
                // A path of its own stays what it is.
                chosen
                    .next()
                    .map(|command| LaunchCommand {
                        program: engine.to_owned(),
                        ..command
                    })
                    .into_iter()
                    .collect()
            }
        };
        if commands.is_empty() {
            return Err(no_engine(reference, &format, engine));
        }
        Ok(LaunchPlan {
            reference: reference.clone(),
            directory: resolved.directory,
            format,
            commands,
        })
    }
}

fn no_engine(reference: &Reference, format: &str, engine: Option<&str>) -> Error {
    let format = if format.is_empty() { "unknown" } else { format };
    let known: Vec<&str> = ENGINES.iter().map(|(program, ..)| *program).collect();
    Error::InvalidInput {
        what: match engine {
            Some(engine) => format!("{reference} is {format}, which `{engine}` does not load"),
            None => format!("{reference} is {format}, which no engine known here loads"),
        },
        hint: Some(format!(
            "engines known here are {}; `modelpack resolve {reference}` gives the files to any other",
            known.join(", ")
        )),
    }
}

/// The commands for a model of this format: pure.
fn commands(
    directory: &Path,
    format: &str,
    view: &ModelView,
    runtime: &RuntimeConfig,
) -> Vec<LaunchCommand> {
    let known = ENGINES.iter().filter(|(_, loads, _)| *loads == format);
    known
        .filter_map(|(program, _, install)| {
            let arguments = if *program == "vllm" {
                vllm(directory, view, runtime)
            } else {
                llama(program, directory, view, runtime)?
            };
            Some(LaunchCommand {
                program: (*program).to_owned(),
                arguments,
                install,
            })
        })
        .collect()
}

/// The file with a role: the one that the runtime configuration names, or the first.
fn file(view: &ModelView, role: FileRole, named: Option<&FilePath>) -> Option<FilePath> {
    named.cloned().or_else(|| {
        let mut paths: Vec<&FilePath> = view
            .with_role(role)
            .filter_map(|file| file.path.as_ref())
            .collect();
        // Of shards, the first by name is the one that engines are given.
        paths.sort();
        paths.first().map(|path| (*path).clone())
    })
}

fn context_size(view: &ModelView, runtime: &RuntimeConfig) -> Option<i64> {
    // A build that is told another size than the file says it in its annotations, for every tool.
    view.context_size
        .or(runtime.context_size)
        .filter(|size| *size > 0)
}

fn llama(
    program: &str,
    directory: &Path,
    view: &ModelView,
    runtime: &RuntimeConfig,
) -> Option<Vec<String>> {
    let mut arguments = Vec::new();
    let mut push = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
    let at = |path: &FilePath| directory.join(path).display().to_string();
    push("--model", at(&file(view, FileRole::Weight, None)?));
    if let Some(path) = file(view, FileRole::Projector, runtime.projector.as_ref()) {
        push("--mmproj", at(&path));
    }
    if let Some(path) = file(view, FileRole::ChatTemplate, runtime.chat_template.as_ref()) {
        push("--chat-template-file", at(&path));
    }
    if runtime.adapters.is_empty() {
        for file in view.with_role(FileRole::Adapter) {
            if let Some(path) = &file.path {
                push("--lora", at(path));
            }
        }
    }
    for path in &runtime.adapters {
        push("--lora", at(path));
    }
    if let Some(path) = file(view, FileRole::DraftModel, runtime.draft_model.as_ref()) {
        push("--model-draft", at(&path));
    }
    if let Some(size) = context_size(view, runtime) {
        push("--ctx-size", size.to_string());
    }
    for (name, flag) in SAMPLING {
        if let Some(Value::Number(number)) = runtime.parameters.get(name) {
            push(flag, number.to_string());
        }
    }
    if program == "llama-cli" {
        if let Some(system) = &runtime.system {
            push("--system-prompt", system.clone());
        }
        if let Some(Value::Array(words)) = runtime.parameters.get("stop") {
            for word in words.iter().filter_map(Value::as_str) {
                push("--reverse-prompt", word.to_owned());
            }
        }
    }
    Some(arguments)
}

fn vllm(directory: &Path, view: &ModelView, runtime: &RuntimeConfig) -> Vec<String> {
    let mut arguments = vec!["serve".to_owned(), directory.display().to_string()];
    if let Some(path) = file(view, FileRole::ChatTemplate, runtime.chat_template.as_ref()) {
        let path = directory.join(&path).display().to_string();
        arguments.extend(["--chat-template".to_owned(), path]);
    }
    if let Some(size) = context_size(view, runtime) {
        arguments.extend(["--max-model-len".to_owned(), size.to_string()]);
    }
    arguments
}
