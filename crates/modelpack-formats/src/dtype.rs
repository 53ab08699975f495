//! Names of element types, with what they take.

/// A tensor type of GGUF: number, name, elements of a block, bytes of a block.
pub(crate) type GgmlType = (u32, &'static str, u64, u64);

/// Tensor types with the names and block sizes of llama.cpp.
pub(crate) const GGML_TYPES: [GgmlType; 34] = [
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),
    (41, "Q1_0", 128, 18),
];

/// Element types of safetensors with their bits.
const SAFETENSORS_BITS: [(&str, u64); 22] = [
    ("BOOL", 8),
    ("F4", 4),
    ("F6_E2M3", 6),
    ("F6_E3M2", 6),
    ("U8", 8),
    ("I8", 8),
    ("F8_E5M2", 8),
    ("F8_E4M3", 8),
    ("F8_E8M0", 8),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2FNUZ", 8),
    ("I16", 16),
    ("U16", 16),
    ("F16", 16),
    ("BF16", 16),
    ("I32", 32),
    ("U32", 32),
    ("F32", 32),
    ("C64", 64),
    ("F64", 64),
    ("I64", 64),
    ("U64", 64),
];

/// Bits of an element of safetensors.
pub(crate) fn safetensors_bits(dtype: &str) -> Option<u64> {
    SAFETENSORS_BITS
        .iter()
        .find(|(name, _)| *name == dtype)
        .map(|(_, bits)| *bits)
}

/// Element types of ONNX by number (`TensorProto.DataType`), with their bits; text has none.
const ONNX_TYPES: [(u64, &str, u64); 25] = [
    (1, "FLOAT", 32),
    (2, "UINT8", 8),
    (3, "INT8", 8),
    (4, "UINT16", 16),
    (5, "INT16", 16),
    (6, "INT32", 32),
    (7, "INT64", 64),
    (8, "STRING", 0),
    (9, "BOOL", 8),
    (10, "FLOAT16", 16),
    (11, "DOUBLE", 64),
    (12, "UINT32", 32),
    (13, "UINT64", 64),
    (14, "COMPLEX64", 64),
    (15, "COMPLEX128", 128),
    (16, "BFLOAT16", 16),
    (17, "FLOAT8E4M3FN", 8),
    (18, "FLOAT8E4M3FNUZ", 8),
    (19, "FLOAT8E5M2", 8),
    (20, "FLOAT8E5M2FNUZ", 8),
    (21, "UINT4", 4),
    (22, "INT4", 4),
    (23, "FLOAT4E2M1", 4),
    (24, "FLOAT8E8M0", 8),
    (25, "UINT2", 2),
];

/// Name and bits of an element type of ONNX.
pub(crate) fn onnx_type(number: u64) -> Option<(&'static str, u64)> {
    ONNX_TYPES
        .iter()
        .find(|(known, ..)| *known == number)
        .map(|(_, name, bits)| (*name, *bits))
}

/// The words of the ModelPack specification for element types of any format.
const PRECISIONS: [(&str, &[&str]); 17] = [
    ("bool", &["BOOL"]),
    ("float64", &["F64", "DOUBLE"]),
    ("float32", &["F32", "FLOAT"]),
    ("float16", &["F16", "FLOAT16"]),
    ("bfloat16", &["BF16", "BFLOAT16"]),
    ("float8_e4m3", &["F8_E4M3", "FLOAT8E4M3FN"]),
    ("float8_e5m2", &["F8_E5M2", "FLOAT8E5M2"]),
    ("complex64", &["C64", "COMPLEX64"]),
    ("complex128", &["COMPLEX128"]),
    ("int8", &["I8", "INT8"]),
    ("int16", &["I16", "INT16"]),
    ("int32", &["I32", "INT32"]),
    ("int64", &["I64", "INT64"]),
    ("uint8", &["U8", "UINT8"]),
    ("uint16", &["U16", "UINT16"]),
    ("uint32", &["U32", "UINT32"]),
    ("uint64", &["U64", "UINT64"]),
];

/// The precision that an element type stands for; nothing for a block type of a quantised file.
pub(crate) fn precision(dtype: &str) -> Option<&'static str> {
    PRECISIONS
        .iter()
        .find(|(_, names)| names.contains(&dtype))
        .map(|(word, _)| *word)
}
