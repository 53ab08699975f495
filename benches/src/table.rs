//! Rows of a table in Markdown.

/// The two lines above the rows.
pub fn head(titles: &[&str]) -> String {
    let rule = titles.iter().map(|_| "---".to_owned());
    row(titles.iter().map(|title| (*title).to_owned())) + &row(rule)
}

/// One row, with the end of its line.
pub fn row(cells: impl IntoIterator<Item = String>) -> String {
    let mut line = String::from("|");
    for cell in cells {
        // A bar in a cell would begin the next one.
        line.push_str(&format!(" {} |", cell.replace('|', "\\|")));
    }
    line.push('\n');
    line
}
