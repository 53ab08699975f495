//! Reports as one HTML page that needs nothing else.

use std::fmt::Write as _;

use modelpack_spec::rules::Level;

use super::{Check, Ending, Outcome, Report};

/// Colours come from the system's own, so that the page follows light and dark; nothing is loaded.
const STYLE: &str = "\
:root{color-scheme:light dark;--good:#1a7f37;--bad:#cf222e;--mild:#9a6700;--dim:#59636e;--line:#d1d9e0;--soft:#f6f8fa}\
@media(prefers-color-scheme:dark){:root{--good:#3fb950;--bad:#f85149;--mild:#d29922;--dim:#9198a1;--line:#3d444d;--soft:#151b23}}\
*{box-sizing:border-box}\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}\
h1{font-size:1.4rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}\
p{margin:.25rem 0}code,pre{font:13px/1.45 ui-monospace,monospace}\
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.6rem;overflow:auto;max-height:24rem;white-space:pre-wrap}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .4rem;border-bottom:1px solid var(--line);overflow-wrap:normal;font-size:.92rem}td.n,th.n{text-align:right}\
details{border:1px solid var(--line);border-radius:6px;margin:.4rem 0}summary{padding:.45rem .6rem;cursor:pointer;display:flex;flex-wrap:wrap;gap:.25rem .6rem;align-items:baseline}\
summary::-webkit-details-marker{display:none}summary span.s{flex:1 1 14rem}\
details>div{padding:0 .6rem .6rem;border-top:1px solid var(--line)}\
.o{font-weight:600;min-width:4.6rem}.passed{color:var(--good)}.failed,.broken{color:var(--bad)}.advice{color:var(--mild)}.skipped,.l,dt{color:var(--dim)}\
.l{font-size:.8rem;min-width:3.6rem}dt{margin-top:.6rem;font-size:.85rem}dd{margin:0}.verdict{font-size:1.1rem;font-weight:600}";

impl Report {
    /// The report as one page of HTML that loads nothing, in light and dark. What did not pass stands
    /// open; everything that came from outside is escaped.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut page = String::new();
        let title = format!("modelpack-conformance {}", escape(&self.suite));
        let (class, ending) = match self.ending() {
            Ending::Conforms => ("passed", "conforms"),
            Ending::DoesNotConform => ("failed", "does not conform"),
            Ending::Unknown => ("broken", "could not be judged"),
        };
        let _ = write!(
            page,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n<p><code>{}</code></p>\n<p class=\"verdict {class}\">{ending}</p>\n",
            escape(&self.target)
        );
        self.summary_table(&mut page);
        for level in [Level::Must, Level::Should, Level::May] {
            let checks = self.checks.iter().filter(|check| check.level == level);
            let mut checks: Vec<&Check> = checks.collect();
            if checks.is_empty() {
                continue;
            }
            // What did not pass is what the page is opened for.
            checks.sort_by_key(|check| !matches!(check.outcome, Outcome::Failed | Outcome::Broken));
            let _ = writeln!(page, "<h2>{level}</h2>");
            for check in checks {
                write_check(&mut page, check);
            }
        }
        for (name, rows) in &self.tables {
            let _ = writeln!(page, "<h2>{}</h2>\n<table>", escape(name));
            for (row, value) in rows {
                let (row, value) = (escape(row), escape(value));
                let _ = writeln!(page, "<tr><td>{row}</td><td>{value}</td></tr>");
            }
            page.push_str("</table>\n");
        }
        page.push_str("</main>\n</body>\n</html>\n");
        page
    }

    fn summary_table(&self, page: &mut String) {
        page.push_str(
            "<table>\n<tr><th>level</th><th class=\"n\">passed</th><th class=\"n\">failed</th>\
             <th class=\"n\">skipped</th><th class=\"n\">not run</th></tr>\n",
        );
        for level in [Level::Must, Level::Should, Level::May] {
            let count = |outcome| {
                let checks = self.checks.iter().filter(|check| check.level == level);
                checks.filter(|check| check.outcome == outcome).count()
            };
            let _ = write!(page, "<tr><td>{level}</td>");
            for outcome in [
                Outcome::Passed,
                Outcome::Failed,
                Outcome::Skipped,
                Outcome::Broken,
            ] {
                let _ = write!(page, "<td class=\"n\">{}</td>", count(outcome));
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</table>\n");
    }
}

fn write_check(page: &mut String, check: &Check) {
    let (class, word) = match (check.outcome, check.level) {
        (Outcome::Passed, _) => ("passed", "passed"),
        (Outcome::Skipped, _) => ("skipped", "skipped"),
        (Outcome::Broken, _) => ("broken", "not run"),
        (Outcome::Failed, Level::Must) => ("failed", "failed"),
        (Outcome::Failed, _) => ("advice", "advice"),
    };
    let open = match check.outcome {
        Outcome::Failed | Outcome::Broken => " open",
        Outcome::Passed | Outcome::Skipped => "",
    };
    let id = escape(&check.id);
    let _ = write!(
        page,
        "<details id=\"{id}\"{open}><summary><span class=\"o {class}\">{word}</span>\
         <span class=\"l\">{}</span><code>{id}</code><span class=\"s\">{}</span></summary><div>\n<dl>\n",
        check.level,
        escape(&check.summary),
    );
    if !check.findings.is_empty() {
        page.push_str("<dt>findings</dt>\n");
        for finding in &check.findings {
            let _ = writeln!(
                page,
                "<dd><pre>{}{}{}</pre></dd>",
                escape(&finding.pointer),
                if finding.pointer.is_empty() { "" } else { ": " },
                escape(&finding.message)
            );
        }
    }
    for evidence in &check.evidence {
        let _ = writeln!(
            page,
            "<dt>{}</dt>\n<dd><pre>{}</pre></dd>",
            escape(&evidence.what),
            escape(&evidence.text)
        );
    }
    if !check.again.is_empty() {
        let again = escape(&check.again);
        let _ = writeln!(page, "<dt>run it again</dt>\n<dd><pre>{again}</pre></dd>");
    }
    // A link to anything but the web could do something when it is followed.
    let anchor = escape(&check.anchor);
    let link = if anchor.starts_with("https://") {
        format!("<a href=\"{anchor}\" rel=\"noreferrer\">{anchor}</a>")
    } else {
        anchor
    };
    let _ = writeln!(
        page,
        "<dt>what requires it</dt>\n<dd>{link}</dd>\n</dl>\n</div></details>"
    );
}

/// Text for elements and quoted attributes. Control characters become visible.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            // What turns the direction of text around could show other names than there are.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push('\u{fffd}'),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}
