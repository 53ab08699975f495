//! The tensors of an artifact, read from the headers of its weights alone.

mod files;

use bytes::Bytes;
use modelpack_formats::{self as formats, Error as FormatError, Header, Pieces, Step};
use modelpack_registry::Name;
use modelpack_spec::{Descriptor, Digest, Encoding, Kind, Reference};
use modelpack_store::Store;
use serde::Serialize;

pub use self::files::{TensorFile, TensorFilesReport};
use crate::artifact::{Artifact, File};
use crate::{Control, Error, Toolkit, blocking};

/// Largest tensor that is fetched into memory, in bytes: the largest embeddings have some ten gigabytes.
const MAX_TENSOR_BYTES: u64 = 32 * 1024 * 1024 * 1024;

/// Where an artifact is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Place {
    /// In the local store.
    #[default]
    Local,
    /// In its registry.
    Registry,
}

/// What the weights of an artifact say.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TensorReport {
    /// The artifact.
    pub reference: Reference,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Whether the bytes that were read have been verified. Pieces of a layer in a registry cannot be:
    /// its digest covers the whole layer.
    pub is_verified: bool,
    /// Bytes that were fetched from the registry for it.
    pub transferred: u64,
    /// Number of elements of all tensors.
    pub parameters: u128,
    /// The weight files.
    pub files: Vec<WeightReport>,
}

/// What a weight file says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WeightReport {
    /// The file.
    pub path: String,
    /// Digest of its layer.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its format, when its header could be read.
    pub format: Option<String>,
    /// Its architecture.
    pub architecture: Option<String>,
    /// How it is quantised.
    pub quantization: Option<String>,
    /// How many tokens the model was made for.
    pub context_length: Option<u64>,
    /// Why its header could not be read.
    pub problem: Option<String>,
    /// Its tensors.
    pub tensors: Vec<TensorEntry>,
}

/// A tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TensorEntry {
    /// Its name.
    pub name: String,
    /// Its data type.
    pub dtype: String,
    /// Its dimensions as the file writes them.
    pub shape: Vec<u64>,
    /// Where its data begins in the file.
    pub offset: u64,
    /// Size of its data in bytes, where the type is known.
    pub size: Option<u64>,
}

/// A tensor with its data.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FetchedTensor {
    /// The file that it lies in.
    pub path: String,
    /// The tensor.
    pub tensor: TensorEntry,
    /// Its data.
    pub bytes: Bytes,
    /// Whether the data is verified: its layer is in the local store, whole. A piece of a layer in a
    /// registry is not, since the digest covers the whole layer.
    pub is_verified: bool,
}

/// Where a tensor lies.
#[derive(Debug, Clone)]
pub(crate) struct TensorPlace {
    path: String,
    layer: Descriptor,
    range: std::ops::Range<u64>,
    pub(crate) tensor: TensorEntry,
}

impl Toolkit {
    /// Reads the headers of the weights of an artifact: some hundred kilobytes, however large it is.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::Registry`], [`Error::NotAModel`], [`Error::Spec`]. A weight
    /// file whose header cannot be read is no error: its report says why.
    pub async fn tensors(
        &self,
        reference: &Reference,
        place: Place,
        control: &Control,
    ) -> Result<TensorReport, Error> {
        let artifact = self.artifact(reference, place, control).await?;
        let mut report = TensorReport {
            reference: reference.clone(),
            digest: *artifact.manifest.digest(),
            is_verified: place == Place::Local,
            transferred: 0,
            parameters: 0,
            files: Vec::new(),
        };
        for file in weights(&artifact)? {
            control.check()?;
            let (header, transferred) = self.header(reference, &file.layer, place, control).await?;
            report.transferred += transferred;
            if let Ok(header) = &header {
                report.parameters += header.parameters().unwrap_or(0);
            }
            report.files.push(weight_report(&file, header));
        }
        Ok(report)
    }

    /// Fetches tensors by name, without the rest of the artifact. Of an artifact whose layer is in the
    /// local store nothing is transferred, and what is given is verified.
    ///
    /// # Errors
    /// Those of [`Self::tensors`]; [`Error::InvalidInput`] when there is no such tensor, its type is not
    /// known, or it lies outside of its file.
    pub async fn fetch_tensors(
        &self,
        reference: &Reference,
        names: &[String],
        place: Place,
        control: &Control,
    ) -> Result<Vec<FetchedTensor>, Error> {
        let found = self.find_tensors(reference, names, place, control).await?;
        let mut fetched = Vec::new();
        for place in &found {
            fetched.push(self.fetch_tensor(reference, place, control).await?);
        }
        Ok(fetched)
    }

    /// Where tensors lie, all of them, before any is fetched.
    pub(crate) async fn find_tensors(
        &self,
        reference: &Reference,
        names: &[String],
        place: Place,
        control: &Control,
    ) -> Result<Vec<TensorPlace>, Error> {
        let report = self.tensors(reference, place, control).await?;
        let find = |name: &String| {
            let found = report.files.iter().find_map(|file| {
                let tensor = file.tensors.iter().find(|tensor| tensor.name == *name)?;
                Some((file, tensor))
            });
            let (file, tensor) = found.ok_or_else(|| no_tensor(reference, name, &report))?;
            let end = tensor.size.and_then(|size| tensor.offset.checked_add(size));
            let fits =
                end.filter(|end| *end <= file.size && tensor.size.unwrap_or(0) <= MAX_TENSOR_BYTES);
            let end = fits.ok_or_else(|| {
                Error::invalid(format!(
                    "`{name}` cannot be fetched alone: its data is not a known part of `{}`",
                    file.path
                ))
            })?;
            Ok(TensorPlace {
                path: file.path.clone(),
                layer: Descriptor::new("application/octet-stream".into(), file.digest, file.size),
                range: tensor.offset..end,
                tensor: tensor.clone(),
            })
        };
        names.iter().map(find).collect()
    }

    pub(crate) async fn fetch_tensor(
        &self,
        reference: &Reference,
        place: &TensorPlace,
        control: &Control,
    ) -> Result<FetchedTensor, Error> {
        let TensorPlace { layer, range, .. } = place;
        let (bytes, is_verified) = match self.local_range(layer, range.clone()).await? {
            Some(bytes) => (bytes, true),
            None if range.is_empty() => (Bytes::new(), false),
            None => {
                let piece = self.fetch_range(reference, layer, range.clone(), control);
                (piece.await?, false)
            }
        };
        Ok(FetchedTensor {
            path: place.path.clone(),
            tensor: place.tensor.clone(),
            bytes,
            is_verified,
        })
    }

    pub(crate) async fn artifact(
        &self,
        reference: &Reference,
        place: Place,
        control: &Control,
    ) -> Result<Artifact, Error> {
        match place {
            Place::Registry => control.stop_early(self.fetch_artifact(reference)).await,
            Place::Local => {
                let (store, reference) = (self.store().clone(), reference.clone());
                blocking::run(move || Artifact::load(&store, &reference)).await
            }
        }
    }

    /// The header of a layer, and how many bytes were transferred for it.
    async fn header(
        &self,
        reference: &Reference,
        layer: &Descriptor,
        place: Place,
        control: &Control,
    ) -> Result<(Result<Header, FormatError>, u64), Error> {
        if place == Place::Local {
            let (store, digest) = (self.store().clone(), layer.digest);
            return blocking::run(move || local_header(&store, &digest)).await;
        }
        let mut pieces = Pieces::new(layer.size);
        loop {
            match pieces.step() {
                Ok(Step::Done(header)) => return Ok((Ok(*header), pieces.bytes())),
                Ok(Step::Fetch(range)) => {
                    let start = range.start;
                    let piece = self.fetch_range(reference, layer, range, control).await?;
                    pieces.insert(start, &piece);
                }
                Ok(_) => return Ok((Err(FormatError::UnknownFormat), pieces.bytes())),
                Err(error) => return Ok((Err(error), pieces.bytes())),
            }
        }
    }

    /// Some bytes of a layer in the registry, exactly as many as were asked for.
    async fn fetch_range(
        &self,
        reference: &Reference,
        layer: &Descriptor,
        range: std::ops::Range<u64>,
        control: &Control,
    ) -> Result<Bytes, Error> {
        let name = Name::from(reference);
        let length = range.end - range.start;
        let piece = async {
            Ok(self
                .client()
                .blob_range_unverified(&name, layer, range)
                .await?)
        };
        let piece = control.stop_early(piece).await?;
        if piece.len() as u64 == length {
            Ok(piece)
        } else {
            Err(Error::invalid(format!(
                "the registry gave {} bytes of layer {} where {length} were asked for",
                piece.len(),
                layer.digest
            )))
        }
    }

    /// Some bytes of a layer that is in the local store.
    async fn local_range(
        &self,
        layer: &Descriptor,
        range: std::ops::Range<u64>,
    ) -> Result<Option<Bytes>, Error> {
        use std::io::{Read, Seek, SeekFrom};
        let (store, digest, size) = (self.store().clone(), layer.digest, layer.size);
        blocking::run(move || {
            if store.blob_size(&digest)? != Some(size) {
                return Ok(None);
            }
            let path = store.blob_path(&digest);
            let fail = |error| Error::file("cannot read", &path, error);
            let mut file = store.open_blob_unverified(&digest)?;
            file.seek(SeekFrom::Start(range.start)).map_err(fail)?;
            let mut bytes = Vec::new();
            file.take(range.end - range.start)
                .read_to_end(&mut bytes)
                .map_err(fail)?;
            Ok(Some(bytes.into()))
        })
        .await
    }
}

fn local_header(
    store: &Store,
    digest: &Digest,
) -> Result<(Result<Header, FormatError>, u64), Error> {
    let mut blob = store.open_blob_unverified(digest)?;
    Ok((formats::read(&mut blob), 0))
}

/// The weights that lie in a layer as they are.
fn weights(artifact: &Artifact) -> Result<Vec<File>, Error> {
    let mut files = artifact.files()?;
    files.retain(|file| file.kind == Some(Kind::Weight));
    Ok(files)
}

fn weight_report(file: &File, header: Result<Header, FormatError>) -> WeightReport {
    let path = file
        .path
        .as_ref()
        .map_or_else(|| file.layer.digest.short(), ToString::to_string);
    let mut report = WeightReport {
        path,
        digest: file.layer.digest,
        size: file.layer.size,
        format: None,
        architecture: None,
        quantization: None,
        context_length: None,
        problem: None,
        tensors: Vec::new(),
    };
    match header {
        Ok(header) => {
            report.format = Some(header.format.to_string());
            report.quantization = header.quantization().map(str::to_owned);
            report.context_length = header.context_length();
            report.architecture = header.architecture;
            // Data that lies in another file is no part of this one.
            let own = header
                .tensors
                .into_iter()
                .filter(|tensor| tensor.external.is_none());
            report.tensors = own
                .map(|tensor| TensorEntry {
                    name: tensor.name,
                    dtype: tensor.dtype,
                    shape: tensor.shape,
                    offset: tensor.offset,
                    size: tensor.size,
                })
                .collect();
        }
        Err(_) if file.encoding != Encoding::Raw => {
            report.problem = Some("it is an archive".to_owned());
        }
        Err(error) => report.problem = Some(error.to_string()),
    }
    report
}

/// Names the tensors that are most like the one that was asked for.
fn no_tensor(reference: &Reference, name: &str, report: &TensorReport) -> Error {
    let tensors = report.files.iter().flat_map(|file| &file.tensors);
    let last = name.rsplit('.').next().unwrap_or(name);
    let alike: Vec<&str> = tensors
        .map(|tensor| tensor.name.as_str())
        .filter(|other| other.contains(name) || other.ends_with(last))
        .take(3)
        .collect();
    Error::NotFound {
        what: format!("{reference} has no tensor `{name}`"),
        hint: Some(if alike.is_empty() {
            format!("`modelpack inspect {reference} --tensors` lists them")
        } else {
            format!("there are `{}`", alike.join("`, `"))
        }),
    }
}
