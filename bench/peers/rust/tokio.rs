// tokio's mpsc between tasks, as its documentation has it: senders, clients and the receiver are tasks of a runtime that
// has a thread for each processor.
mod measure;
mod tickets;

use measure::{number, report, resident_bytes, resident_bytes_at_last};
use std::env::args;
use std::process::exit;
use std::sync::Arc;
use std::time::Instant;
use tickets::{answer, Reply, Request, Status};
use tokio::runtime::Builder;
use tokio::spawn;
use tokio::sync::mpsc::{
    channel, unbounded_channel, Receiver, Sender, UnboundedReceiver, UnboundedSender,
};
use tokio::sync::Barrier;

enum Tx<T> {
    Unbounded(UnboundedSender<T>),
    Bounded(Sender<T>),
}

enum Rx<T> {
    Unbounded(UnboundedReceiver<T>),
    Bounded(Receiver<T>),
}

impl<T> Clone for Tx<T> {
    fn clone(&self) -> Self {
        match self {
            Tx::Unbounded(tx) => Tx::Unbounded(tx.clone()),
            Tx::Bounded(tx) => Tx::Bounded(tx.clone()),
        }
    }
}

impl<T> Tx<T> {
    #[inline]
    async fn send(&self, message: T) {
        let sent = match self {
            Tx::Unbounded(tx) => tx.send(message).is_ok(),
            Tx::Bounded(tx) => tx.send(message).await.is_ok(),
        };
        assert!(sent);
    }
}

impl<T> Rx<T> {
    #[inline]
    async fn recv(&mut self) -> Option<T> {
        match self {
            Rx::Unbounded(rx) => rx.recv().await,
            Rx::Bounded(rx) => rx.recv().await,
        }
    }
}

fn open<T>(capacity: usize) -> (Tx<T>, Rx<T>) {
    if capacity == 0 {
        let (tx, rx) = unbounded_channel();
        (Tx::Unbounded(tx), Rx::Unbounded(rx))
    } else {
        let (tx, rx) = channel(capacity);
        (Tx::Bounded(tx), Rx::Bounded(rx))
    }
}

// A message of SIZE bytes: WORDS words of eight.
async fn sending<const WORDS: usize>(messages: usize, tasks: usize, capacity: usize) {
    let (tx, mut rx) = open::<[u64; WORDS]>(capacity);
    let start = Arc::new(Barrier::new(tasks + 1));
    for _ in 0..tasks {
        let (tx, start) = (tx.clone(), start.clone());
        spawn(async move {
            let mut message = [0; WORDS];
            start.wait().await;
            for i in 0..messages / tasks {
                message[0] = i as u64;
                tx.send(message).await;
            }
        });
    }
    drop(tx);
    start.wait().await;
    let began = Instant::now();
    let (mut received, mut sum) = (0, 0);
    while let Some(message) = rx.recv().await {
        received += 1;
        sum += message[0];
    }
    report(began, received, 0);
    let each = (messages / tasks) as u64;
    assert_eq!(sum, tasks as u64 * (each * (each - 1) / 2));
}

async fn pingpong(messages: usize) {
    let (there, mut requests) = open::<u64>(0);
    let (replies, mut back) = open::<u64>(0);
    spawn(async move {
        while let Some(message) = requests.recv().await {
            replies.send(message).await;
        }
    });
    let began = Instant::now();
    for i in 0..messages as u64 {
        there.send(i).await;
        assert_eq!(back.recv().await, Some(i));
    }
    report(began, messages, 0);
}

async fn requests<const WORDS: usize>(messages: usize, clients: usize) {
    let (tx, mut rx) = open::<[u64; WORDS]>(0);
    let start = Arc::new(Barrier::new(clients + 1));
    let mut replies = Vec::new();
    for number in 0..clients as u64 {
        let (tx, start) = (tx.clone(), start.clone());
        let (reply, mut answers) = open::<[u64; WORDS]>(0);
        replies.push(reply);
        spawn(async move {
            start.wait().await;
            for i in 0..(messages / clients) as u64 {
                let mut message = [0; WORDS];
                message[0] = number;
                message[1] = i;
                tx.send(message).await;
                assert_eq!(answers.recv().await.unwrap()[1], i);
            }
        });
    }
    drop(tx);
    start.wait().await;
    let began = Instant::now();
    let mut answered = 0;
    while let Some(message) = rx.recv().await {
        answered += 1;
        replies[message[0] as usize].send(message).await;
    }
    report(began, answered, 0);
}

// All are sent before the first is received.
async fn queued(messages: usize, emptied: bool) {
    let (tx, mut rx) = open(0);
    let before = resident_bytes();
    let began = Instant::now();
    for _ in 0..messages {
        tx.send([0u64; 1]).await;
    }
    if emptied {
        for _ in 0..messages {
            rx.recv().await.unwrap();
        }
    }
    report(began, messages, resident_bytes_at_last().saturating_sub(before));
    exit(0);
}

fn at_rest(channels: usize, capacity: usize) {
    let mut kept = Vec::with_capacity(channels);
    let before = resident_bytes();
    let began = Instant::now();
    for _ in 0..channels {
        kept.push(open::<u64>(capacity));
    }
    report(began, channels, resident_bytes() - before);
    drop(kept); // they were there until now: else the compiler may leave them out
}

// One task owns the tickets.
async fn serve(mut rx: Rx<Request>, replies: Vec<Tx<Reply>>) {
    let mut tickets = Vec::new();
    while let Some(request) = rx.recv().await {
        let (to, reply) = answer(&mut tickets, request);
        replies[to].send(reply).await;
    }
}

async fn use_server(tx: Tx<Request>, mut answers: Rx<Reply>, me: usize, requests: usize, start: Arc<Barrier>) {
    tx.send(Request::Add([b't'; 51], [b'd'; 501], me)).await;
    let id = match answers.recv().await.unwrap() {
        Reply::Id(id) => id,
        _ => panic!(),
    };
    start.wait().await;
    for i in (0..requests).step_by(2) {
        let status = if i % 4 == 0 { Status::InProgress } else { Status::Done };
        tx.send(Request::SetStatus(id, status, me)).await;
        assert!(matches!(answers.recv().await.unwrap(), Reply::Done));
        tx.send(Request::Get(id, me)).await;
        let ticket = match answers.recv().await.unwrap() {
            Reply::Ticket(ticket) => ticket,
            _ => panic!(),
        };
        assert!(ticket.status == status && ticket.title[0] == b't');
        assert_eq!(ticket.description[0], b'd');
    }
}

async fn tickets(requests: usize, clients: usize, capacity: usize) {
    let (tx, rx) = open(capacity);
    let start = Arc::new(Barrier::new(clients + 1));
    let (mut replies, mut handles) = (Vec::new(), Vec::new());
    let each = requests / clients / 2 * 2;
    for me in 0..clients {
        let (reply, answers) = open(0);
        replies.push(reply);
        handles.push(spawn(use_server(tx.clone(), answers, me, each, start.clone())));
    }
    drop(tx);
    spawn(serve(rx, replies));
    start.wait().await;
    let began = Instant::now();
    for handle in handles {
        handle.await.unwrap();
    }
    report(began, each * clients, 0);
}

async fn measure_it() {
    let (messages, tasks, size, capacity) =
        (number(2, 1000), number(3, 1), number(4, 8), number(5, 0));
    let what = args().nth(1).unwrap();
    match (what.as_str(), size) {
        ("unbounded" | "bounded", 8) => sending::<1>(messages, tasks, capacity).await,
        ("unbounded" | "bounded", 64) => sending::<8>(messages, tasks, capacity).await,
        ("unbounded" | "bounded", 512) => sending::<64>(messages, tasks, capacity).await,
        ("unbounded" | "bounded", 4096) => sending::<512>(messages, tasks, capacity).await,
        ("unbounded" | "bounded", 32768) => sending::<4096>(messages, tasks, capacity).await,
        ("unbounded" | "bounded", 65536) => sending::<8192>(messages, tasks, capacity).await,
        ("pingpong", _) => pingpong(messages).await,
        ("requests", 64) => requests::<8>(messages, tasks).await,
        (what @ ("queued" | "emptied"), 8) => queued(messages, what == "emptied").await,
        ("at_rest", 8) => at_rest(messages, capacity),
        ("tickets", _) => tickets(messages, tasks, size).await,
        _ => exit(2),
    }
}

fn main() {
    let runtime = Builder::new_multi_thread().build().unwrap();
    runtime.block_on(async { spawn(measure_it()).await.unwrap() });
}
