//! Every property has its row.

use super::{BASE, Field};

#[test]
fn every_property_has_a_row_of_its_own() {
    // A property that is added to the enum has to be added here, and then fails without a row.
    let all: Vec<Field> = Field::all().collect();
    for field in &all {
        match field {
            Field::Name
            | Field::Arch
            | Field::Family
            | Field::Format
            | Field::ParamSize
            | Field::Precision
            | Field::Quantization => assert!(!field.is_extension(), "{field:?}"),
            Field::Version
            | Field::Title
            | Field::Description
            | Field::Vendor
            | Field::Author
            | Field::License
            | Field::DocUrl
            | Field::SourceUrl
            | Field::Revision
            | Field::DatasetUrl
            | Field::Input
            | Field::Output
            | Field::Language
            | Field::KnowledgeCutoff
            | Field::Reasoning
            | Field::ToolUsage
            | Field::Reward
            | Field::Annotation => assert!(field.is_extension(), "{field:?}"),
        }
    }
    let mut order = all.clone();
    order.sort();
    order.dedup();
    assert_eq!(order, all);
    assert_eq!(all.last(), Some(&Field::Annotation));
    assert_eq!(Field::Annotation as usize + 1, all.len());
    assert_eq!(Field::Version as usize, BASE);
}
