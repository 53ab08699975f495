//! Shape of SPDX licence expressions.

/// Checks the grammar of a licence expression (SPDX specification 2.3, annex D): identifiers joined
/// by `AND`, `OR` and `WITH`, with parentheses. Whether an identifier is on SPDX's list is not
/// asked: the list grows faster than this crate is released.
pub(super) fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut depth = 0_usize;
    // Whether an operand has to come next, rather than an operator or the end.
    let mut expects_operand = true;
    for word in spaced.split_whitespace() {
        match (expects_operand, word) {
            (true, "(") => depth += 1,
            (false, ")") if depth > 0 => depth -= 1,
            (false, "AND" | "OR" | "WITH" | "and" | "or" | "with") => expects_operand = true,
            (true, word) if is_identifier(word) => expects_operand = false,
            _ => return false,
        }
    }
    !expects_operand && depth == 0
}

/// `[DocumentRef-…:]idstring[+]`
fn is_identifier(word: &str) -> bool {
    let word = word.strip_suffix('+').unwrap_or(word);
    let operator = ["AND", "OR", "WITH"]
        .iter()
        .any(|operator| word.eq_ignore_ascii_case(operator));
    !operator
        && word.split(':').count() <= 2
        && word.split(':').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        })
}
