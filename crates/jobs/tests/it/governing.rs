//! The governor: connections, pauses, bytes of a day, turns.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use jobs::{Allowance, Counted, Governed, Governor, ServerKey};
use ports::{
    Body, Clock, Connect, FetchAnswer, Fetched, InFlight, PauseOf, Piece, Source, SourceError,
    SourceErrorKind,
};
use tokio::sync::mpsc;
use tokio::time::Instant;
use types::MailboxName;

use crate::remembered::{Remembered, RuntimeClock};
use crate::server::{Account, Server, Throttle};

/// 30 November 2026, noon.
const NOON: i64 = 1_796_040_000;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn governor(remembered: &Arc<Remembered>, server_connections: u16) -> Arc<Governor> {
    let clock: Arc<dyn Clock> = Arc::new(RuntimeClock::at(NOON));
    Arc::new(Governor::new(remembered.clone(), clock, server_connections))
}

fn allowance(account: &str) -> Allowance {
    Allowance {
        server: ServerKey::new("Mail.example.org", 993),
        account: account.into(),
        counted: Counted::Account,
        connections: NonZeroU16::new(9).unwrap(),
        job: None,
        bytes_per_day: None,
        pause_first: seconds(1),
        pause_max: seconds(60),
    }
}

fn governed(governor: &Arc<Governor>, account: Account) -> Governed<Account> {
    let allowance = allowance(&account.name);
    Governed::new(account, Arc::clone(governor), allowance)
}

fn inbox() -> MailboxName {
    MailboxName::from_parts(["INBOX"])
}

/// Fetches, and gives the bytes of each message that came.
async fn fetch(
    source: &mut impl Source,
    uids: &[u64],
) -> (Vec<usize>, Result<FetchAnswer, SourceError>) {
    let budget = InFlight::new(1 << 20);
    let (into, mut from) = mpsc::channel::<Fetched>(4);
    let reading = async {
        let mut sizes = Vec::new();
        while let Some(fetched) = from.recv().await {
            sizes.push(match fetched.body {
                Body::Whole(bytes) => bytes.len(),
                Body::Nil => 0,
                Body::Pieces(mut pieces) => {
                    let mut size = 0;
                    while let Some(Piece::Bytes(bytes)) = pieces.recv().await {
                        size += bytes.len();
                    }
                    size
                }
            });
        }
        sizes
    };
    let fetching = async {
        let answer = source.fetch(uids, &budget, &into).await;
        drop(into);
        answer
    };
    let (answer, sizes) = tokio::join!(fetching, reading);
    (sizes, answer)
}

#[tokio::test(start_paused = true)]
async fn a_server_never_has_more_connections_than_its_budget() {
    let (server, remembered) = (Server::new(), Arc::default());
    let governor = governor(&remembered, 5);
    let tasks: Vec<_> = (0..24)
        .map(|n| {
            let connector = governed(&governor, server.account(&format!("a{}", n % 8)));
            tokio::spawn(async move {
                let mut source = connector.connect().await.unwrap();
                source.open(&inbox(), None).await.unwrap();
                for uid in 1..10 {
                    fetch(&mut source, &[uid]).await.1.unwrap();
                }
                source.close().await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let state = server.0.lock().unwrap();
    assert_eq!((state.open_max, state.open.values().sum::<usize>()), (5, 0));
    assert_eq!(governor.counts(&ServerKey::new("mail.example.org", 993)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn nobody_connects_before_the_time_that_the_server_named() {
    let (server, remembered) = (Server::new(), Arc::new(Remembered::default()));
    let of = PauseOf::Server;
    server.0.lock().unwrap().connects.push_back(Throttle { retry_after: Some(seconds(50)), of });
    let first = governor(&remembered, 5);
    let error = governed(&first, server.account("a")).connect().await.err().unwrap();
    assert!(error.to_string().contains("slow down"), "{error}");
    let began = Instant::now();
    // Another account, in another process.
    let second = governor(&remembered, 5);
    let (until, reason) =
        second.rests_until(&ServerKey::new("mail.example.org", 993)).await.unwrap();
    assert!(until.0 >= NOON + 50 && reason.contains("[LIMIT]"), "{until} {reason}");
    governed(&second, server.account("b")).connect().await.unwrap();
    assert!(began.elapsed() >= seconds(50), "{:?}", began.elapsed());
    assert!(remembered.pauses.lock().unwrap().is_empty(), "it works again");
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_ends_the_step_and_names_the_time() {
    let (server, remembered) = (Server::new(), Arc::default());
    let of = PauseOf::Server;
    server.0.lock().unwrap().connects.push_back(Throttle { retry_after: Some(seconds(300)), of });
    let governor = governor(&remembered, 5);
    governed(&governor, server.account("a")).connect().await.err().unwrap();
    let began = Instant::now();
    let error = governed(&governor, server.account("b")).connect().await.err().unwrap();
    assert_eq!(began.elapsed(), seconds(0), "it does not wait");
    let text = error.to_string();
    assert_eq!(
        text,
        "nobody connects to mail.example.org:993 before 2026-11-30T12:05:02Z, as it \
                      asked: [LIMIT] slow down"
    );
    assert_eq!(server.0.lock().unwrap().tried.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_until_it_works_again() {
    let (server, remembered) = (Server::new(), Arc::default());
    let throttle = Throttle { retry_after: None, of: PauseOf::Server };
    server.0.lock().unwrap().connects.extend([throttle; 5]);
    let governor = governor(&remembered, 5);
    let connector = governed(&governor, Account { takes: Duration::ZERO, ..server.account("a") });
    let mut source = loop {
        if let Ok(source) = connector.connect().await {
            break source;
        }
    };
    let tried: Vec<Instant> = server.0.lock().unwrap().tried.iter().map(|it| it.0).collect();
    let gaps: Vec<u64> = tried.windows(2).map(|it| (it[1] - it[0]).as_secs()).collect();
    assert_eq!(gaps, [1, 2, 4, 8, 16]);
    // A login that works says nothing of fetching.
    source.open(&inbox(), None).await.unwrap();
    for want in [1, 2, 4] {
        server.0.lock().unwrap().fetches.push_back(throttle);
        fetch(&mut source, &[1]).await.1.unwrap_err();
        let began = Instant::now();
        source = connector.connect().await.unwrap();
        source.open(&inbox(), None).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), want);
    }
    fetch(&mut source, &[1]).await.1.unwrap();
    assert!(remembered.pauses.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_five_times_is_left_alone() {
    let (server, remembered) = (Server::new(), Arc::new(Remembered::default()));
    let throttle = Throttle { retry_after: None, of: PauseOf::Server };
    server.0.lock().unwrap().connects.extend([throttle; 9]);
    let asked = async |governor: &Arc<Governor>| {
        let connector =
            governed(governor, Account { takes: Duration::ZERO, ..server.account("a") });
        match connector.connect().await.err().unwrap().kind() {
            SourceErrorKind::Throttled { retry_after: Some(asked) } => asked.as_secs(),
            other => panic!("{other:?}"),
        }
    };
    let first = governor(&remembered, 5);
    for want in [1, 2, 4, 8, 16, 61] {
        assert_eq!(asked(&first).await, want);
    }
    // The next process knows it, until an hour has passed.
    let second = governor(&remembered, 5);
    assert_eq!(asked(&second).await, 61);
    tokio::time::sleep(seconds(3_700)).await;
    assert_eq!(asked(&second).await, 1);
    tokio::time::sleep(seconds(3_700)).await;
    let third =
        Arc::new(Governor::new(remembered.clone(), Arc::new(RuntimeClock::at(NOON + 7_500)), 5));
    assert_eq!(asked(&third).await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_of_one_account_holds_up_no_other() {
    let (server, remembered) = (Server::new(), Arc::default());
    let of = PauseOf::Account;
    server.0.lock().unwrap().connects.push_back(Throttle { retry_after: Some(seconds(300)), of });
    let governor = governor(&remembered, 5);
    governed(&governor, server.account("a")).connect().await.err().unwrap();
    governed(&governor, server.account("b")).connect().await.unwrap();
    assert!(governed(&governor, server.account("a")).connect().await.is_err());
    // Also under the name in capitals, which is the same account to most servers.
    assert!(governed(&governor, server.account("A")).connect().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_bytes_of_a_day_end_a_run_and_the_next_day_goes_on() {
    for size in [100, 101] {
        let (server, remembered) = (Server::new(), Arc::new(Remembered::default()));
        let account = Account { size, ..server.account("a") };
        let allowed = Allowance { bytes_per_day: Some(250), ..allowance("a") };
        let first = governor(&remembered, 5);
        let connector = Governed::new(account.clone(), Arc::clone(&first), allowed.clone());
        let mut source = connector.connect().await.unwrap();
        source.open(&inbox(), None).await.unwrap();
        let (sizes, answer) = fetch(&mut source, &[1, 2, 3, 4, 5]).await;
        assert_eq!(sizes, [size; 3], "the message that reaches the limit comes whole");
        let text = answer.unwrap_err().to_string();
        assert_eq!(
            text,
            "250 bytes a day for this account are reached, it goes on at \
                          2026-12-01T00:00:00Z"
        );
        first.settle().await;
        // In the next process of the same day nothing is fetched, and all else works.
        let second = governor(&remembered, 5);
        let connector = Governed::new(account, Arc::clone(&second), allowed);
        let mut source = connector.connect().await.unwrap();
        source.open(&inbox(), None).await.unwrap();
        let (sizes, answer) = fetch(&mut source, &[4, 5]).await;
        assert_eq!((sizes.len(), answer.is_err()), (0, true));
        assert!(second.rests_until(&ServerKey::new("mail.example.org", 993)).await.is_none());
        tokio::time::sleep(seconds(12 * 3_600)).await;
        assert_eq!(fetch(&mut source, &[4, 5]).await.0, [size; 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_are_counted_over_a_profile_that_holds_the_login() {
    let (server, remembered) = (Server::new(), Arc::default());
    let governor = governor(&remembered, 5);
    let source = async |name: &str| {
        let counted = Counted::Profile("p1".into());
        let allowed = Allowance { bytes_per_day: Some(15), counted, ..allowance(name) };
        let mut source = Governed::new(server.account(name), Arc::clone(&governor), allowed)
            .connect()
            .await
            .unwrap();
        source.open(&inbox(), None).await.unwrap();
        source
    };
    assert_eq!(fetch(&mut source("a").await, &[1]).await.0, [10]);
    assert_eq!(fetch(&mut source("b").await, &[1, 2, 3]).await.0, [10]);
    let (sizes, answer) = fetch(&mut source("c").await, &[1]).await;
    assert!(sizes.is_empty() && answer.unwrap_err().to_string().contains("its server profile"));
}

/// Two places, both of a big mailbox; then somebody else comes.
#[tokio::test(start_paused = true)]
async fn a_big_mailbox_makes_room_between_two_commands() {
    let (server, remembered) = (Server::new(), Arc::default());
    let governor = governor(&remembered, 2);
    let connector = governed(&governor, server.account("big"));
    let mut sources = vec![connector.connect().await.unwrap(), connector.connect().await.unwrap()];
    for source in &mut sources {
        source.open(&inbox(), None).await.unwrap();
    }
    let small = governed(&governor, server.account("small"));
    let small = tokio::spawn(async move {
        let mut source = small.connect().await.unwrap();
        source.open(&inbox(), None).await.unwrap();
        fetch(&mut source, &[1]).await.1.unwrap();
        Instant::now()
    });
    tokio::task::yield_now().await;
    let began = Instant::now();
    let (first, second) = sources.split_at_mut(1);
    let work = async |source: &mut jobs::GovernedSource<Account>| {
        for uid in 1..10 {
            assert_eq!(fetch(source, &[uid]).await.0.len(), 1);
        }
    };
    tokio::join!(work(&mut first[0]), work(&mut second[0]));
    let waited = small.await.unwrap() - began;
    assert!(waited < seconds(5), "{waited:?}");
    let state = server.0.lock().unwrap();
    assert_eq!((state.open_max, state.opened), (2, 4), "the mailbox was opened again");
    assert_eq!(sources[0].warnings(), ["it is not encrypted"], "once");
}

#[tokio::test(start_paused = true)]
async fn after_making_room_a_renumbered_mailbox_is_noticed() {
    let (server, remembered) = (Server::new(), Arc::default());
    let governor = governor(&remembered, 1);
    let mut long = governed(&governor, server.account("long")).connect().await.unwrap();
    long.open(&inbox(), None).await.unwrap();
    let other = governed(&governor, server.account("other"));
    let other = tokio::spawn(async move { other.connect().await.unwrap().close().await });
    tokio::time::sleep(seconds(61)).await;
    server.0.lock().unwrap().uid_validity = 8;
    let (sizes, answer) = fetch(&mut long, &[1]).await;
    assert!(sizes.is_empty());
    assert!(answer.unwrap_err().to_string().contains("renumbered"));
    other.await.unwrap();
}

/// One place, one account that never ends, and others that come one after the other.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_the_end_of_another_account() {
    let (server, remembered) = (Server::new(), Arc::default());
    let governor = governor(&remembered, 1);
    let endless = governed(&governor, server.account("endless"));
    let endless = tokio::spawn(async move {
        let mut source = endless.connect().await.unwrap();
        source.open(&inbox(), None).await.unwrap();
        loop {
            fetch(&mut source, &[1]).await.1.unwrap();
        }
    });
    tokio::time::sleep(seconds(2)).await;
    let began = Instant::now();
    let others: Vec<_> = (0..5)
        .map(|n| {
            let other = governed(&governor, server.account(&format!("other{n}")));
            tokio::spawn(async move { other.connect().await.unwrap().close().await })
        })
        .collect();
    for other in others {
        other.await.unwrap();
    }
    assert!(began.elapsed() < seconds(70), "one turn, and five visits: {:?}", began.elapsed());
    let before = server.0.lock().unwrap().fetched.len();
    tokio::time::sleep(seconds(30)).await;
    assert!(server.0.lock().unwrap().fetched.len() > before, "it goes on");
    endless.abort();
}

#[tokio::test(start_paused = true)]
async fn a_place_that_nobody_waits_for_any_more_is_free() {
    let (server, remembered) = (Server::new(), Arc::default());
    let governor = governor(&remembered, 1);
    let key = ServerKey::new("mail.example.org", 993);
    let held = governed(&governor, server.account("a")).connect().await.unwrap();
    let waiting = governed(&governor, server.account("b"));
    assert!(tokio::time::timeout(seconds(5), waiting.connect()).await.is_err());
    assert_eq!(governor.counts(&key), (1, 0));
    drop(held);
    assert_eq!(governor.counts(&key), (0, 0));
    waiting.connect().await.unwrap();
    // More places than before: who waits gets one at once.
    let held = waiting.connect().await.unwrap();
    let third = governed(&governor, server.account("c"));
    let third = tokio::spawn(async move { third.connect().await.map(|_| ()) });
    tokio::task::yield_now().await;
    governor.set_server_connections(2);
    third.await.unwrap().unwrap();
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_memory_that_fails_keeps_no_mail_from_being_archived() {
    let (server, remembered) = (Server::new(), Arc::new(Remembered::default()));
    *remembered.is_broken.lock().unwrap() = true;
    let governor = governor(&remembered, 1);
    let of = PauseOf::Server;
    server.0.lock().unwrap().connects.push_back(Throttle { retry_after: Some(seconds(30)), of });
    let connector = governed(&governor, server.account("a"));
    assert!(connector.connect().await.is_err());
    let began = Instant::now();
    connector.connect().await.unwrap();
    assert!(began.elapsed() >= seconds(30), "it holds in this process");
}

/// Accounts at work while the server throttles now and then: nobody connects during a pause, and
/// everybody gets to his end.
#[tokio::test(start_paused = true)]
async fn any_throttling_is_waited_out() {
    for seed in 1..20_u64 {
        let (server, remembered) = (Server::new(), Arc::default());
        let governor = governor(&remembered, u16::try_from(1 + seed % 4).unwrap());
        let pauses = (0..6)
            .map(|n| seed * 7 % (n + 2) * 5)
            .map(|it| Throttle { retry_after: (it > 0).then(|| seconds(it)), of: PauseOf::Server });
        server.0.lock().unwrap().connects.extend(pauses);
        let tasks: Vec<_> = (0..9)
            .map(|n| {
                let connector = governed(&governor, server.account(&format!("a{}", n % 5)));
                tokio::spawn(async move {
                    let mut left = 20;
                    let mut source = loop {
                        match connector.connect().await {
                            Ok(source) => break source,
                            Err(error) if left == 0 => panic!("{error}"),
                            Err(_) => left -= 1,
                        }
                    };
                    source.open(&inbox(), None).await.unwrap();
                    fetch(&mut source, &[1, 2, 3]).await.1.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let state = server.0.lock().unwrap();
        assert!(state.open_max <= usize::try_from(1 + seed % 4).unwrap());
    }
}
