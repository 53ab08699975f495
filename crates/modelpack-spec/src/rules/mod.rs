//! Every MUST and SHOULD of the ModelPack documents as a function.
