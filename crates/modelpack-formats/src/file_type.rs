//! How a GGUF file is quantised, by the names of llama.cpp's file types.

use std::collections::BTreeMap;
use std::fmt;

use crate::header::Tensor;

/// The file type of a GGUF file: which mixture of tensor types it was made with.
///
/// It displays as llama.cpp names it, without the word in front: `Q4_K_M`, `F16`, `IQ2_XXS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileType(u32);

/// Numbers and names (`llama_ftype`). Types that have gone from llama.cpp are still read.
const NAMES: [(u32, &str); 39] = [
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (4, "Q4_1_SOME_F16"),
    (5, "Q4_2"),
    (6, "Q4_3"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K"),
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (19, "IQ2_XXS"),
    (20, "IQ2_XS"),
    (21, "Q2_K_S"),
    (22, "IQ3_XS"),
    (23, "IQ3_XXS"),
    (24, "IQ1_S"),
    (25, "IQ4_NL"),
    (26, "IQ3_S"),
    (27, "IQ3_M"),
    (28, "IQ2_S"),
    (29, "IQ2_M"),
    (30, "IQ4_XS"),
    (31, "IQ1_M"),
    (32, "BF16"),
    (33, "Q4_0_4_4"),
    (36, "TQ1_0"),
    (37, "TQ2_0"),
    (38, "MXFP4"),
    (39, "NVFP4"),
    (40, "Q1_0"),
];

impl FileType {
    /// The file type of this number.
    #[must_use]
    pub fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// Its name; nothing for a number that is not known here.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES
            .iter()
            .find(|(number, _)| *number == self.0)
            .map(|(_, name)| *name)
    }

    /// Whether weights of this type are approximations, so that `F16` is not and `Q8_0` is.
    #[must_use]
    pub fn is_quantized(self) -> bool {
        !matches!(self.name(), Some("F32" | "F16" | "BF16"))
    }

    /// The type that a file without one was probably made with, by what most of its weights are. Only
    /// tensors named like weights count.
    pub(crate) fn guess(tensors: &[Tensor]) -> Option<Self> {
        let mut elements: BTreeMap<&str, u128> = BTreeMap::new();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let weights = tensors.iter().filter(|tensor| {
            let name = tensor.name.as_str();
            name.ends_with(".weight")
                || name.starts_with("blk.")
                || name.starts_with("token_embd")
                || name.contains("_norm")
        });
        for tensor in weights {
            *elements.entry(&tensor.dtype).or_default() += tensor.elements();
            *counts.entry(&tensor.dtype).or_default() += 1;
        }
        // Small tensors stay F32 in every mixture.
        if elements.len() > 1 {
            elements.remove("F32");
        }
        let (main, _) = elements.into_iter().max_by_key(|(_, elements)| *elements)?;
        let has = |dtype: &str| counts.get(dtype).is_some_and(|count| *count > 1);
        let name = match main {
            "Q3_K" if has("Q8_0") || has("Q5_K") && !has("Q4_K") => "Q3_K_L",
            "Q3_K" if has("Q4_K") => "Q3_K_M",
            "Q3_K" => "Q3_K_S",
            "Q4_K" if has("Q6_K") => "Q4_K_M",
            "Q4_K" => "Q4_K_S",
            "Q5_K" if has("Q6_K") => "Q5_K_M",
            "Q5_K" => "Q5_K_S",
            other => other,
        };
        let (number, _) = NAMES.iter().find(|(_, known)| *known == name)?;
        Some(Self(*number))
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "file type {}", self.0),
        }
    }
}
