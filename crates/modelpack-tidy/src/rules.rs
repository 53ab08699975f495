//! One function per rule, each returning every violation.

mod cases;
mod dependencies;
mod effects;
mod files;
mod floors;
mod house;

pub use cases::cases;
pub use dependencies::forbidden_dependencies;
pub use effects::forbidden_code;
pub use files::{first_lines, lengths, lints, test_modules, unfinished, unsafe_code};
pub use floors::{floors, testkit_alone};
pub use house::{crate_map, crates_complete, licence, machine_paths, one_test_binary, versions};
