//! Properties of a registry that is asked anything in any order.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use modelpack_server::{MemoryStorage, Options, Registry};
use modelpack_spec::{Algorithm, Digest, MediaType};

const NAMES: [&str; 3] = ["a", "a/b", "manifests/blobs"];
const TAGS: [&str; 3] = ["v1", "v2", "latest"];
const CONTENTS: [&[u8]; 5] = [b"", b"{}", b"weights", b"0123456789", b"sha256"];
/// Most steps of one input, so that no input takes long.
const MAX_STEPS: usize = 200;

/// Whatever is asked in whatever order, a registry never gives bytes that do not have the digest they
/// were asked by or come with, never fails by its own fault, and lists only tags that it has. Each step
/// takes four bytes: what is done, where, with what, and how.
pub fn registry_requests(input: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime needs only memory");
    runtime.block_on(async {
        let mut options = Options::default();
        options.max_uploads = 8;
        options.max_chunk_bytes = 8;
        options.allow_sparse = input.first().is_some_and(|byte| !byte.is_multiple_of(2));
        let mut client = Client {
            registry: Registry::new(MemoryStorage::new(), options),
            locations: Vec::new(),
        };
        for step in input.chunks_exact(4).take(MAX_STEPS) {
            client.step(step[0], step[1], step[2], step[3]).await;
        }
        client.check_all().await;
    });
}

struct Client {
    registry: Registry,
    /// Of uploads, also of those that have ended.
    locations: Vec<String>,
}

fn pick<T: Copy>(from: &[T], number: u8) -> T {
    from[usize::from(number) % from.len()]
}

fn digest(content: &[u8], number: u8) -> Digest {
    let algorithm = if number & 0x80 == 0 {
        Algorithm::Sha256
    } else {
        Algorithm::Sha512
    };
    Digest::of(algorithm, content)
}

fn manifest(number: u8) -> (String, MediaType) {
    let blob = |content: &[u8]| {
        let (digest, size) = (Digest::sha256(content), content.len());
        format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":{size}}}"#)
    };
    let subject = Digest::sha256(pick(&CONTENTS, number));
    let subject = match number & 0x40 {
        0 => String::new(),
        _ => format!(r#","subject":{{"mediaType":"a/b","digest":"{subject}","size":1}}"#),
    };
    if number & 0x20 == 0 {
        let (config, layer) = (blob(b"{}"), blob(pick(&CONTENTS, number)));
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","config":{config},"layers":[{layer}]{subject}}}"#,
            MediaType::OciManifest
        );
        return (text, MediaType::OciManifest);
    }
    // An index of manifests that may be there.
    let (child, _) = manifest(number & 0x0f);
    let (digest, size) = (Digest::sha256(child.as_bytes()), child.len());
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"{}","digest":"{digest}","size":{size}}}]{subject}}}"#,
        MediaType::OciIndex,
        MediaType::OciManifest
    );
    (text, MediaType::OciIndex)
}

impl Client {
    async fn step(&mut self, what: u8, place: u8, with: u8, how: u8) {
        let name = pick(&NAMES, place);
        let content = pick(&CONTENTS, with);
        let digest = digest(content, with);
        let location = match self.locations.len() {
            0 => format!("/v2/{name}/blobs/uploads/none"),
            count => self.locations[usize::from(with) % count].clone(),
        };
        let range = format!("{}-{}", how % 8, how % 8 + (how >> 4));
        let uploads = format!("/v2/{name}/blobs/uploads/");
        let blob = format!("/v2/{name}/blobs/{digest}");
        let tag = pick(&TAGS, how);
        match what % 16 {
            0 => self.send("POST", &uploads, &[], b"").await,
            1 => {
                let target = format!("{uploads}?digest={digest}");
                self.send("POST", &target, &[], pick(&CONTENTS, how)).await
            }
            2 => {
                let from = pick(&NAMES, how);
                let target = format!("{uploads}?mount={digest}&from={from}");
                self.send("POST", &target, &[], b"").await
            }
            3 => {
                self.send("POST", &format!("{uploads}?mount={digest}"), &[], b"")
                    .await
            }
            4 => {
                self.send("PATCH", &location, &[("content-range", &range)], content)
                    .await
            }
            5 => self.send("PATCH", &location, &[], content).await,
            6 => {
                let target = format!("{location}?digest={digest}");
                let body = if how.is_multiple_of(2) { content } else { b"" };
                self.send("PUT", &target, &[], body).await
            }
            7 => {
                self.send(pick(&["GET", "DELETE"], how), &location, &[], b"")
                    .await
            }
            8 => {
                let range = format!("bytes={range}");
                self.send("GET", &blob, &[("range", &range)], b"").await
            }
            9 => {
                self.send(pick(&["GET", "HEAD", "DELETE"], how), &blob, &[], b"")
                    .await
            }
            10 | 11 => {
                let (text, media_type) = manifest(with);
                let named = Digest::sha256(text.as_bytes()).to_string();
                let reference = if what % 16 == 10 { tag } else { &named };
                let target = format!("/v2/{name}/manifests/{reference}?tag={tag}");
                let headers = [("content-type", &*media_type.to_string())];
                self.send("PUT", &target, &headers, text.as_bytes()).await
            }
            12 => {
                let method = pick(&["GET", "HEAD", "DELETE"], how >> 4);
                self.send(method, &format!("/v2/{name}/manifests/{tag}"), &[], b"")
                    .await
            }
            13 => {
                let named = Digest::sha256(manifest(with).0.as_bytes());
                let method = pick(&["GET", "HEAD", "DELETE"], how);
                self.send(method, &format!("/v2/{name}/manifests/{named}"), &[], b"")
                    .await
            }
            14 => {
                let target = format!("/v2/{name}/tags/list?n={how}&last={tag}");
                self.send("GET", &target, &[], b"").await
            }
            _ => {
                self.send("GET", &format!("/v2/{name}/referrers/{digest}"), &[], b"")
                    .await
            }
        };
    }

    /// Sends a request and checks what holds for every answer.
    async fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response<Bytes> {
        let body = Bytes::copy_from_slice(body);
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).expect("all parts are valid");
        let (head, body) = self.registry.handle(request).await.into_parts();
        let body = body
            .collect()
            .await
            .expect("memory does not break")
            .to_bytes();
        let answer = Response::from_parts(head, body);
        let status = answer.status();
        assert!(!status.is_server_error(), "{method} {target}: {answer:?}");
        let text = |name: &str| answer.headers().get(name).and_then(|it| it.to_str().ok());
        if method != "HEAD" && status != StatusCode::NO_CONTENT {
            let length = text("content-length").and_then(|it| it.parse().ok());
            assert_eq!(length, Some(answer.body().len()), "{method} {target}");
        }
        if status.is_client_error() && method != "HEAD" {
            assert!(
                answer.body().starts_with(b"{\"errors\":"),
                "{method} {target}"
            );
        }
        if method == "GET"
            && status == StatusCode::OK
            && let Some(digest) = text("docker-content-digest")
        {
            let digest: Digest = digest.parse().expect("the registry writes digests");
            let actual = Digest::of(digest.algorithm(), answer.body());
            assert_eq!(actual, digest, "{target}");
            if let Some((_, asked)) = target.rsplit_once("/sha256:") {
                assert_eq!(digest.hex(), asked, "{target}");
            }
        }
        if status == StatusCode::ACCEPTED
            && let Some(location) = text("location")
            && !self.locations.iter().any(|it| it == location)
        {
            self.locations.push(location.to_owned());
        }
        answer
    }

    /// Everything that can be read, is listed, and is what it is called.
    async fn check_all(&mut self) {
        for name in NAMES {
            let list = self
                .send("GET", &format!("/v2/{name}/tags/list"), &[], b"")
                .await;
            if list.status() != StatusCode::OK {
                continue;
            }
            let tags = modelpack_spec::distribution::TagList::parse(list.body())
                .expect("the registry writes lists");
            for tag in tags.tags {
                let target = format!("/v2/{name}/manifests/{tag}");
                let answer = self.send("GET", &target, &[], b"").await;
                assert_eq!(answer.status(), StatusCode::OK, "{target} is listed");
            }
            for content in CONTENTS {
                for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
                    let digest = Digest::of(algorithm, content);
                    let target = format!("/v2/{name}/blobs/{digest}");
                    let get = self.send("GET", &target, &[], b"").await;
                    let head = self.send("HEAD", &target, &[], b"").await;
                    assert_eq!(get.status(), head.status(), "{target}");
                    if get.status() == StatusCode::OK {
                        assert_eq!(get.body(), content, "{target}");
                    }
                }
            }
        }
    }
}
