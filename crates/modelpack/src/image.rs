//! A model in the shape of a container image, for runtimes that mount images.

use std::io::{self, Read};

use modelpack_layer::{FileAttributes, LayerWriter};
use modelpack_spec::{
    Descriptor, Digest, Document, Encoding, FilePath, Manifest, MediaType, Reference, annotations,
};
use modelpack_store::{Lease, Store};
use serde::Serialize;

use crate::artifact::{Artifact, File, require};
use crate::build::check_name;
use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking, variants};

/// Where the files of the model are in the image.
const DIRECTORY: &str = "models";
/// The media type of an image layer that is not compressed (OCI image specification, layer).
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Annotation of an image: digest of the manifest of the model that it was made from.
const IMAGE_OF: &str = "org.modelpack.image-of";

/// What [`Toolkit::export_image`] made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageReport {
    /// The model.
    pub source: Reference,
    /// The name of the image in the local store.
    pub reference: Reference,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Number of layers, one for each file.
    pub layers: usize,
    /// Bytes of manifest, config and layers.
    pub size: u64,
}

/// An image config: a file system and nothing to run.
#[derive(Serialize)]
struct ImageConfig {
    architecture: &'static str,
    os: &'static str,
    config: NoProgram,
    rootfs: RootFs,
}

#[derive(Serialize)]
struct NoProgram {}

#[derive(Serialize)]
struct RootFs {
    r#type: &'static str,
    diff_ids: Vec<Digest>,
}

impl Toolkit {
    /// Writes a model of the local store as an image: its files below `/models`, a tar layer for each, and
    /// a config without a program. Runtimes that mount images (containerd, KServe's `oci://`) take it;
    /// running it fails for want of a program.
    ///
    /// The same model always gives the same image.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::Store`]; [`Error::InvalidName`] for a target without a tag;
    /// [`Error::InvalidInput`] for one that is the name of the model itself or of an index, or a model with
    /// archives among its layers.
    pub async fn export_image(
        &self,
        reference: &Reference,
        target: &Reference,
        control: &Control,
    ) -> Result<ImageReport, Error> {
        check_name(target)?;
        let (store, source) = (self.store().clone(), reference.clone());
        let (target, control) = (target.clone(), control.clone());
        blocking::run(move || image(&store, source, target, &control)).await
    }
}

/// The model that an image was made from here; nothing for an image that is not one of ours.
pub(crate) fn made_from(manifest: &Manifest) -> Option<&str> {
    let is_image = manifest.config.media_type == MediaType::OciConfig;
    let source = manifest.annotations.get(IMAGE_OF);
    source.filter(|_| is_image).map(String::as_str)
}

fn image(
    store: &Store,
    source: Reference,
    target: Reference,
    control: &Control,
) -> Result<ImageReport, Error> {
    let lease = store.lease()?;
    let artifact = Artifact::load(store, &source)?;
    variants::refuse_own_name(store, &target, artifact.manifest.digest())?;
    variants::refuse_index(store, &target)?;
    let mut files = artifact.files()?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    control.report(Event::Planned {
        items: files.len(),
        bytes: files.iter().map(|file| file.layer.size).sum(),
    });
    let (mut layers, mut diff_ids) = (Vec::new(), Vec::new());
    for file in &files {
        control.check()?;
        require(&lease, &file.layer)?;
        let (layer, diff_id) = layer(&lease, file, control)?;
        layers.push(layer);
        diff_ids.push(diff_id);
    }
    let config = ImageConfig {
        // Files run on any machine; runtimes want one of the usual words.
        architecture: "amd64",
        os: "linux",
        config: NoProgram {},
        rootfs: RootFs {
            r#type: "layers",
            diff_ids,
        },
    };
    let config = serde_json::to_vec(&config)
        .map_err(|error| Error::invalid(format!("the config of the image: {error}")))?;
    let stored = lease.put(&config)?;
    let config = Descriptor::new(MediaType::OciConfig, stored.digest, stored.size);
    let mut manifest = Manifest::model(config, layers);
    manifest.artifact_type = None;
    manifest
        .annotations
        .insert(IMAGE_OF.to_owned(), artifact.manifest.digest().to_string());
    let manifest = Document::write(manifest);
    let descriptor = lease.put_document(&manifest)?;
    store.tag(&target, &descriptor)?;
    Ok(ImageReport {
        source,
        reference: target,
        digest: *manifest.digest(),
        layers: files.len(),
        size: manifest.value().content_size() + manifest.bytes().len() as u64,
    })
}

/// The file as a tar layer. Its bytes are hashed on the way: what is wrong in the store does not get out
/// under a new name.
fn layer(lease: &Lease, file: &File, control: &Control) -> Result<(Descriptor, Digest), Error> {
    let Some(path) = file
        .path
        .as_ref()
        .filter(|_| file.encoding == Encoding::Raw)
    else {
        return Err(Error::InvalidInput {
            what: format!("layer {} is an archive, not a file", file.layer.digest),
            hint: Some("build the model with raw layers".to_owned()),
        });
    };
    let item = Item::new(path.as_str(), file.layer.size, Some(file.layer.digest));
    control.report(Event::Started(&item));
    let inside = FilePath::parse(&format!("{DIRECTORY}/{path}"))?;
    let mut blob = Verified {
        inner: lease.store().open_blob_unverified(&file.layer.digest)?,
        hasher: modelpack_spec::Hasher::new(file.layer.digest.algorithm()),
        control,
        item: &item,
    };
    let mode = annotations::file_metadata(&file.layer).map_or(0o644, |metadata| {
        if metadata.mode & 0o111 == 0 {
            0o644
        } else {
            0o755
        }
    });
    let unpackable = |error| Error::Pack {
        path: lease.store().blob_path(&file.layer.digest),
        source: Box::new(error) as Box<_>,
    };
    let mut writer = LayerWriter::new(Encoding::Tar, lease.ingest()?).map_err(unpackable)?;
    let attributes = FileAttributes::with_mode(mode);
    writer
        .append(&inside, &attributes, file.layer.size, &mut blob)
        .map_err(|error| match error {
            _ if control.cancel_token().is_cancelled() => Error::Cancelled,
            error => unpackable(error),
        })?;
    let actual = blob.hasher.finish();
    if actual != file.layer.digest {
        return Err(Error::DigestMismatch {
            what: format!("blob {}", file.layer.digest),
            expected: file.layer.digest,
            actual,
        });
    }
    let (packed, written) = writer.finish().map_err(unpackable)?;
    let stored = written.commit()?;
    control.report(Event::Finished {
        item: &item,
        outcome: Outcome::Copied,
    });
    Ok((
        Descriptor::new(LAYER.into(), stored.digest, stored.size),
        packed.diff_id,
    ))
}

/// Hashes and reports what is read, and stops when the operation is cancelled.
struct Verified<'a, R> {
    inner: R,
    hasher: modelpack_spec::Hasher,
    control: &'a Control,
    item: &'a Item,
}

impl<R: Read> Read for Verified<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.control.report(Event::Advanced {
            item: self.item,
            bytes: read as u64,
        });
        if self.control.cancel_token().is_cancelled() {
            // `Interrupted` would be tried again.
            return Err(io::Error::other("cancelled"));
        }
        Ok(read)
    }
}
