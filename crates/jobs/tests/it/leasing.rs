//! Leases: two holders and one account.

use std::sync::Arc;
use std::time::Duration;

use jobs::{Lease, LeaseError, LeaseTimes};
use ports::{Clock, Leases};
use tokio::time::Instant;

use crate::remembered::{Remembered, RuntimeClock};

const KEY: &str = "mail.example.org:993 alice";

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

struct World {
    remembered: Arc<Remembered>,
    clock: Arc<dyn Clock>,
}

impl World {
    fn new() -> World {
        World { remembered: Arc::default(), clock: Arc::new(RuntimeClock::at(1_000)) }
    }

    async fn take(&self, holder: &str) -> Result<Lease, LeaseError> {
        let (leases, clock) = (self.remembered.clone(), Arc::clone(&self.clock));
        Lease::take(leases, clock, KEY, holder, LeaseTimes::default()).await
    }
}

#[tokio::test(start_paused = true)]
async fn w15_two_never_work_on_one_account() {
    let world = World::new();
    let lease = world.take("boot1/1").await.unwrap();
    let refused = world.take("boot1/2").await.err().unwrap();
    assert_eq!(refused.to_string(), "boot1/1 works on it since 1970-01-01T00:16:40Z");
    // It is renewed for as long as it lives.
    tokio::time::sleep(seconds(600)).await;
    assert!(lease.is_held() && world.take("boot1/2").await.is_err());
    lease.release().await.unwrap();
    world.take("boot1/2").await.unwrap().release().await.unwrap();
    assert!(world.remembered.leases().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn w16_what_a_dead_worker_held_is_taken_over() {
    let world = World::new();
    let began = Instant::now();
    // It ends without a word.
    drop(world.take("boot1/1").await.unwrap());
    while world.take("boot2/1").await.is_err() {
        tokio::time::sleep(seconds(1)).await;
    }
    let waited = began.elapsed();
    assert!(waited >= seconds(60) && waited < seconds(63), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn who_lost_a_lease_is_told() {
    let world = World::new();
    let lease = world.take("boot1/1").await.unwrap();
    // As if it had slept for too long.
    world.remembered.leases.lock().unwrap().get_mut(KEY).unwrap().holder = "boot2/1".into();
    lease.lost().await;
    assert!(!lease.is_held());
    lease.release().await.unwrap();
    assert_eq!(world.remembered.leases().unwrap().len(), 1, "it is not given back for others");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_holds_it_no_longer_than_others_believe() {
    let world = World::new();
    let lease = world.take("boot1/1").await.unwrap();
    let began = Instant::now();
    *world.remembered.is_broken.lock().unwrap() = true;
    lease.lost().await;
    assert!(began.elapsed() <= seconds(60), "{:?}", began.elapsed());
    // A short trouble is none.
    *world.remembered.is_broken.lock().unwrap() = false;
    tokio::time::sleep(seconds(60)).await;
    let lease = world.take("boot1/1").await.unwrap();
    *world.remembered.is_broken.lock().unwrap() = true;
    tokio::time::sleep(seconds(20)).await;
    *world.remembered.is_broken.lock().unwrap() = false;
    tokio::time::sleep(seconds(300)).await;
    assert!(lease.is_held());
}
