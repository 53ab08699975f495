//! Conversions to the types of `oci-spec`, which other Rust tools share, in both directions.

use oci_spec::image;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Descriptor, Error, Index, Manifest};

/// Goes through JSON, the one shape on which both sides agree. What `oci-spec` has no field for is
/// lost, so a converted value is for reading and never for hashing.
fn convert<S: Serialize, T: DeserializeOwned>(
    document: &'static str,
    value: &S,
) -> Result<T, Error> {
    serde_json::to_value(value)
        .and_then(serde_json::from_value)
        .map_err(|error| Error::InvalidDocument {
            document,
            reason: error.to_string(),
        })
}

macro_rules! both_ways {
    ($ours:ty, $theirs:ty, $name:literal) => {
        impl TryFrom<&$ours> for $theirs {
            type Error = Error;

            fn try_from(value: &$ours) -> Result<Self, Error> {
                convert($name, value)
            }
        }

        impl TryFrom<&$theirs> for $ours {
            type Error = Error;

            fn try_from(value: &$theirs) -> Result<Self, Error> {
                convert($name, value)
            }
        }
    };
}

both_ways!(Descriptor, image::Descriptor, "descriptor");
both_ways!(Manifest, image::ImageManifest, "manifest");
both_ways!(Index, image::ImageIndex, "index");
