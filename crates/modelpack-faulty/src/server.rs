//! Listeners, connections, and their end.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use super::answering::Request;
use super::journal::{Exchange, Journal, Span};
use super::rules::{Class, Origin};
use super::send::{After, Counter, send};
use super::state::State;
use super::wire::{Connection, Incoming, Wire};

/// So much of a body goes into the log.
const LOGGED: usize = 64 * 1024;

/// What ends the threads of a registry.
#[derive(Debug, Default)]
pub(super) struct Threads {
    stopping: AtomicBool,
    panicked: AtomicBool,
    sockets: Mutex<BTreeMap<u64, TcpStream>>,
    running: Mutex<Vec<JoinHandle<()>>>,
}

/// Makes what the bytes travel on out of a socket; `None` ends the connection.
pub(super) type Wrap = dyn Fn(TcpStream) -> Option<Box<dyn Wire>> + Send + Sync;

/// The bytes travel as they are.
pub(super) fn plain(socket: TcpStream) -> Option<Box<dyn Wire>> {
    Some(Box::new(socket))
}

impl Threads {
    fn sockets(&self) -> MutexGuard<'_, BTreeMap<u64, TcpStream>> {
        self.sockets
            .lock()
            .expect("nothing panics while it holds the sockets")
    }

    fn running(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.running
            .lock()
            .expect("nothing panics while it holds the threads")
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        let mut running = self.running();
        while let Some(over) = running.iter().position(JoinHandle::is_finished) {
            if running.swap_remove(over).join().is_err() {
                self.panicked.store(true, Ordering::SeqCst);
            }
        }
        running.push(thread.expect("there is room for one more thread"));
    }

    /// Ends every connection and every thread; false when one of them panicked.
    pub(super) fn stop(&self, addresses: &[SocketAddr]) -> bool {
        self.stopping.store(true, Ordering::SeqCst);
        for address in addresses {
            // This wakes the listener, which then sees that it is over; if it cannot be reached it is over already.
            let _ = TcpStream::connect(address);
        }
        let mut well = !self.panicked.load(Ordering::SeqCst);
        loop {
            for socket in self.sockets().values() {
                // The client may have closed it.
                let _ = socket.shutdown(Shutdown::Both);
            }
            let Some(thread) = self.running().pop() else {
                return well;
            };
            well &= thread.join().is_ok();
        }
    }
}

/// A listener on a free port of the loopback interface.
pub(super) fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .expect("the loopback interface has a free port");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    (listener, address)
}

/// Takes connections until the registry stops.
pub(super) fn listen(
    threads: &Arc<Threads>,
    state: &Arc<State>,
    origin: Origin,
    listener: TcpListener,
    wrap: &Arc<Wrap>,
) {
    let wrap = Arc::clone(wrap);
    let (all, state) = (Arc::clone(threads), Arc::clone(state));
    threads.spawn("listener", move || {
        for (number, socket) in listener.incoming().enumerate() {
            if all.stopping.load(Ordering::SeqCst) {
                return;
            }
            let Ok(socket) = socket else { continue };
            let key = (origin as u64) << 48 | number as u64;
            let (threads, state) = (Arc::clone(&all), Arc::clone(&state));
            let wrap = Arc::clone(&wrap);
            all.spawn("connection", move || {
                if let Ok(clone) = socket.try_clone() {
                    threads.sockets().insert(key, clone);
                    // The registry may have begun to stop before this socket was in its list.
                    if !threads.stopping.load(Ordering::SeqCst) {
                        let connection = state.journal.connect(origin);
                        // An error says that the client has left.
                        let _ = serve(&state, origin, connection, socket, &*wrap);
                        state.journal.disconnect(origin);
                    }
                    threads.sockets().remove(&key);
                }
            });
        }
    });
}

fn serve(
    state: &State,
    origin: Origin,
    number: u64,
    socket: TcpStream,
    wrap: &Wrap,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let Some(wire) = wrap(socket.try_clone()?) else {
        return Ok(());
    };
    let mut connection = Connection::new(wire, socket);
    while let Some(head) = connection.read_head() {
        let request = Request::new(state, origin, head);
        let entry = state.journal.begin(entry(state, &request, number));
        let result = one(state, request, &mut connection, entry);
        let closes = !matches!(result, Ok(After::KeepAlive));
        if matches!(result, Ok(After::Linger)) {
            connection.linger();
        }
        match result {
            Ok(After::KeepAlive) => {}
            // It happens when the last handle of the socket is dropped.
            Ok(After::Reset) => connection.reset_when_dropped(),
            _ => connection.close(),
        }
        state.journal.end(entry, origin);
        if closes {
            break;
        }
    }
    Ok(())
}

fn one(
    state: &State,
    mut request: Request,
    connection: &mut Connection,
    entry: usize,
) -> io::Result<After> {
    let mut body = Incoming::new(connection, &request.head);
    if !matches!(request.class(), Class::Upload | Class::Session) {
        body.copied = LOGGED;
    }
    let reply = request.answer(state, &mut body);
    let unread = !body.is_finished();
    let (received, copy) = (body.taken, std::mem::take(&mut body.copy));
    state.journal.change(entry, |exchange| {
        exchange.received = received;
        exchange.body = copy;
        if let Ok(reply) = &reply {
            exchange.status = (reply.status > 0).then_some(reply.status);
            exchange.answer.clone_from(&reply.headers);
        }
    });
    let mut counter = Counting {
        journal: &state.journal,
        entry,
        span: None,
    };
    let is_head = request.head.method == "HEAD";
    let after = send(connection, &reply?, is_head, unread, &mut counter)?;
    let last = request
        .head
        .header("connection")
        .is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Ok(match after {
        After::KeepAlive if last => After::Close,
        after => after,
    })
}

fn entry(state: &State, request: &Request, connection: u64) -> Exchange {
    Exchange {
        origin: request.origin,
        connection,
        at: state.journal.age(),
        method: request.head.method.clone(),
        target: request.head.target.clone(),
        headers: request.head.headers.clone(),
        class: request.class(),
        repository: request.route.repository().map(str::to_owned),
        reference: request.reference.clone(),
        authorized: request.is_authorized(),
        received: 0,
        body: Vec::new(),
        rules: request.faults.iter().map(|(rule, _)| *rule).collect(),
        status: None,
        answer: Vec::new(),
        sent: 0,
        finished: false,
    }
}

/// Writes down what the wire took.
struct Counting<'a> {
    journal: &'a Journal,
    entry: usize,
    span: Option<(Span, u64)>,
}

impl Counter for Counting<'_> {
    fn sent(&mut self, count: u64, from: Option<(&str, u64)>) {
        self.journal
            .change(self.entry, |exchange| exchange.sent += count);
        let Some((digest, at)) = from else {
            self.span = None;
            return;
        };
        let goes_on = self
            .span
            .take()
            .filter(|(span, end)| span.digest == digest && *end == at);
        let (span, _) = goes_on.unwrap_or_else(|| (self.journal.open_span(digest, at), at));
        self.journal.grow_span(&span, count);
        self.span = Some((span, at + count));
    }

    fn unsent(&mut self, count: u64) {
        self.journal
            .change(self.entry, |exchange| exchange.sent -= count);
        if let Some((span, _)) = &self.span {
            self.journal.shrink_span(span, count);
        }
    }
}
