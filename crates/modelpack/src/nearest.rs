//! Names that are like one that was asked for.

/// Most characters of a name that are compared: enough for any that a person types.
const COMPARED: usize = 128;
/// Most names that are given.
const MAX_NAMES: usize = 3;

/// The names that hold something like `wanted`, the likest first. Wildcards in it stand for nothing.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted: Vec<char> = wanted
        .to_lowercase()
        .chars()
        .filter(|character| !"*?[]{}\\".contains(*character))
        .take(COMPARED)
        .collect();
    let base = wanted.iter().rposition(|character| *character == '/');
    let base = &wanted[base.map_or(0, |at| at + 1)..];
    let mut found: Vec<(usize, usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let lower: Vec<char> = name.to_lowercase().chars().take(COMPARED).collect();
            let distance = [wanted.as_slice(), base]
                .into_iter()
                .map(|wanted| (distance(wanted, &lower), wanted.len()))
                // More than a quarter wrong is another name.
                .filter(|(distance, length)| distance * 4 <= *length && *length > 0)
                .map(|(distance, _)| distance)
                .min()?;
            // Of names that are equally like it, the one with the least besides.
            Some((distance, lower.len(), name))
        })
        .collect();
    found.sort();
    found.truncate(MAX_NAMES);
    found
        .into_iter()
        .map(|(_, _, name)| name.to_owned())
        .collect()
}

/// How many characters have to change until `wanted` stands somewhere in `name`.
fn distance(wanted: &[char], name: &[char]) -> usize {
    // One column of the table: the cost of the first so many characters of `wanted`, ending here.
    let mut column: Vec<usize> = (0..=wanted.len()).collect();
    let mut least = wanted.len();
    for character in name {
        let mut before = column[0];
        for (at, expected) in wanted.iter().enumerate() {
            let changed = before + usize::from(expected != character);
            before = column[at + 1];
            column[at + 1] = changed.min(before + 1).min(column[at] + 1);
        }
        least = least.min(column[wanted.len()]);
    }
    least
}

#[cfg(test)]
mod tests;
