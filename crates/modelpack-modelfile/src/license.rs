//! Licences as SPDX writes them.

use spdx::{Expression, ParseMode};

use crate::diagnostic::Shown;

/// Deprecated identifiers, `GPL-3.0` and `GPL-2.0+` among them, stand in most model cards and still mean
/// something; everything else has to be as SPDX writes it.
const MODE: ParseMode = ParseMode {
    allow_deprecated: true,
    allow_postfix_plus_on_gpl: true,
    ..ParseMode::STRICT
};

/// The identifier on SPDX's list that is this word in whatever case: `apache-2.0` is `Apache-2.0`.
#[must_use]
pub fn spdx_license(word: &str) -> Option<&'static str> {
    spdx::identifiers::LICENSES
        .iter()
        .map(|license| license.name)
        .find(|name| name.eq_ignore_ascii_case(word))
}

/// What is wrong with a licence expression, with what to write instead.
pub(crate) fn check(text: &str) -> Result<(), (String, String)> {
    let Err(error) = Expression::parse_mode(text, MODE) else {
        return Ok(());
    };
    let wrong = text.get(error.span).unwrap_or_default();
    let hint = match spdx_license(wrong) {
        Some(name) if name != wrong => format!("did you mean {name}?"),
        _ => "write one such as `MIT` or `Apache-2.0 OR MIT`; a licence that is not on SPDX's list is `LicenseRef-` with a name, such as `LicenseRef-llama3`"
            .to_owned(),
    };
    let reason = match wrong {
        "" => error.reason.to_string(),
        wrong if wrong == text => error.reason.to_string(),
        wrong => format!("{} `{}`", error.reason, Shown(wrong)),
    };
    Err((reason, hint))
}
