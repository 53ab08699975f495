//! Weight files that belong together, and what they say as a whole.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::facts::{dtypes, elements, precision};
use crate::header::{Format, Header, Tensor, Value};
use crate::{Error, FileType, Role};

/// Largest shard index that is read, in bytes; one line per tensor.
const MAX_INDEX_BYTES: usize = 64 * 1024 * 1024;
/// Most shards of a set; the largest models have some hundred.
const MAX_SHARDS: u64 = 10_000;
/// Most names in a message.
const MAX_NAMED: usize = 20;

/// A weight file: its path and its header.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WeightFile {
    /// Path, with forward slashes.
    pub path: String,
    /// What it says.
    pub header: Header,
}

impl WeightFile {
    /// A file with a header that was read.
    #[must_use]
    pub fn new(path: impl Into<String>, header: Header) -> Self {
        Self {
            path: path.into(),
            header,
        }
    }
}

/// Weight files that make one whole: a single file, or all shards of a set.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Weights {
    /// The files, in order.
    pub files: Vec<WeightFile>,
}

/// Which tensor lies in which file: `model.safetensors.index.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardIndex {
    files: BTreeMap<String, BTreeSet<String>>,
}

impl ShardIndex {
    /// Reads an index.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::OverLimit`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Text {
            weight_map: BTreeMap<String, String>,
        }
        const NAME: &str = "safetensors index";
        if bytes.len() > MAX_INDEX_BYTES {
            return Err(Error::OverLimit {
                format: NAME,
                what: "a size",
                found: bytes.len() as u64,
                limit: MAX_INDEX_BYTES as u64,
            });
        }
        let invalid = |reason: String| Error::Invalid {
            format: NAME,
            reason,
        };
        let text: Text =
            serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
        let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (tensor, file) in text.weight_map {
            let is_beside = !file.is_empty() && !file.contains(['/', '\\', '\0']) && file != "..";
            if !is_beside {
                return Err(invalid(format!(
                    "`{}` lies in `{}`, which is no file beside the index",
                    tensor,
                    file.escape_debug()
                )));
            }
            files.entry(file).or_default().insert(tensor);
        }
        Ok(Self { files })
    }

    /// The files that it names, sorted.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

/// Puts files together that belong together. `indexes` are the shard indexes that lie among them, with
/// their paths.
///
/// Files of one GGUF set say so themselves. Files of one safetensors set are those that an index
/// names, or those that are numbered; where neither is so, every file stands alone.
///
/// # Errors
/// [`Error::ShardsMissing`] and [`Error::ShardsDiffer`].
pub fn group(
    files: Vec<WeightFile>,
    indexes: &[(String, ShardIndex)],
) -> Result<Vec<Weights>, Error> {
    let mut by_path: BTreeMap<String, WeightFile> = files
        .into_iter()
        .map(|file| (file.path.clone(), file))
        .collect();
    let mut groups = Vec::new();
    for (path, index) in indexes {
        groups.push(indexed(&mut by_path, path, index)?);
    }
    let mut sets: BTreeMap<(String, u64, Format), BTreeMap<u64, WeightFile>> = BTreeMap::new();
    for (_, file) in by_path {
        let Some((set, number, count)) = numbered(&file) else {
            groups.push(Weights { files: vec![file] });
            continue;
        };
        let format = file.header.format;
        sets.entry((set, count, format))
            .or_default()
            .insert(number, file);
    }
    for ((set, count, format), files) in sets {
        let missing = (1..=count).filter(|number| !files.contains_key(number));
        let missing: Vec<String> = missing
            .map(|number| shard_name(&set, number, count, format))
            .collect();
        complete(&set, count, missing)?;
        let files: Vec<WeightFile> = files.into_values().collect();
        alike(&files)?;
        groups.push(Weights { files });
    }
    groups.sort_by(|one, other| one.files[0].path.cmp(&other.files[0].path));
    Ok(groups)
}

fn shard_name(set: &str, number: u64, count: u64, format: Format) -> String {
    format!("{set}-{number:05}-of-{count:05}.{format}")
}

fn complete(set: &str, expected: u64, mut missing: Vec<String>) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    missing.truncate(MAX_NAMED);
    Err(Error::ShardsMissing {
        set: set.to_owned(),
        expected,
        missing,
    })
}

/// Takes the files of an index out, each with exactly the tensors that it must have.
fn indexed(
    files: &mut BTreeMap<String, WeightFile>,
    path: &str,
    index: &ShardIndex,
) -> Result<Weights, Error> {
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let at = |name: &str| match directory {
        "" => name.to_owned(),
        directory => format!("{directory}/{name}"),
    };
    let missing = index
        .files()
        .map(at)
        .filter(|path| !files.contains_key(path));
    complete(path, index.files.len() as u64, missing.collect())?;
    let mut found = Vec::new();
    for (name, tensors) in &index.files {
        let Some(file) = files.remove(&at(name)) else {
            continue;
        };
        let there: BTreeSet<&str> = names(&file.header).collect();
        if let Some(lost) = tensors
            .iter()
            .find(|tensor| !there.contains(tensor.as_str()))
        {
            return Err(Error::ShardsDiffer {
                first: path.to_owned(),
                second: file.path,
                reason: format!("it has no tensor `{lost}`"),
            });
        }
        found.push(file);
    }
    if found.is_empty() {
        return Err(Error::Invalid {
            format: "safetensors index",
            reason: format!("`{path}` names no file"),
        });
    }
    // A set that is stored twice, whole and in parts, is one model.
    let whole = at("consolidated");
    files.retain(|path, _| !path.starts_with(&whole));
    alike(&found)?;
    Ok(Weights { files: found })
}

fn names(header: &Header) -> impl Iterator<Item = &str> {
    header.tensors.iter().map(|tensor| tensor.name.as_str())
}

/// Which file of which set it is: the part of the path that all have in common, its number from 1,
/// and how many there are.
fn numbered(file: &WeightFile) -> Option<(String, u64, u64)> {
    let (stem, extension) = file.path.rsplit_once('.')?;
    let five = |text: &str| -> Option<u64> {
        let is_number = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    };
    let by_name = || {
        let (rest, count) = stem.rsplit_once("-of-")?;
        let (set, number) = rest.rsplit_once('-')?;
        let (number, count) = (five(number)?, five(count)?);
        ((1..=count).contains(&number) && count <= MAX_SHARDS)
            .then(|| (set.to_owned(), number, count))
    };
    match file.header.format {
        Format::Gguf => {
            // The file says it itself; its name says which set it is.
            let split = |key: &str| file.header.metadata.get(key).and_then(Value::as_u64);
            let (number, count) = (split("split.no")?, split("split.count")?);
            if count < 2 || number >= count || count > MAX_SHARDS {
                return by_name();
            }
            let set = by_name().map_or_else(|| stem.to_owned(), |(set, ..)| set);
            Some((set, number + 1, count))
        }
        Format::Safetensors if extension == "safetensors" => {
            by_name().filter(|(.., count)| *count > 1)
        }
        _ => None,
    }
}

/// Files of one set have one architecture, no tensor twice, and together as many as they say.
fn alike(files: &[WeightFile]) -> Result<(), Error> {
    let Some(first) = files.first() else {
        return Ok(());
    };
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for file in files {
        let differs = |first: &str, reason: String| Error::ShardsDiffer {
            first: first.to_owned(),
            second: file.path.clone(),
            reason,
        };
        let architectures = (&first.header.architecture, &file.header.architecture);
        if let (Some(one), Some(other)) = architectures
            && one != other
        {
            return Err(differs(
                &first.path,
                format!("its architecture is `{other}`, not `{one}`"),
            ));
        }
        for tensor in &file.header.tensors {
            if let Some(owner) = owners.insert(&tensor.name, &file.path) {
                return Err(differs(owner, format!("both have `{}`", tensor.name)));
            }
        }
    }
    let counted = owners.len() as u64;
    let said = files
        .iter()
        .find_map(|file| file.header.metadata.get("split.tensors.count")?.as_u64());
    match said.filter(|said| *said != counted) {
        Some(said) => Err(Error::ShardsDiffer {
            first: first.path.clone(),
            second: files[files.len() - 1].path.clone(),
            reason: format!("together they have {counted} tensors of {said}"),
        }),
        None => Ok(()),
    }
}

impl Weights {
    /// The tensors of all files, each with the file that it lies in.
    pub fn tensors(&self) -> impl Iterator<Item = (&WeightFile, &Tensor)> {
        self.files
            .iter()
            .flat_map(|file| file.header.tensors.iter().map(move |tensor| (file, tensor)))
    }

    fn first(&self) -> &Header {
        &self.files[0].header
    }

    /// The format of all files.
    #[must_use]
    pub fn format(&self) -> Format {
        self.first().format
    }

    /// What they are for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.first().role()
    }

    /// The architecture that one of them names.
    #[must_use]
    pub fn architecture(&self) -> Option<&str> {
        self.files
            .iter()
            .find_map(|file| file.header.architecture.as_deref())
    }

    /// Number of elements of all tensors; nothing where the files do not say (PyTorch).
    #[must_use]
    pub fn parameters(&self) -> Option<u128> {
        (self.format() != Format::Pytorch).then(|| {
            self.files.iter().fold(0_u128, |sum, file| {
                sum.saturating_add(elements(&file.header.tensors))
            })
        })
    }

    /// The data types, with the number of elements of each.
    #[must_use]
    pub fn dtypes(&self) -> BTreeMap<&str, u128> {
        dtypes(self.tensors().map(|(_, tensor)| tensor))
    }

    /// The precision in the words of the ModelPack specification; nothing when most elements are
    /// quantised.
    #[must_use]
    pub fn precision(&self) -> Option<&'static str> {
        precision(self.dtypes())
    }

    /// The file type of GGUF files: what the first says, or else what the tensors of all say.
    #[must_use]
    pub fn file_type(&self) -> Option<FileType> {
        if self.format() != Format::Gguf {
            return None;
        }
        let said = self.first().metadata.get("general.file_type");
        let said = said.and_then(Value::as_u64);
        said.and_then(|number| u32::try_from(number).ok())
            .map(FileType::new)
            .or_else(|| {
                let tensors: Vec<Tensor> =
                    self.tensors().map(|(_, tensor)| tensor.clone()).collect();
                FileType::guess(&tensors)
            })
    }

    /// How GGUF files are quantised, such as `Q4_K_M`; nothing when they are not.
    #[must_use]
    pub fn quantization(&self) -> Option<&'static str> {
        self.file_type()
            .filter(|file_type| file_type.is_quantized())?
            .name()
    }

    /// How many tokens the model was made for, where the files say so.
    #[must_use]
    pub fn context_length(&self) -> Option<u64> {
        self.files
            .iter()
            .find_map(|file| file.header.context_length())
    }

    /// The keys and values of all files; where two say the same key, the later one counts.
    #[must_use]
    pub fn metadata(&self) -> BTreeMap<&str, &Value> {
        self.files
            .iter()
            .flat_map(|file| &file.header.metadata)
            .map(|(key, value)| (key.as_str(), value))
            .collect()
    }
}
