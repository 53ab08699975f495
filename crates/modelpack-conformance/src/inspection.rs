//! An artifact under inspection: which blobs are wanted, and what was found out about each.

use modelpack_spec::rules::Contents;
use modelpack_spec::{
    Algorithm, Descriptor, Digest, Document, Encoding, Manifest, MediaType, Model,
};

use crate::artifact::{Found, judge};
use crate::layer::Facts;
use crate::requirement::{DIFF_IDS, MATCH, PRESENT, READABLE, READER_ENTRIES};
use crate::{Finding, Report};

/// What is known so far. It reads nothing itself: a layout on disk and a registry feed it.
pub(crate) struct Inspection {
    manifest: Vec<u8>,
    config: Vec<u8>,
    read: Option<Document<Manifest>>,
    contents: Vec<Option<Contents>>,
    found: Found,
}

/// A layer that has to be read to its end.
pub(crate) struct Wanted {
    /// Which layer it is, from 0.
    pub(crate) index: usize,
    pub(crate) descriptor: Descriptor,
    /// How its bytes are to be read.
    pub(crate) encoding: Option<Encoding>,
    /// The algorithm of its diff id.
    pub(crate) uncompressed: Algorithm,
    diff_id: Option<Digest>,
}

impl Inspection {
    /// Begins with the bytes of a manifest, and with the descriptor that led to them.
    pub(crate) fn new(manifest: Vec<u8>, promised: Option<&Descriptor>) -> Self {
        let read = Document::<Manifest>::parse(manifest.clone().into()).ok();
        let mut inspection = Self {
            manifest,
            config: Vec::new(),
            read,
            contents: Vec::new(),
            found: Found::new(),
        };
        if let Some(promised) = promised {
            let digest = Digest::of(promised.digest.algorithm(), &inspection.manifest);
            let size = inspection.manifest.len() as u64;
            inspection.compare("the manifest", "", promised, size, digest);
        }
        inspection
    }

    /// Takes the digest that the manifest was asked for by.
    pub(crate) fn pinned(&mut self, digest: &Digest) {
        let actual = Digest::of(digest.algorithm(), &self.manifest);
        if actual != *digest {
            let message = format!("the manifest has the digest {actual}, expected {digest}");
            self.note(MATCH.id, "", message);
        }
    }

    /// The digest of the config, also in a manifest that the typed reader refuses: the rules say
    /// what is wrong with that one, and all they need besides is the config.
    pub(crate) fn config_digest(&self) -> Option<Digest> {
        if let Some(read) = &self.read {
            return Some(read.value().config.digest);
        }
        let manifest: serde_json::Value = serde_json::from_slice(&self.manifest).ok()?;
        manifest.pointer("/config/digest")?.as_str()?.parse().ok()
    }

    /// Takes the config; `None` when it is not there.
    pub(crate) fn config(&mut self, content: Option<Vec<u8>>) {
        let promised = self.read.as_ref().map(|read| read.value().config.clone());
        match (content, promised) {
            (Some(content), Some(promised)) => {
                let digest = Digest::of(promised.digest.algorithm(), &content);
                let size = content.len() as u64;
                self.looked_for(PRESENT.id);
                self.looked_for(MATCH.id);
                self.compare("the config", "/config", &promised, size, digest);
                self.config = content;
            }
            (Some(content), None) => self.config = content,
            (None, _) => {
                let digest = self.config_digest();
                let name = digest.map_or_else(String::new, |digest| format!(" {digest}"));
                self.note(PRESENT.id, "/config", format!("blob{name} is not there"));
            }
        }
    }

    /// The layers, once the config is there; none of a manifest that readers refuse.
    pub(crate) fn layers(&self) -> Vec<Wanted> {
        let Some(read) = &self.read else {
            return Vec::new();
        };
        let model = Document::<Model>::parse(self.config.clone().into()).ok();
        let diff_ids = model
            .as_ref()
            .map_or(&[][..], |model| &model.value().modelfs.diff_ids);
        let wanted = |(index, layer): (usize, &Descriptor)| Wanted {
            index,
            descriptor: layer.clone(),
            encoding: encoding(&layer.media_type),
            uncompressed: diff_ids
                .get(index)
                .map_or(Algorithm::Sha256, Digest::algorithm),
            diff_id: diff_ids.get(index).copied(),
        };
        read.value().layers.iter().enumerate().map(wanted).collect()
    }

    /// Takes what a layer is.
    pub(crate) fn layer(&mut self, wanted: &Wanted, facts: Facts) {
        let pointer = format!("/layers/{}", wanted.index);
        self.looked_for(PRESENT.id);
        self.looked_for(MATCH.id);
        self.looked_for(READABLE.id);
        if facts.goes_on {
            let size = wanted.descriptor.size;
            let message = format!("the layer has more than the expected {size} bytes");
            self.note(MATCH.id, &pointer, message);
        } else {
            let promised = &wanted.descriptor;
            self.compare("the layer", &pointer, promised, facts.size, facts.digest);
        }
        match facts.diff_id {
            Ok(actual) => {
                if let Some(expected) = wanted.diff_id {
                    self.looked_for(DIFF_IDS.id);
                    if expected != actual {
                        let message = format!(
                            "the uncompressed layer has the digest {actual}, expected {expected}"
                        );
                        self.note(DIFF_IDS.id, &pointer, message);
                    }
                }
            }
            Err(reason) => {
                self.note(READABLE.id, &pointer, reason);
                return;
            }
        }
        match facts.contents {
            Some(Ok(inside)) => {
                self.looked_for(READER_ENTRIES.id);
                for hazard in inside.hazards {
                    self.note(READER_ENTRIES.id, &pointer, hazard);
                }
                self.contents
                    .resize_with((wanted.index + 1).max(self.contents.len()), || None);
                self.contents[wanted.index] = Some(inside.contents);
            }
            Some(Err(reason)) => self.note(READABLE.id, &pointer, reason),
            None => {}
        }
    }

    /// Takes that a layer is not there: `is not in the layout`.
    pub(crate) fn missing(&mut self, wanted: &Wanted, reason: &str) {
        let message = format!("blob {} {reason}", wanted.descriptor.digest);
        self.note(PRESENT.id, &format!("/layers/{}", wanted.index), message);
    }

    /// The report, once everything was read.
    pub(crate) fn report(self) -> Report {
        judge(&self.manifest, &self.config, self.contents, self.found)
    }

    /// From now on the requirement holds unless something is noted. What was never looked for is skipped.
    fn looked_for(&mut self, id: &'static str) {
        self.found.entry(id).or_default();
    }

    fn note(&mut self, id: &'static str, pointer: &str, message: String) {
        let findings = self.found.entry(id).or_default();
        findings.push(Finding::new(pointer, message));
    }

    fn compare(
        &mut self,
        what: &str,
        pointer: &str,
        promised: &Descriptor,
        size: u64,
        digest: Digest,
    ) {
        if size != promised.size {
            let message = format!("{what} has {size} bytes, expected {}", promised.size);
            self.note(MATCH.id, pointer, message);
        }
        if digest != promised.digest {
            let expected = &promised.digest;
            let message = format!("{what} has the digest {digest}, expected {expected}");
            self.note(MATCH.id, pointer, message);
        }
    }
}

fn encoding(media_type: &MediaType) -> Option<Encoding> {
    match media_type {
        MediaType::DockerModelLayer(kind) if kind.is_archive() => Some(Encoding::Tar),
        other => other.as_layer().map(|layer| layer.encoding),
    }
}
