//! Headers that are right, wrong and hostile.

mod corpus;
mod headers;
mod numbers;
mod pieces;
mod weights;
