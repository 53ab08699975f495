//! A model that is built in Docker's dialect.

use std::collections::BTreeMap;

use bytes::Bytes;
use modelpack_formats::{
    Format, Role, Value, Weights, format_docker_count, format_docker_parameters,
};
use modelpack_spec::convert::{ConvertOptions, DockerFacts, MAX_CONTEXT_SIZE, Target, convert};
use modelpack_spec::docker::{format_bytes, format_size};
use modelpack_spec::{Document, FileRole, Manifest, Model, ModelView, annotations, rules};

use crate::Error;
use crate::extras::describe;
use crate::headers::Headers;

/// Longest array of a header that Docker's tools write into a config.
const MAX_ARRAY: u64 = 50;

/// Order of layers: what is loaded stands first, since other tools take the first that they can load.
const ORDER: [FileRole; 6] = [
    FileRole::Weight,
    FileRole::License,
    FileRole::ChatTemplate,
    FileRole::Projector,
    FileRole::Adapter,
    FileRole::DraftModel,
];

/// Writes the documents of a ModelPack artifact in Docker's dialect, as if it had never been anything
/// else.
pub(crate) fn documents(
    manifest: &Document<Manifest>,
    config: &Document<Model>,
    facts: &DockerFacts,
) -> Result<(Document<Manifest>, Bytes), Error> {
    let mut plain = manifest.value().clone();
    plain
        .annotations
        .retain(|key, _| key == modelpack_spec::convert::CONTEXT_SIZE);
    for layer in &mut plain.layers {
        layer.annotations.remove(annotations::TITLE);
        layer.annotations.insert(
            annotations::MEDIATYPE_UNTESTED.to_owned(),
            "false".to_owned(),
        );
    }
    let mut options = ConvertOptions::default();
    options.facts = facts.clone();
    options.forget = true;
    let plain = Document::write(plain);
    let converted = convert(&plain, config.bytes(), Target::Docker, &options)?;
    let violations: Vec<String> =
        rules::docker::check_artifact(converted.manifest.bytes(), &converted.config)
            .into_iter()
            .filter(|violation| violation.rule.level == rules::Level::Must)
            .map(|violation| violation.to_string())
            .collect();
    if violations.is_empty() {
        Ok((converted.manifest, converted.config))
    } else {
        Err(Error::RuleBroken {
            document: "artifact",
            violations,
        })
    }
}

/// Where each layer of a ModelPack manifest goes in Docker's dialect. Weights of several files keep the
/// order of their names; a directory is sorted by name as a whole.
pub(crate) fn order(
    manifest: &Manifest,
    config: &[u8],
    format: Format,
) -> Result<Vec<usize>, Error> {
    let view = ModelView::read(manifest, config)?;
    let mut order: Vec<usize> = (0..view.files.len()).collect();
    order.sort_by_key(|index| {
        let file = &view.files[*index];
        let rank = match format {
            Format::Safetensors => 0,
            _ => ORDER
                .iter()
                .position(|role| *role == file.role)
                .unwrap_or(ORDER.len()),
        };
        (rank, file.path.clone())
    });
    Ok(order)
}

/// The weights of the one model that an artifact of Docker's dialect holds.
pub(crate) fn weights(headers: &Headers) -> Result<&[Weights], Error> {
    let hint = || Some("Docker's dialect holds one model as GGUF, safetensors or DDUF".to_owned());
    let refuse = |what: String| Err(Error::InvalidInput { what, hint: hint() });
    let Some(first) = headers.groups.first() else {
        return refuse(match headers.warnings.first() {
            Some(warning) => format!("the weights cannot be read: {warning}"),
            None => "there are no weights whose format is known".to_owned(),
        });
    };
    let mut models = headers
        .groups
        .iter()
        .filter(|group| group.role() == Role::Model);
    let Some(model) = models.next() else {
        return refuse(format!(
            "`{}` is {} and no model",
            first.files[0].path,
            describe(first.role())
        ));
    };
    if !matches!(
        model.format(),
        Format::Gguf | Format::Safetensors | Format::Dduf
    ) {
        return refuse(format!("`{}` is {}", model.files[0].path, model.format()));
    }
    if let Some(other) = models
        .find(|other| other.format() != model.format() || model.format() != Format::Safetensors)
    {
        return refuse(format!(
            "`{}` and `{}` are two models",
            model.files[0].path, other.files[0].path
        ));
    }
    Ok(&headers.groups)
}

/// What Docker's tools say of weights.
pub(crate) fn facts(groups: &[Weights]) -> DockerFacts {
    let models: Vec<&Weights> = groups
        .iter()
        .filter(|group| group.role() == Role::Model)
        .collect();
    let mut facts = DockerFacts::default();
    let Some(model) = models.first() else {
        return facts;
    };
    let parameters = models.iter().fold(0_u128, |sum, model| {
        sum.saturating_add(model.parameters().unwrap_or(0))
    });
    let files = models.iter().flat_map(|model| &model.files);
    let data = files.clone().fold(0_u64, |sum, file| {
        let start = file.header.data_start.unwrap_or(0);
        sum.saturating_add(file.header.file_size.saturating_sub(start))
    });
    let bytes = files
        .clone()
        .fold(0_u64, |sum, file| sum.saturating_add(file.header.file_size));
    match model.format() {
        Format::Gguf => {
            facts.parameters = Some(format_docker_parameters(parameters));
            facts.quantization = Some(match model.file_type() {
                Some(file_type) => match file_type.name() {
                    Some(name) => format!("MOSTLY_{name}"),
                    None => format!("GGUFFileType({})", file_type.number()),
                },
                None => "Unknown".to_owned(),
            });
            facts.architecture = model.architecture().map(str::to_owned);
            facts.size = Some(format_size(data));
            let metadata = model.metadata().into_iter();
            facts.gguf = metadata
                .filter(|(key, _)| *key != "split.no")
                .filter_map(|(key, value)| Some((key.to_owned(), printed(value)?.into())))
                .collect();
        }
        Format::Safetensors => {
            facts.parameters = Some(format_docker_count(parameters));
            let mut dtypes: Vec<&str> = models
                .iter()
                .flat_map(|model| model.dtypes().into_keys())
                .collect();
            dtypes.sort_unstable();
            dtypes.dedup();
            facts.quantization = Some(match dtypes.as_slice() {
                [] => "unknown".to_owned(),
                [only] => (*only).to_owned(),
                _ => "mixed".to_owned(),
            });
            facts.architecture = model.architecture().map(str::to_owned);
            facts.size = Some(format_bytes(bytes));
            let first = &model.files[0].header;
            let mut said: BTreeMap<String, serde_json::Value> = first
                .metadata
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), printed(value)?.into())))
                .collect();
            let count = models.iter().flat_map(|model| model.tensors()).count();
            said.insert("tensor_count".to_owned(), count.to_string().into());
            facts.safetensors = said;
        }
        _ => {
            facts.architecture = Some("diffusers".to_owned());
            facts.size = Some(format_bytes(bytes));
            let path = &model.files[0].path;
            let name = path.rsplit('/').next().unwrap_or(path);
            facts.diffusers = [("dduf_file", name), ("layout", "dduf")]
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect();
        }
    }
    let context = model
        .context_length()
        .and_then(|length| i64::try_from(length).ok());
    facts.context_size = context.filter(|length| (1..=MAX_CONTEXT_SIZE).contains(length));
    facts
}

/// A value of a header as Docker's tools print it; nothing for what they leave out.
fn printed(value: &Value) -> Option<String> {
    Some(match value {
        Value::Unsigned(number) => number.to_string(),
        Value::Signed(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => "NaN".to_owned(),
        Value::Float(number) if number.is_infinite() && *number > 0.0 => "+Inf".to_owned(),
        Value::Float(number) if number.is_infinite() => "-Inf".to_owned(),
        Value::Float(number) => format!("{number:.6}"),
        Value::Bool(is_true) => is_true.to_string(),
        Value::Text(text) => text.clone(),
        Value::Array { length, values } if *length <= MAX_ARRAY => values
            .iter()
            .map(printed)
            .collect::<Option<Vec<String>>>()?
            .join(", "),
        _ => return None,
    })
}
