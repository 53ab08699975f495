//! Which layer of one dialect is which layer of the other.

use crate::docker::Layer;
use crate::view::{FileRole, ModelFile, encoding, is_docker_archive, said_path};
use crate::{
    Descriptor, Encoding, Error, FilePath, Kind, LayerType, Manifest, MediaType, PathSet,
    annotations,
};

use super::{CONTENT_TYPE, ROLE, RUNTIME_TYPE};

/// The files of an artifact of either dialect, each with a path of its own.
pub(crate) fn files(manifest: &Manifest) -> Result<Vec<ModelFile>, Error> {
    let layers = &manifest.layers;
    let roles: Vec<FileRole> = roles(layers);
    let mut paths = Vec::new();
    let mut seen = PathSet::new();
    for layer in layers {
        let path = said_path(layer)?;
        // Only files: an archive may carry the name of the directory that it fills.
        if let Some(path) = path
            .as_ref()
            .filter(|_| encoding(&layer.media_type) == Encoding::Raw)
        {
            seen.insert(path)?;
        }
        paths.push(path);
    }
    let mut files = Vec::new();
    for (index, (layer, role)) in layers.iter().zip(roles).enumerate() {
        let path = match paths[index].take() {
            Some(path) => Some(path),
            None if encoding(&layer.media_type) != Encoding::Raw => None,
            None => Some(given_path(layers, index, role, &mut seen)?),
        };
        files.push(ModelFile {
            path,
            role,
            encoding: encoding(&layer.media_type),
            layer: layer.clone(),
        });
    }
    Ok(files)
}

/// A name for a layer that has none: shards are numbered in the order of the layers.
fn given_path(
    layers: &[Descriptor],
    index: usize,
    role: FileRole,
    seen: &mut PathSet,
) -> Result<FilePath, Error> {
    let layer = &layers[index];
    let extension = match &layer.media_type {
        MediaType::DockerModelLayer(Layer::Safetensors) => "safetensors",
        MediaType::DockerModelLayer(Layer::Dduf) => "dduf",
        MediaType::DockerModelLayer(_) => "gguf",
        _ => "bin",
    };
    let (number, count) = {
        let is_same = |other: &&Descriptor| {
            other.media_type == layer.media_type && annotations::filepath_text(other).is_none()
        };
        let before = layers[..=index].iter().filter(is_same).count();
        (before, layers.iter().filter(is_same).count())
    };
    let numbered = |stem: &str, extension: &str| match (number, count) {
        (_, 1) => format!("{stem}{extension}"),
        _ => format!("{stem}-{number}{extension}"),
    };
    let wanted = match role {
        FileRole::Weight if count > 1 => format!("model-{number:05}-of-{count:05}.{extension}"),
        FileRole::Weight => format!("model.{extension}"),
        FileRole::Projector => numbered("mmproj", ".gguf"),
        FileRole::Adapter => numbered("adapter", &format!(".{extension}")),
        FileRole::ChatTemplate => numbered("chat_template", ".jinja"),
        FileRole::License => numbered("LICENSE", ""),
        _ => format!("layer-{}", layer.digest.short().replace(':', "-")),
    };
    // A name that is taken already belongs to the layer that says so.
    let unique = format!("layer-{index}-{}", wanted.replace('/', "-"));
    for name in [wanted, unique] {
        let path = FilePath::parse(&name)?;
        if seen.insert(&path).is_ok() {
            return Ok(path);
        }
    }
    Err(Error::Inconvertible {
        what: format!("layer {}", layer.digest),
        reason: "there is no name left for it".to_owned(),
    })
}

/// What each layer is to the model.
fn roles(layers: &[Descriptor]) -> Vec<FileRole> {
    // A template is the one that is called so; any other file of Jinja is a file.
    let templates: Vec<usize> = (0..layers.len())
        .filter(|index| is_template(&layers[*index]))
        .collect();
    let named = templates
        .iter()
        .find(|index| file_name(&layers[**index]) == "chat_template.jinja");
    let template = named.or(templates.first()).copied();
    layers
        .iter()
        .enumerate()
        .map(|(index, layer)| role(layer, Some(index) == template))
        .collect()
}

fn is_template(layer: &Descriptor) -> bool {
    let is_config = matches!(
        layer.media_type.as_layer(),
        Some(LayerType {
            kind: Kind::WeightConfig,
            encoding: Encoding::Raw,
            ..
        })
    );
    let is_template = file_name(layer).to_lowercase().ends_with(".jinja");
    is_config && is_template
}

fn role(layer: &Descriptor, is_first_template: bool) -> FileRole {
    let content = layer.annotations.get(CONTENT_TYPE).map(String::as_str);
    if content == Some(RUNTIME_TYPE) {
        return FileRole::Runtime;
    }
    let said = layer.annotations.get(ROLE).map(String::as_str);
    let marked = [FileRole::Projector, FileRole::Adapter, FileRole::DraftModel]
        .into_iter()
        .find(|role| Some(role.as_str()) == said);
    let name = file_name(layer).to_lowercase();
    let weight = || {
        marked.unwrap_or(if name.contains("mmproj") {
            FileRole::Projector
        } else {
            FileRole::Weight
        })
    };
    match &layer.media_type {
        MediaType::DockerModelLayer(kind) => match kind {
            Layer::Gguf | Layer::Safetensors | Layer::Dduf => marked.unwrap_or(FileRole::Weight),
            Layer::Projector | Layer::PublishedProjector => FileRole::Projector,
            Layer::Adapter => FileRole::Adapter,
            Layer::ChatTemplate => FileRole::ChatTemplate,
            Layer::License => FileRole::License,
            Layer::ConfigArchive | Layer::DirectoryArchive => FileRole::Archive,
            Layer::File => marked.unwrap_or_else(|| by_name(&name)),
        },
        MediaType::Layer(layer) => match layer.kind {
            Kind::Weight => weight(),
            Kind::WeightConfig if is_first_template => FileRole::ChatTemplate,
            Kind::WeightConfig => FileRole::Config,
            Kind::Doc if is_license(&name) => FileRole::License,
            Kind::Doc => FileRole::Doc,
            Kind::Code => FileRole::Code,
            Kind::Dataset => FileRole::Dataset,
        },
        // Types that Docker's tools wrote for a while beside those of the specification.
        MediaType::Other(text) if is_private_weight(text) => weight(),
        _ => FileRole::Other,
    }
}

fn is_private_weight(text: &str) -> bool {
    [
        "application/vnd.cncf.model.weight.v1.gguf",
        "application/vnd.cncf.model.weight.v1.safetensors",
    ]
    .contains(&text)
}

/// What a file is that only its name tells of.
fn by_name(name: &str) -> FileRole {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "py" | "ipynb" | "sh" | "cpp" | "rs" | "js" => FileRole::Code,
        "md" | "pdf" | "rst" | "png" | "jpg" | "jpeg" | "svg" | "gif" => FileRole::Doc,
        "parquet" | "csv" | "jsonl" | "arrow" => FileRole::Dataset,
        "bin" | "pt" | "pth" | "onnx" | "gguf" | "safetensors" => FileRole::Weight,
        _ if is_license(name) => FileRole::License,
        _ => FileRole::Config,
    }
}

fn is_license(name: &str) -> bool {
    ["license", "licence", "copying", "notice"]
        .iter()
        .any(|word| name.contains(word))
}

fn file_name(layer: &Descriptor) -> &str {
    let path = annotations::filepath_text(layer).unwrap_or_default();
    path.rsplit('/').next().unwrap_or(path)
}

/// The media type of a file in ModelPack.
pub(crate) fn to_modelpack(file: &ModelFile) -> MediaType {
    if let MediaType::Layer(layer) = &file.layer.media_type {
        return MediaType::Layer(*layer);
    }
    let kind = match file.role {
        FileRole::Weight | FileRole::Projector | FileRole::Adapter | FileRole::DraftModel => {
            Kind::Weight
        }
        FileRole::License | FileRole::Doc => Kind::Doc,
        FileRole::Code => Kind::Code,
        FileRole::Dataset => Kind::Dataset,
        _ => Kind::WeightConfig,
    };
    let encoding = if is_docker_archive(&file.layer.media_type) {
        Encoding::Tar
    } else {
        Encoding::Raw
    };
    LayerType::new(kind, encoding).into()
}

/// The media type of a file in Docker's dialect.
pub(super) fn to_docker(file: &ModelFile, format: Option<&str>) -> Result<MediaType, Error> {
    if file.encoding != Encoding::Raw {
        return Err(Error::Inconvertible {
            what: format!("layer {}", file.layer.digest),
            reason: format!(
                "it is an archive of type `{}`, and Docker's dialect has only plain files; build the model with raw layers",
                file.layer.media_type
            ),
        });
    }
    let name = file
        .path
        .as_ref()
        .map_or("", FilePath::file_name)
        .to_lowercase();
    let by_format = || match format {
        Some("gguf") => Layer::Gguf,
        Some("safetensors") => Layer::Safetensors,
        Some("dduf") => Layer::Dduf,
        _ => Layer::File,
    };
    let layer = match file.role {
        FileRole::Weight if name.ends_with(".gguf") => Layer::Gguf,
        FileRole::Weight if name.ends_with(".safetensors") => Layer::Safetensors,
        FileRole::Weight if name.ends_with(".dduf") => Layer::Dduf,
        FileRole::Weight if name.contains('.') && !name.ends_with(".bin") => Layer::File,
        FileRole::Weight => by_format(),
        FileRole::Projector => Layer::Projector,
        FileRole::Adapter if name.ends_with(".gguf") => Layer::Adapter,
        FileRole::ChatTemplate => Layer::ChatTemplate,
        FileRole::License => Layer::License,
        _ => Layer::File,
    };
    Ok(MediaType::DockerModelLayer(layer))
}

/// `llama.cpp` loads the first layer whose type begins like that of GGUF. An adapter that stands before
/// the weights is written as a plain file, so that it is not taken for them.
pub(super) fn weights_first(layers: &mut [Descriptor]) {
    let is =
        |layer: &Descriptor, kind: Layer| layer.media_type == MediaType::DockerModelLayer(kind);
    let weights = layers.iter().position(|layer| is(layer, Layer::Gguf));
    for layer in &mut layers[..weights.unwrap_or(0)] {
        if is(layer, Layer::Adapter) {
            layer.media_type = MediaType::DockerModelLayer(Layer::File);
        }
    }
}
