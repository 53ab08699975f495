//! Commands that end, hang, flood and leave children behind.

use super::*;

fn sh(script: &str, timeout: Duration) -> (Ran, tempfile::TempDir) {
    let scratch = tempfile::tempdir().expect("there is room");
    let around = Surroundings {
        directory: scratch.path(),
        environment: &[("PATH".into(), "/usr/bin:/bin".into())],
        timeout,
        logs: scratch.path(),
        stop: &AtomicBool::new(false),
    };
    let words = ["sh", "-c", script].map(OsString::from);
    (run(&words, &around).expect("it starts"), scratch)
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn ends() {
    let (ran, _scratch) = sh("echo out; echo err >&2; printf '\\377'; exit 3", LONG);
    assert_eq!(ran.end, End::Code(3));
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("out\n\u{fffd}", "err\n")
    );
    assert_eq!(sh("kill -9 $$", LONG).0.end, End::Signal(9));
    assert_eq!(
        sh("echo $HOME", LONG).0.stdout,
        "\n",
        "the environment is its own"
    );
}

#[test]
fn a_long_output_is_cut_in_the_middle() {
    let (ran, _scratch) = sh("echo first; head -c 100000 /dev/zero; echo last", LONG);
    assert!(ran.stdout.starts_with("first\n") && ran.stdout.ends_with("last\n"));
    assert!(
        ran.stdout.contains("… 91819 bytes left out …"),
        "{}",
        ran.stdout
    );
    assert_eq!(sh("cat /dev/zero", LONG).0.end, End::Flooded);
}

/// The child holds the output open and ignores what can be ignored.
#[test]
fn a_command_that_hangs_is_killed_with_its_children() {
    let script =
        "trap '' TERM HUP; (while true; do sleep 0.05; touch late; done) & echo $! > child; wait";
    let (ran, scratch) = sh(script, SHORT);
    assert_eq!(ran.end, End::TimedOut(SHORT));
    assert_eq!(
        ran.end.describe(),
        "did not end within 0.3 s and was killed"
    );
    let child = std::fs::read_to_string(scratch.path().join("child")).expect("it was written");
    let child = child.trim().parse().ok().and_then(Pid::from_raw);
    assert!(is_gone(child.expect("a number")));
}

#[test]
fn what_a_good_command_leaves_behind_is_ended() {
    let (ran, scratch) = sh("sleep 100 & echo $! > child", LONG);
    assert_eq!(ran.end, End::Code(0));
    let child = std::fs::read_to_string(scratch.path().join("child")).expect("it was written");
    let child = child.trim().parse().ok().and_then(Pid::from_raw);
    assert!(is_gone(child.expect("a number")));
}

/// Nobody reaps an orphan at once everywhere: a zombie has ended too.
fn is_gone(process: Pid) -> bool {
    for _ in 0..2000 {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
        if status.is_err() || status.is_ok_and(|text| text.contains(") Z ")) {
            return true;
        }
        thread::sleep(PAUSE);
    }
    false
}
