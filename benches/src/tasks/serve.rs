//! The registry that misbehaves, until its standard input ends.

use std::io::{Read, Write};

use modelpack::spec::{
    Descriptor, Document, Encoding, Kind, LayerType, Manifest, Model, ModelFs, annotations,
};
use modelpack_testkit::faulty::{Behaviour, Contents, FaultyRegistry, Uploads};

use crate::Outcome;
use crate::servers::Synthetic;

const REPOSITORY: &str = "bench/model";

pub(super) fn serve(contents: &str) -> Outcome<()> {
    let synthetic: Synthetic = serde_json::from_str(contents)?;
    let registry = FaultyRegistry::builder()
        .contents(&artifact(&synthetic)?)
        .behaviour(Behaviour {
            uploads: Uploads::Drop,
            ..Behaviour::default()
        })
        .rules(synthetic.rules)
        .start();
    writeln!(std::io::stdout(), "{}", registry.host())?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn artifact(synthetic: &Synthetic) -> Outcome<Contents> {
    let contents = Contents::new();
    if synthetic.bytes == 0 {
        return Ok(contents);
    }
    contents.add_synthetic_unverified(REPOSITORY, synthetic.blob(), &synthetic.digest);
    let digest = synthetic.digest.parse()?;
    let mut model = Model::default();
    model.modelfs = ModelFs::new(vec![digest]);
    let config = Document::write(model);
    contents.add_blob(REPOSITORY, config.bytes().to_vec());
    let media_type = LayerType::new(Kind::Weight, Encoding::Raw).into();
    let mut layer = Descriptor::new(media_type, digest, synthetic.bytes);
    let path = (annotations::FILEPATH.to_owned(), "weights.bin".to_owned());
    layer.annotations = [path].into();
    let manifest = Document::write(Manifest::model(config.descriptor(), vec![layer]));
    let media_type = manifest.descriptor().media_type.to_string();
    let text = String::from_utf8(manifest.bytes().to_vec())?;
    contents.add_manifest(REPOSITORY, "v1", &media_type, text);
    Ok(contents)
}
