//! Cases of what errors show and hide.

use super::*;

fn url(text: &str) -> Url {
    text.parse().expect("a URL")
}

/// C9: Users, passwords and queries are cut from what is shown.
#[test]
fn urls_lose_their_secrets() {
    let at = At::new(
        Method::GET,
        &url("https://u:p@h.example/v2/a/blobs/x?X-Amz-Signature=s3cret#f"),
    );
    assert_eq!(at.to_string(), "GET https://h.example/v2/a/blobs/x");
}

#[test]
fn texts_of_the_registry_are_cut_and_cleaned() {
    assert_eq!(clean_text(" a\u{1b}[31mb\nc\u{202e}d "), "a [31mb c d");
    let long = clean_text(&"x".repeat(1000));
    assert_eq!(long.chars().count(), MAX_MESSAGE_CHARS + 1);
    let at = At::new(Method::GET, &url("https://h/"))
        .with_reply(404, vec![ErrorEntry::new("A\nB".into(), "gone\r"); 20]);
    assert_eq!(at.errors.len(), MAX_ENTRIES);
    let message = Error::NotFound { at }.to_string();
    assert!(message.starts_with("GET https://h/: not found: A B: gone: A B: gone"));
}
