//! What one config says, in the words of the other.

use crate::{DockerConfig, FileRole, Manifest, Model, ModelFs, docker};

use super::{DockerFacts, mapping};

/// Words that name a kind of network and not an architecture.
const GENERAL: [&str; 6] = [
    "transformer",
    "transformers",
    "cnn",
    "rnn",
    "gan",
    "diffusion",
];

/// Precisions of ModelPack with the names that Docker's dialect has for them.
const PRECISIONS: [(&str, &str); 6] = [
    ("float16", "F16"),
    ("bfloat16", "BF16"),
    ("float32", "F32"),
    ("float64", "F64"),
    ("float8_e4m3", "F8_E4M3"),
    ("float8_e5m2", "F8_E5M2"),
];

/// How GGUF models name their quantisation in Docker's dialect.
const MOSTLY: &str = "MOSTLY_";

pub(super) fn docker_config(
    model: &Model,
    manifest: &Manifest,
    context_size: Option<i64>,
    facts: &DockerFacts,
) -> DockerConfig {
    let said = &model.config;
    let format = said.format.as_ref().map(|format| format.to_lowercase());
    let is_gguf = format.as_deref() == Some("gguf");
    let mostly = |name: &str| match is_gguf {
        true if !name.starts_with(MOSTLY) => format!("{MOSTLY}{name}"),
        _ => name.to_owned(),
    };
    let by_precision = said.precision.as_deref().and_then(|precision| {
        PRECISIONS
            .iter()
            .find(|(word, _)| *word == precision)
            .map(|(_, name)| mostly(name))
    });
    let architecture = said
        .architecture
        .clone()
        .filter(|word| !GENERAL.contains(&word.to_lowercase().as_str()));
    let mut config = DockerConfig::default();
    let docker = &mut config.config;
    docker.quantization = facts
        .quantization
        .clone()
        .or_else(|| said.quantization.as_deref().map(mostly))
        .or(by_precision);
    docker.parameters = facts
        .parameters
        .clone()
        .or_else(|| said.param_size.as_ref().map(|count| count.to_uppercase()));
    docker.architecture = facts
        .architecture
        .clone()
        .or(architecture)
        .or_else(|| model.descriptor.family.clone())
        .or_else(|| said.architecture.clone());
    docker.size = facts.size.clone().or_else(|| size(manifest, is_gguf));
    docker.gguf = facts.gguf.clone();
    docker.safetensors = facts.safetensors.clone();
    docker.diffusers = facts.diffusers.clone();
    docker.context_size = context_size.or(facts.context_size);
    docker.format = format;
    config.descriptor.created = model.descriptor.created_at.clone();
    let diff_ids = manifest.layers.iter().map(|layer| layer.digest).collect();
    config.rootfs = Some(docker::RootFs::new(diff_ids));
    config
}

pub(crate) fn model(config: &DockerConfig, manifest: &Manifest) -> Model {
    let said = &config.config;
    let mut model = Model::default();
    model.descriptor.created_at = config.created().cloned();
    model.descriptor.family = said.architecture.clone();
    model.config.architecture = said.architecture.clone();
    model.config.format = said.format.as_ref().map(|format| match format.as_str() {
        "diffusers" => "dduf".to_owned(),
        other => other.to_lowercase(),
    });
    model.config.param_size = said.parameters.as_deref().and_then(param_size);
    let quantization = said.quantization.as_deref().unwrap_or_default();
    let name = quantization.strip_prefix(MOSTLY).unwrap_or(quantization);
    let precision = PRECISIONS.iter().find(|(_, known)| *known == name);
    match precision {
        Some((word, _)) => model.config.precision = Some((*word).to_owned()),
        None if ["", "unknown", "mixed"].contains(&name.to_lowercase().as_str()) => {}
        None => model.config.quantization = Some(name.to_owned()),
    }
    model.modelfs = ModelFs::new(manifest.layers.iter().map(|layer| layer.digest).collect());
    model
}

/// The size of the files of the weights, as Docker's tools print it.
fn size(manifest: &Manifest, is_gguf: bool) -> Option<String> {
    let files = mapping::files(manifest).ok()?;
    let weights = files.iter().filter(|file| file.role == FileRole::Weight);
    let bytes = weights.fold(0_u64, |sum, file| sum.saturating_add(file.layer.size));
    (bytes > 0).then(|| match is_gguf {
        true => docker::format_size(bytes),
        false => docker::format_bytes(bytes),
    })
}

/// A number of parameters that Docker's tools printed, as ModelPack prints it: one decimal at most.
pub(super) fn param_size(text: &str) -> Option<String> {
    let text = text.trim();
    let unit = text.chars().last().filter(char::is_ascii_alphabetic);
    let digits = text
        .trim_end_matches(|letter: char| letter.is_ascii_alphabetic())
        .trim();
    let number: f64 = digits.parse().ok()?;
    let is_plain = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let (number, unit) = match unit.map(|unit| unit.to_ascii_lowercase()) {
        Some(unit) if "kmbtq".contains(unit) && text.len() <= digits.len() + 2 => (number, unit),
        None => (number / 1000.0, 'k'),
        Some(_) => return None,
    };
    if !is_plain || !number.is_finite() {
        return None;
    }
    let text = format!("{number:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    (text != "0").then(|| format!("{text}{unit}"))
}
