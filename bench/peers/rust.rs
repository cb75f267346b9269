// Rust's std::sync::mpsc under the workloads of channel.c and tickets.c.
use std::env::args;
use std::fs::read_to_string;
use std::mem::forget;
use std::process::exit;
use std::sync::mpsc::{channel, sync_channel, Receiver, SendError, Sender, SyncSender};
use std::sync::{Arc, Barrier};
use std::thread::spawn;
use std::time::Instant;

enum Tx<T> {
    Unbounded(Sender<T>),
    Bounded(SyncSender<T>),
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
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self {
            Tx::Unbounded(tx) => tx.send(message),
            Tx::Bounded(tx) => tx.send(message),
        }
    }
}

fn open<T>(capacity: usize) -> (Tx<T>, Receiver<T>) {
    if capacity == 0 {
        let (tx, rx) = channel();
        (Tx::Unbounded(tx), rx)
    } else {
        let (tx, rx) = sync_channel(capacity);
        (Tx::Bounded(tx), rx)
    }
}

fn report(began: Instant, messages: usize, bytes: usize) {
    println!("{:.9} {} {}", began.elapsed().as_secs_f64(), messages, bytes);
}

fn resident_bytes() -> usize {
    let statm = read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

// A message of SIZE bytes: WORDS words of eight.
fn sending<const WORDS: usize>(messages: usize, threads: usize, capacity: usize) {
    let (tx, rx) = open::<[u64; WORDS]>(capacity);
    let start = Arc::new(Barrier::new(threads + 1));
    let mut handles = Vec::new();
    for _ in 0..threads {
        let (tx, start) = (tx.clone(), start.clone());
        handles.push(spawn(move || {
            let mut message = [0; WORDS];
            start.wait();
            for i in 0..messages / threads {
                message[0] = i as u64;
                tx.send(message).unwrap();
            }
        }));
    }
    drop(tx);
    start.wait();
    let began = Instant::now();
    let (mut received, mut sum) = (0, 0);
    while let Ok(message) = rx.recv() {
        received += 1;
        sum += message[0];
    }
    report(began, received, 0);
    let each = (messages / threads) as u64;
    assert_eq!(sum, threads as u64 * (each * (each - 1) / 2));
    for handle in handles {
        handle.join().unwrap();
    }
}

fn pingpong(messages: usize) {
    let (there, requests) = channel::<u64>();
    let (replies, back) = channel::<u64>();
    let echo = spawn(move || {
        while let Ok(message) = requests.recv() {
            replies.send(message).unwrap();
        }
    });
    let began = Instant::now();
    for i in 0..messages as u64 {
        there.send(i).unwrap();
        assert_eq!(back.recv(), Ok(i));
    }
    report(began, messages, 0);
    drop(there);
    echo.join().unwrap();
}

fn requests<const WORDS: usize>(messages: usize, clients: usize) {
    let (tx, rx) = channel::<[u64; WORDS]>();
    let start = Arc::new(Barrier::new(clients + 1));
    let (mut replies, mut handles) = (Vec::new(), Vec::new());
    for number in 0..clients as u64 {
        let (tx, start) = (tx.clone(), start.clone());
        let (reply, answers) = channel::<[u64; WORDS]>();
        replies.push(reply);
        handles.push(spawn(move || {
            start.wait();
            for i in 0..(messages / clients) as u64 {
                let mut message = [0; WORDS];
                message[0] = number;
                message[1] = i;
                tx.send(message).unwrap();
                assert_eq!(answers.recv().unwrap()[1], i);
            }
        }));
    }
    drop(tx);
    start.wait();
    let began = Instant::now();
    let mut answered = 0;
    while let Ok(message) = rx.recv() {
        answered += 1;
        let _ = replies[message[0] as usize].send(message);
    }
    report(began, answered, 0);
    for handle in handles {
        handle.join().unwrap();
    }
}

fn queued<const WORDS: usize>(messages: usize) {
    let (tx, _rx) = channel();
    let before = resident_bytes();
    let began = Instant::now();
    for _ in 0..messages {
        tx.send([0u64; WORDS]).unwrap();
    }
    report(began, messages, resident_bytes() - before);
    exit(0);
}

fn at_rest(channels: usize, capacity: usize) {
    let before = resident_bytes();
    let began = Instant::now();
    for _ in 0..channels {
        forget(open::<u64>(capacity));
    }
    report(began, channels, resident_bytes() - before);
}

// The ticket server of exercise 08: one thread owns the tickets.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Status {
    Todo,
    InProgress,
    Done,
}

#[derive(Clone)]
struct Ticket {
    title: [u8; 51],
    description: [u8; 501],
    status: Status,
}

enum Request {
    Add([u8; 51], [u8; 501], usize),
    SetStatus(u64, Status, usize),
    Get(u64, usize),
}

enum Reply {
    Id(u64),
    Done,
    Ticket(Ticket),
    NotFound,
}

fn serve(rx: Receiver<Request>, replies: Vec<Sender<Reply>>) {
    let mut tickets: Vec<Ticket> = Vec::new();
    while let Ok(request) = rx.recv() {
        let (to, reply) = match request {
            Request::Add(title, description, to) => {
                tickets.push(Ticket { title, description, status: Status::Todo });
                (to, Reply::Id(tickets.len() as u64))
            }
            Request::SetStatus(id, status, to) => match tickets.get_mut(id as usize - 1) {
                Some(ticket) => {
                    ticket.status = status;
                    (to, Reply::Done)
                }
                None => (to, Reply::NotFound),
            },
            Request::Get(id, to) => match tickets.get(id as usize - 1) {
                Some(ticket) => (to, Reply::Ticket(ticket.clone())),
                None => (to, Reply::NotFound),
            },
        };
        let _ = replies[to].send(reply);
    }
}

fn tickets(requests: usize, clients: usize, capacity: usize) {
    let (tx, rx) = sync_channel(capacity);
    let start = Arc::new(Barrier::new(clients + 1));
    let (mut replies, mut handles) = (Vec::new(), Vec::new());
    let each = requests / clients / 2 * 2;
    for me in 0..clients {
        let (tx, start) = (tx.clone(), start.clone());
        let (reply, answers) = channel();
        replies.push(reply);
        handles.push(spawn(move || {
            tx.send(Request::Add([b't'; 51], [b'd'; 501], me)).unwrap();
            let Reply::Id(id) = answers.recv().unwrap() else { panic!() };
            start.wait();
            for i in (0..each).step_by(2) {
                let status = if i % 4 == 0 { Status::InProgress } else { Status::Done };
                tx.send(Request::SetStatus(id, status, me)).unwrap();
                let Reply::Done = answers.recv().unwrap() else { panic!() };
                tx.send(Request::Get(id, me)).unwrap();
                let Reply::Ticket(ticket) = answers.recv().unwrap() else { panic!() };
                assert!(ticket.status == status && ticket.title[0] == b't');
                assert_eq!(ticket.description[0], b'd');
            }
        }));
    }
    drop(tx);
    let server = spawn(move || serve(rx, replies));
    start.wait();
    let began = Instant::now();
    for handle in handles {
        handle.join().unwrap();
    }
    report(began, each * clients, 0);
    server.join().unwrap();
}

fn main() {
    let args: Vec<String> = args().collect();
    let number = |i: usize, default| args.get(i).map_or(default, |a| a.parse::<usize>().unwrap());
    let (messages, threads, size, capacity) =
        (number(2, 1000), number(3, 1), number(4, 8), number(5, 0));
    match (args[1].as_str(), size) {
        ("unbounded" | "bounded", 8) => sending::<1>(messages, threads, capacity),
        ("unbounded" | "bounded", 64) => sending::<8>(messages, threads, capacity),
        ("unbounded" | "bounded", 512) => sending::<64>(messages, threads, capacity),
        ("unbounded" | "bounded", 4096) => sending::<512>(messages, threads, capacity),
        ("unbounded" | "bounded", 32768) => sending::<4096>(messages, threads, capacity),
        ("unbounded" | "bounded", 65536) => sending::<8192>(messages, threads, capacity),
        ("pingpong", _) => pingpong(messages),
        ("requests", 64) => requests::<8>(messages, threads),
        ("queued", 8) => queued::<1>(messages),
        ("queued", 64) => queued::<8>(messages),
        ("at_rest", 8) => at_rest(messages, capacity),
        ("tickets", _) => tickets(messages, threads, size),
        _ => exit(2),
    }
}
