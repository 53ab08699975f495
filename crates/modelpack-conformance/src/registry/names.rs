//! The names of what is tested, those of the official conformance program.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! named {
    ($(#[$doc:meta])* $kind:ident { $($variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $kind {
            $(
                #[doc = $name]
                $variant,
            )*
        }

        impl $kind {
            /// All of them, in the order of the reports.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in reports.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}

named! {
    /// A thing that a registry can do.
    Api {
        TagList = "Tag listing",
        TagDelete = "Tag delete",
        TagDeleteAtomic = "Tag delete atomic",
        BlobCancel = "Blob upload cancel",
        BlobPush = "Blob push",
        BlobPostOnly = "Blob post only",
        BlobPostPut = "Blob post put",
        BlobChunked = "Blob chunked",
        BlobStream = "Blob streaming",
        BlobMount = "Blob mount",
        BlobMountAnonymous = "Blob anonymous mount",
        BlobGet = "Blob get",
        BlobGetRange = "Blob get range",
        BlobHead = "Blob head",
        BlobDelete = "Blob delete",
        BlobDeleteAtomic = "Blob delete atomic",
        ManifestPutDigest = "Manifest put by digest",
        ManifestPutTag = "Manifest put by tag",
        ManifestPutTagParam = "Manifest put with tag params",
        ManifestPutSubject = "Manifest put with subject",
        ManifestGetDigest = "Manifest get by digest",
        ManifestGetTag = "Manifest get by tag",
        ManifestHeadDigest = "Manifest head by digest",
        ManifestHeadTag = "Manifest head by tag",
        ManifestDelete = "Manifest delete",
        ManifestDeleteAtomic = "Manifest delete atomic",
        Referrers = "Referrers",
        Ping = "Ping",
    }
}

named! {
    /// A kind of content.
    DataSet {
        Artifact = "Artifact",
        ArtifactIndex = "Artifact Index",
        ArtifactWithoutLayers = "Artifact without Layers",
        ArtifactsWithSubject = "Artifacts with Subject",
        BadDigestImage = "Bad Digest Image",
        BlobsSha256 = "Blobs sha256",
        BlobsSha512 = "Blobs sha512",
        CustomFields = "Custom Fields",
        DataField = "Data Field",
        EmptyIndex = "Empty Index",
        Image = "Image",
        ImageUncompressed = "Image Uncompressed",
        Index = "Index",
        IndexWithSubject = "Index with Subject",
        InvalidManifestDigest = "Invalid Manifest Digest",
        LargeManifest = "Image with Large Manifest",
        MissingSubject = "Missing Subject",
        NestedIndex = "Nested Index",
        NoLayers = "No Layers",
        NonDistributable = "Non-distributable Layers",
        Sha512 = "Digest Algorithm sha512",
        Sparse = "Sparse Manifests",
        TagParam = "Tag Param",
        TagParamSha512 = "Tag Param sha512",
    }
}

/// How a check ended. Of several, the last one in this order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing was tried.
    #[default]
    Unknown,
    /// Left out on request.
    Disabled,
    /// The registry does not offer this, which it may.
    Skip,
    /// As the specification wants it.
    Pass,
    /// Not as the specification wants it, or no answer at all.
    Fail,
}

impl Verdict {
    /// The word in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Disabled => "Disabled",
            Self::Skip => "Skip",
            Self::Pass => "Pass",
            Self::Fail => "FAIL",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
