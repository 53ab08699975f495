//! A pull that is cut, and gone on with by another process: what the user sees of it.

use std::fmt::Write as _;
use std::path::Path;

use modelpack::spec::{
    Descriptor, Document, Encoding, Kind, LayerType, Manifest, Model, ModelFs, annotations,
};
use modelpack_testkit::faulty::{
    Class, Contents, Fault, FaultyRegistry, RetryAfter, Rule, SyntheticBlob, Timing, When,
};

use crate::screen::{self, Shown};
use crate::shell::Shell;

pub(crate) const NAME: &str = "models/tiny";
/// A blob of this size is asked for with one request, so that the cut is where it is meant to be.
const SIZE: u64 = 8 * 1024 * 1024;
/// 61 %.
const CUT: u64 = SIZE * 61 / 100 + 1;
/// Slow enough that there is something to see.
const BYTES_PER_SECOND: u64 = 8_000_000;
/// The docs with the recording. Set `MODELPACK_RECORD` to anything to write it anew.
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/resume.md");
const BEGIN: &str = "<!-- recording -->\n";
const END: &str = "<!-- end of the recording -->\n";

/// A registry with one model of one layer, and the digest of that.
fn registry() -> (FaultyRegistry, String) {
    registry_of(SIZE)
}

/// The same with a layer of this size.
pub(crate) fn registry_of(size: u64) -> (FaultyRegistry, String) {
    let contents = Contents::new();
    let digest = contents.add_synthetic(NAME, SyntheticBlob::new(size, 1));
    let parsed = digest.parse().expect("a digest");
    let mut model = Model::default();
    model.modelfs = ModelFs::new(vec![parsed]);
    let config = Document::write(model);
    contents.add_blob(NAME, config.bytes().to_vec());
    let media_type = LayerType::new(Kind::Weight, Encoding::Raw).into();
    let mut layer = Descriptor::new(media_type, parsed, size);
    let path = (annotations::FILEPATH.to_owned(), "weights.bin".to_owned());
    layer.annotations = [path].into();
    let manifest = Document::write(Manifest::model(config.descriptor(), vec![layer]));
    let media_type = manifest.descriptor().media_type.to_string();
    contents.add_manifest(NAME, "v1", &media_type, manifest.bytes().to_vec());
    let registry = FaultyRegistry::builder().contents(&contents).start();
    (registry, digest)
}

/// The layer comes slowly; the first answer ends at 61 %, and then the registry is down.
fn break_down(registry: &FaultyRegistry, digest: &str) {
    let layer = || When::new("GET", Class::Blob).of(digest);
    let down = Fault::Status {
        status: 503,
        body: modelpack_testkit::faulty::Filler::default(),
        // Its wait is over at once, so that the test need not wait either.
        retry_after: Some(RetryAfter::Seconds(0)),
        timing: Timing::default(),
    };
    registry.set_rules([
        slow(digest),
        Rule::new(layer(), Fault::Cut { after: CUT }).once(),
        Rule::new(layer(), down).skip(1),
    ]);
}

fn slow(digest: &str) -> Rule {
    let fault = Fault::Rate {
        bytes_per_second: BYTES_PER_SECOND,
    };
    Rule::new(When::new("GET", Class::Blob).of(digest), fault)
}

/// What the bar of the total has said, in its own decimal figures.
fn totals<'a>(screens: impl IntoIterator<Item = &'a String>) -> Vec<f64> {
    let of_screen = |screen: &String| {
        let line = screen.lines().find(|line| line.starts_with("total "))?;
        let (done, _) = line.split_once(" / ")?;
        let mut words = done.split_whitespace().rev();
        let (unit, number) = (words.next()?, words.next()?);
        let scale = match unit {
            "B" => 1.0,
            "kB" => 1e3,
            "MB" => 1e6,
            _ => panic!("a unit that no total of this size has: {line}"),
        };
        Some(number.parse::<f64>().expect("a number") * scale)
    };
    screens.into_iter().filter_map(of_screen).collect()
}

#[test]
fn a_pull_that_is_cut_goes_on_where_it_was_in_another_process() {
    let shell = Shell::new();
    let (registry, digest) = registry();
    let reference = format!("{}/{NAME}:v1", registry.host());
    let arguments = ["pull", "--plain-http", &reference];

    break_down(&registry, &digest);
    let first = screen::run(shell.command(&arguments));
    let seen = totals(&first.screens);
    assert!(seen.is_sorted(), "the total went back: {seen:?}");
    let reached = seen.last().copied().expect("a total was shown");
    assert_eq!(first.code, 5, "{:?}", first.screens.last());

    let partial = shell.ok(&["ls", "--partial"]);
    assert!(partial.contains(NAME), "{partial}");
    registry.set_rules([slow(&digest)]);
    let second = screen::run(shell.command(&arguments));
    assert_eq!(second.code, 0, "{:?}", second.screens.last());
    let is_told = |screen: &&String| screen.contains("resumed at 61 %  8.3 MB  weights.bin");
    assert!(second.screens.iter().any(|screen| is_told(&screen)));
    let seen = totals(second.screens.iter().skip_while(|screen| !is_told(screen)));
    assert!(seen.is_sorted(), "the total went back: {seen:?}");
    assert!(seen.iter().any(|total| *total >= reached), "{seen:?}");
    let last = second.screens.last().expect("a screen");
    for text in ["8.39 MB / 8.39 MB", "done (resumed)", "Successfully pulled"] {
        assert!(last.contains(text), "`{text}` is not in\n{last}");
    }
    let served = registry.served(&digest);
    assert_eq!(served.total(), SIZE, "no byte came twice");
    assert!(!shell.ok(&["ls", "--partial"]).contains(NAME));

    if std::env::var_os("MODELPACK_RECORD").is_some() {
        let prompt = format!("$ modelpack {}\n", arguments.join(" "));
        let recording = format!(
            "{prompt}{}$ echo $?\n{}\n$ modelpack ls --partial\n{partial}{prompt}{}$ echo $?\n{}\n",
            film(&first),
            first.code,
            film(&second),
            second.code,
        );
        write_docs(&recording);
    }
    let docs = std::fs::read_to_string(DOCS).expect("the docs are there");
    let error = "error: the registry request failed";
    assert!(first.screens.iter().any(|screen| screen.contains(error)));
    let resumed = "resumed at 61 %  8.3 MB  weights.bin";
    for text in [error, resumed, "done (resumed)"] {
        assert!(
            docs.contains(text),
            "{DOCS} does not show `{text}`: record it anew"
        );
    }
}

/// The same without a terminal: no bars, but the same sentences.
#[test]
fn a_log_file_says_where_a_pull_goes_on() {
    let shell = Shell::new();
    let (registry, digest) = registry();
    let reference = format!("{}/{NAME}:v1", registry.host());
    let arguments = ["pull", "--plain-http", &reference];
    break_down(&registry, &digest);
    let first = shell.run(&arguments);
    assert_eq!(first.code, 5, "{}", first.stderr);
    registry.set_rules([]);
    let second = shell.run(&arguments);
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert_eq!(
        second.stderr,
        "resumed at 61 %  8.3 MB  weights.bin\ndone (resumed)  8.3 MB  weights.bin\n"
    );
}

/// Some screens of a command, the last one included.
fn film(shown: &Shown) -> String {
    const PICTURES: usize = 4;
    let whole: Vec<&String> = shown
        .screens
        .iter()
        .filter(|screen| screen.lines().any(|line| line.starts_with("total ")))
        .collect();
    let mut film = String::new();
    for picture in 1..PICTURES {
        let screen = whole[(whole.len() - 1) * picture / PICTURES];
        writeln!(film, "{screen}\n   ⋮").expect("a string takes everything");
    }
    writeln!(film, "{}", shown.screens.last().expect("a screen")).expect("the same");
    film
}

fn write_docs(recording: &str) {
    let text = std::fs::read_to_string(DOCS).expect("the docs are there");
    let (before, rest) = text.split_once(BEGIN).expect("the place of the recording");
    let (_, after) = rest.split_once(END).expect("its end");
    let text = format!("{before}{BEGIN}\n```text\n{recording}```\n\n{END}{after}");
    std::fs::write(Path::new(DOCS), text).expect("the docs can be written");
}
