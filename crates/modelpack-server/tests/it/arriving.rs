//! Blobs that are handed on while they arrive from upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use http::Request;
use http_body_util::BodyExt;
use modelpack_server::{
    Body, Error, Fetched, Options, StoredManifest, Upload, Upstream, UpstreamSink,
};
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Digest, Repository, Tag};
use tokio::sync::{Mutex, mpsc};

use crate::support::{Client, both, disk};
use crate::uploads::with;

const SIZE: usize = 1_000_000;
/// Bytes at the end that nobody gets before the whole was verified.
const HELD_BACK: usize = 64 * 1024;

/// Another registry, that gives what a test feeds it.
struct Fed {
    size: u64,
    food: Mutex<mpsc::UnboundedReceiver<Food>>,
    fetches: AtomicU64,
    hides: AtomicBool,
}

enum Food {
    Piece(Bytes),
    Break,
    Panic,
    End,
}

type Feeder = mpsc::UnboundedSender<Food>;

fn fed(size: usize) -> (Arc<Fed>, Feeder) {
    let (feeder, food) = mpsc::unbounded_channel();
    let fed = Fed {
        size: size as u64,
        food: Mutex::new(food),
        fetches: AtomicU64::new(0),
        hides: AtomicBool::new(false),
    };
    (Arc::new(fed), feeder)
}

impl Fed {
    fn options(self: &Arc<Self>) -> Options {
        let upstream: Arc<dyn Upstream> = Arc::<Self>::clone(self);
        with(|options| options.upstream = Some(Arc::clone(&upstream)))
    }

    fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl Upstream for Fed {
    fn manifest<'a>(
        &'a self,
        _: &'a Repository,
        _: &'a TagOrDigest,
    ) -> Fetched<'a, StoredManifest> {
        Box::pin(async { Ok(None) })
    }

    fn tag<'a>(&'a self, _: &'a Repository, _: &'a Tag) -> Fetched<'a, Digest> {
        Box::pin(async { Ok(None) })
    }

    fn blob_size<'a>(&'a self, name: &'a Repository, _: &'a Digest) -> Fetched<'a, u64> {
        let is_there = name.as_str() != "hidden" && !self.hides.load(Ordering::SeqCst);
        Box::pin(async move { Ok(is_there.then_some(self.size)) })
    }

    fn blob<'a>(&'a self, _: &'a Repository, _: &'a Digest, into: UpstreamSink) -> Fetched<'a, ()> {
        Box::pin(async move {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            let mut food = self.food.lock().await;
            loop {
                match food.recv().await {
                    Some(Food::Piece(piece)) => into.append(piece).await?,
                    Some(Food::Break) => return Err(Error::storage("go on", "it broke")),
                    Some(Food::Panic) => panic!("on purpose"),
                    Some(Food::End) | None => return Ok(Some(())),
                }
            }
        })
    }
}

fn content() -> Bytes {
    (0..SIZE).map(|at| (at / 251) as u8).collect()
}

fn target(name: &str, content: &[u8]) -> String {
    format!("/v2/{name}/blobs/{}", Digest::sha256(content))
}

async fn ask(client: &Client, name: &str, range: &str) -> http::Response<Body> {
    let mut request = Request::get(target(name, &content()));
    if !range.is_empty() {
        request = request.header("range", range);
    }
    client
        .registry
        .handle(request.body(String::new()).unwrap())
        .await
}

/// As `assert_eq`, without a million bytes in the message.
#[track_caller]
fn same(actual: &[u8], expected: &[u8]) {
    assert_eq!(actual.len(), expected.len());
    let differs = actual.iter().zip(expected).position(|(a, b)| a != b);
    assert_eq!(differs, None);
}

/// Reads so many bytes; more may come with them.
async fn read(body: &mut Body, count: usize) -> BytesMut {
    let mut read = BytesMut::new();
    while read.len() < count {
        let frame = body.frame().await.expect("there is more").unwrap();
        read.extend_from_slice(&frame.into_data().unwrap());
    }
    read
}

/// Reads until the body breaks; fails when it is whole.
async fn read_until_broken(mut body: Body) -> usize {
    let mut count = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => count += frame.into_data().unwrap().len(),
            Err(_) => return count,
        }
    }
    panic!("the body ended well after {count} bytes");
}

fn nothing_is_left(client: &Client) {
    if let Some(directory) = &client.directory {
        let ingest = directory.path().join(".modelpack/ingest");
        let left = std::fs::read_dir(ingest).map_or(0, Iterator::count);
        assert_eq!(left, 0, "a file that was being written is still there");
    }
}

#[tokio::test]
async fn bytes_come_as_they_arrive_for_all_who_ask() {
    let content = content();
    let (fed, feeder) = fed(SIZE);
    for client in both(|| fed.options()) {
        let before = fed.fetches();
        let mut first = ask(&client, "lib/x", "").await;
        assert_eq!(first.status(), 200);
        assert_eq!(first.headers()["content-length"], SIZE.to_string());
        let digest = Digest::sha256(&content).to_string();
        assert_eq!(first.headers()["docker-content-digest"], digest);
        feeder.send(Food::Piece(content.slice(..100_000))).unwrap();
        let mut one = read(first.body_mut(), 100_000).await;
        // A late comer, also one of another repository, begins at the first byte.
        let mut second = ask(&client, "lib/y", "").await;
        let mut two = read(second.body_mut(), 100_000).await;
        assert_eq!(ask(&client, "hidden", "").await.status(), 404);
        drop(ask(&client, "lib/x", "").await);

        feeder.send(Food::Piece(content.slice(100_000..))).unwrap();
        one.extend(read(first.body_mut(), SIZE - HELD_BACK - one.len()).await);
        same(&one, &content[..SIZE - HELD_BACK]);
        feeder.send(Food::End).unwrap();
        one.extend(first.into_body().collect().await.unwrap().to_bytes());
        two.extend(second.into_body().collect().await.unwrap().to_bytes());
        same(&one, &content);
        same(&two, &content);
        for name in ["lib/x", "lib/y"] {
            same(&client.get(&target(name, &content)).await.body, &content);
        }
        assert_eq!(fed.fetches(), before + 1, "{}", client.storage);
        nothing_is_left(&client);
    }
}

/// Whatever goes wrong, nobody gets a whole body and nothing is kept.
#[tokio::test]
async fn what_goes_wrong_breaks_every_answer() {
    let content = content();
    let mut wrong = BytesMut::from(&content[..]);
    wrong[SIZE - 1] ^= 1;
    let (wrong, short) = (wrong.freeze(), content.slice(..SIZE - 1));
    let pieces = |bytes: &Bytes, end| vec![Food::Piece(bytes.clone()), end];
    type Meal<'a> = (&'a str, &'a dyn Fn() -> Vec<Food>);
    let meals: [Meal<'_>; 6] = [
        ("wrong digest", &|| pieces(&wrong, Food::End)),
        ("too short", &|| pieces(&short, Food::End)),
        ("too long", &|| {
            let more = pieces(&Bytes::from_static(b"x"), Food::End);
            pieces(&content, Food::End)
                .into_iter()
                .take(1)
                .chain(more.into_iter().take(1))
                .collect()
        }),
        ("broken", &|| pieces(&short, Food::Break)),
        ("broken at its end", &|| pieces(&content, Food::Break)),
        ("panic", &|| pieces(&content, Food::Panic)),
    ];
    for (what, meal) in meals {
        let (fed, feeder) = fed(SIZE);
        for client in both(|| fed.options()) {
            let answers = [
                ask(&client, "lib/x", "").await,
                ask(&client, "lib/x", "bytes=10-").await,
                ask(&client, "lib/y", "").await,
            ];
            for food in meal() {
                feeder.send(food).unwrap();
            }
            for answer in answers {
                let count = read_until_broken(answer.into_body()).await;
                assert!(count <= SIZE - HELD_BACK, "{what}: {count}");
            }
            fed.hides.store(true, Ordering::SeqCst);
            let now = client.get(&target("lib/x", &content)).await;
            assert_eq!(now.status, 404, "{what}, {}", client.storage);
            nothing_is_left(&client);
            fed.hides.store(false, Ordering::SeqCst);
        }
    }
}

/// What is right is kept, though the answers that promised more cannot end well.
#[tokio::test]
async fn a_blob_that_is_shorter_than_promised() {
    let content = content();
    let (fed, feeder) = fed(SIZE + 1);
    for client in both(|| fed.options()) {
        let answer = ask(&client, "lib/x", "").await;
        feeder.send(Food::Piece(content.clone())).unwrap();
        feeder.send(Food::End).unwrap();
        read_until_broken(answer.into_body()).await;
        same(&client.get(&target("lib/x", &content)).await.body, &content);
    }
}

#[tokio::test]
async fn ranges_while_it_arrives() {
    let content = content();
    let (fed, feeder) = fed(SIZE);
    for client in both(|| fed.options()) {
        let before = fed.fetches();
        let last = SIZE - 1;
        let open = ask(&client, "lib/x", "bytes=500000-").await;
        let closed = ask(&client, "lib/x", &format!("bytes=500000-{last}")).await;
        let suffix = ask(&client, "lib/x", "bytes=-500000").await;
        // Its bytes would be all it has, and unverified.
        let bounded = ask(&client, "lib/x", "bytes=0-99").await;
        let beyond = ask(&client, "lib/x", "bytes=1000000-").await;
        assert_eq!(beyond.status(), 416);
        feeder.send(Food::Piece(content.clone())).unwrap();
        feeder.send(Food::End).unwrap();
        for part in [open, closed, suffix] {
            assert_eq!(part.status(), 206);
            let range = format!("bytes 500000-{last}/{SIZE}");
            assert_eq!(part.headers()["content-range"], range);
            let body = part.into_body().collect().await.unwrap().to_bytes();
            same(&body, &content[500_000..]);
        }
        assert_eq!(bounded.status(), 200);
        assert!(!bounded.headers().contains_key("content-range"));
        let body = bounded.into_body().collect().await.unwrap().to_bytes();
        same(&body, &content);
        let now = ask(&client, "lib/x", "bytes=0-99").await;
        assert_eq!(now.status(), 206, "it is verified now");
        assert_eq!(fed.fetches(), before + 1);
    }
}

/// Where nothing can be sent before the end is known, the answer says how it ended.
#[tokio::test]
async fn what_is_held_back_as_a_whole_is_answered_rightly() {
    let content = content();
    for client_number in 0..2 {
        let (fed, feeder) = fed(SIZE);
        let client = &both(|| fed.options())[client_number];
        let begun = ask(client, "lib/x", "").await;
        feeder.send(Food::Piece(content.slice(..10))).unwrap();
        // It waits for this fetch, or has one of its own when that was quicker.
        feeder.send(Food::Break).unwrap();
        feeder.send(Food::Break).unwrap();
        let end = ask(client, "lib/x", "bytes=-10").await;
        assert_eq!(end.status(), 502, "{}", client.storage);
        read_until_broken(begun.into_body()).await;

        let (fed, feeder) = self::fed(SIZE);
        let client = &both(|| fed.options())[client_number];
        let begun = ask(client, "lib/x", "").await;
        feeder.send(Food::Piece(content.clone())).unwrap();
        feeder.send(Food::End).unwrap();
        let end = ask(client, "lib/x", "bytes=-10").await;
        assert_eq!(end.status(), 206);
        begun.into_body().collect().await.unwrap();
        let body = end.into_body().collect().await.unwrap().to_bytes();
        same(&body, &content[SIZE - 10..]);

        let (fed, feeder) = self::fed(HELD_BACK);
        let client = &both(|| fed.options())[client_number];
        feeder.send(Food::Piece(vec![0; HELD_BACK].into())).unwrap();
        feeder.send(Food::End).unwrap();
        let small = client.get(&target("lib/x", b"another")).await;
        assert_eq!(
            (small.status.as_u16(), &*small.code()),
            (502, "UNAVAILABLE")
        );
    }
}

/// The client is gone, the fetch is not.
#[tokio::test]
async fn a_client_that_leaves_does_not_stop_it() {
    let content = content();
    let (fed, feeder) = fed(SIZE);
    for client in both(|| fed.options()) {
        let before = fed.fetches();
        let mut answer = ask(&client, "lib/x", "").await;
        feeder.send(Food::Piece(content.slice(..1000))).unwrap();
        read(answer.body_mut(), 1000).await;
        drop(answer);
        feeder.send(Food::Piece(content.slice(1000..))).unwrap();
        feeder.send(Food::End).unwrap();
        same(&client.get(&target("lib/x", &content)).await.body, &content);
        assert_eq!(fed.fetches(), before + 1, "{}", client.storage);
    }
}

/// However much is there, a body holds only what it is about to send.
#[tokio::test]
async fn pieces_are_small() {
    let content = content();
    let (fed, feeder) = fed(SIZE);
    for client in both(|| fed.options()) {
        feeder.send(Food::Piece(content.clone())).unwrap();
        feeder.send(Food::End).unwrap();
        let mut body = ask(&client, "lib/x", "").await.into_body();
        while let Some(frame) = body.frame().await {
            assert!(frame.unwrap().into_data().unwrap().len() <= 256 * 1024);
        }
    }
}

/// A runtime that ends takes the fetch with it, tells who reads, and leaves no file.
#[test]
fn the_end_of_the_runtime_ends_it() {
    let (fed, feeder) = fed(SIZE);
    let client = disk(fed.options());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let body = runtime.block_on(async {
        let mut answer = ask(&client, "lib/x", "").await;
        let piece = content().slice(..1000);
        feeder.send(Food::Piece(piece)).unwrap();
        read(answer.body_mut(), 1000).await;
        answer.into_body()
    });
    drop(runtime);
    nothing_is_left(&client);
    let other = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    assert_eq!(other.block_on(read_until_broken(body)), 0);
}

/// A storage of somebody else's need not show what is not complete.
#[test]
fn a_reader_is_no_duty() {
    struct Plain;
    impl Upload for Plain {
        fn append(&mut self, _: &[u8]) -> Result<(), Error> {
            Ok(())
        }

        fn commit(self: Box<Self>, _: &Digest) -> Result<(), Error> {
            Ok(())
        }
    }
    assert!(Plain.reader().is_none());
}
