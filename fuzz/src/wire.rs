//! Properties of what clients and registries say to each other.

use modelpack_registry::DockerConfig;
use modelpack_spec::distribution::{
    ByteRange, ContentRange, Endpoint, ErrorBody, Link, TagList, UploadRange, content_type,
};

/// A request that is understood is written so that it is understood the same. The input is a method,
/// a path and a query, one line each.
pub fn distribution_endpoint(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (method, path, query) = (next(), next(), next());
    if let Ok(endpoint) = Endpoint::parse(method, path, query) {
        let written = endpoint.path_and_query();
        let (path, query) = written.split_once('?').unwrap_or((&written, ""));
        let read = Endpoint::parse(endpoint.method(), path, query);
        assert_eq!(read.as_ref().ok(), Some(&endpoint), "{written}");
    }
}

/// Any body is read; what is written from it reads the same.
pub fn error_body(input: &[u8]) {
    let body = ErrorBody::parse(input);
    assert_eq!(ErrorBody::parse(&body.to_json()), body);
    if let Ok(tags) = TagList::parse(input) {
        assert_eq!(TagList::parse(&tags.to_json()).as_ref(), Ok(&tags));
    }
}

/// Headers are read without a panic, and a byte range lies inside its content.
pub fn header_values(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    for size in [0, 1, 1000, u64::MAX] {
        if let Some(range) = ByteRange::parse(text).and_then(|range| range.resolve(size)) {
            assert!(range.start < range.end && range.end <= size, "{range:?}");
        }
    }
    if let Some(range) = ContentRange::parse(text) {
        assert_eq!(ContentRange::parse(&range.to_string()), Some(range));
    }
    if let Ok(range) = text.parse::<UploadRange>() {
        assert_eq!(range.to_string().parse().ok(), Some(range));
    }
    let _ = Link::parse(text);
    let _ = content_type(text);
}

/// Credentials files are read without a panic, and a refusal quotes none of their secrets.
pub fn docker_config(input: &[u8]) {
    if let Err(error) = DockerConfig::parse(input) {
        let message = format!("{error} {error:?}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}
