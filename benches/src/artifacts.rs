//! Models that are pulled, pushed and built.

use std::fs;
use std::path::{Path, PathBuf};

use modelpack::spec::Digest;
use modelpack::{BuildOptions, Client, Control, Reference, Store, Toolkit};

use crate::Outcome;
use crate::servers::Nginx;

/// Writes a model of files that do not compress, and gives the files.
///
/// # Errors
/// When they cannot be written.
pub fn write_model(directory: &Path, files: u64, bytes: u64) -> Outcome<Vec<PathBuf>> {
    fs::create_dir_all(directory)?;
    let mut modelfile = String::from("NAME bench\n");
    let mut paths = Vec::new();
    for number in 0..files {
        let name = format!("weights-{number}.bin");
        modelfile.push_str(&format!("MODEL {name}\n"));
        let path = directory.join(name);
        modelpack_testkit::write_random(&path, bytes, number)?;
        paths.push(path);
    }
    fs::write(directory.join("Modelfile"), modelfile)?;
    Ok(paths)
}

/// Builds a model into a store in this process.
///
/// # Errors
/// When it cannot be built.
pub fn build(store: &Path, model: &Path, reference: &str) -> Outcome<Digest> {
    let toolkit = Toolkit::new(Store::create(store)?, Client::builder().build()?);
    let reference: Reference = reference.parse()?;
    let (options, control) = (BuildOptions::default(), Control::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let built = runtime.block_on(toolkit.build(model, &reference, &options, &control))?;
    Ok(built.digest)
}

/// An artifact that nginx serves.
#[derive(Debug)]
#[non_exhaustive]
pub struct Published {
    /// Where it is.
    pub reference: Reference,
    /// The files of its layers, as nginx serves them.
    pub layers: Vec<PathBuf>,
    /// Bytes of all layers.
    pub bytes: u64,
    /// Digest of the first layer.
    pub digest: Digest,
}

impl Published {
    /// Makes an artifact of so many files and lays it among those that nginx serves.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(nginx: &Nginx, name: &str, files: u64, bytes: u64) -> Outcome<Self> {
        // On the file system of the server, where bytes are linked.
        let scratch = tempfile::tempdir_in(nginx.files())?;
        let (model, store) = (scratch.path().join("model"), scratch.path().join("store"));
        write_model(&model, files, bytes)?;
        let reference = format!("{}/bench/{name}:v1", nginx.host());
        let digest = build(&store, &model, &reference)?;
        let store = Store::open(&store)?;
        let root = nginx.files().join("v2/bench").join(name);
        let (manifests, blobs) = (root.join("manifests"), root.join("blobs"));
        fs::create_dir_all(&manifests)?;
        fs::create_dir_all(&blobs)?;
        for name in ["v1", &digest.to_string()] {
            fs::hard_link(store.blob_path(&digest), manifests.join(name))?;
        }
        let text = fs::read(store.blob_path(&digest))?;
        let manifest: serde_json::Value = serde_json::from_slice(&text)?;
        let layers = manifest["layers"].as_array().ok_or("no layers")?;
        let mut digests: Vec<Digest> = Vec::new();
        for blob in layers.iter().chain([&manifest["config"]]) {
            let digest: Digest = blob["digest"].as_str().ok_or("no digest")?.parse()?;
            fs::hard_link(store.blob_path(&digest), blobs.join(digest.to_string()))?;
            digests.push(digest);
        }
        digests.truncate(layers.len());
        Ok(Self {
            reference: reference.parse()?,
            layers: digests
                .iter()
                .map(|digest| blobs.join(digest.to_string()))
                .collect(),
            bytes: files * bytes,
            digest: digests[0],
        })
    }

    /// The address of its first layer.
    #[must_use]
    pub fn url(&self, nginx: &Nginx) -> String {
        let (host, name) = (nginx.host(), &self.reference.repository);
        format!("http://{host}/v2/{name}/blobs/{}", self.digest)
    }
}
